package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// rulesThatFind are the rules that find an error with the arm's policy on this
// topic, as the operator would say of this very cluster.
func (s *stand) rulesThatFind(ctx context.Context, topic string, a arm) ([]string, error) {
	survey, err := s.survey(ctx, topic)
	if err != nil {
		return nil, err
	}
	facts := producerpolicy.Facts{
		Spec: a.policy, Topics: []kafka.TopicConfig{survey.Topics[topic]}, Brokers: survey.Brokers,
		Policies: map[string][]producerpolicy.TopicPolicy{topic: a.beside},
	}
	var rules []string
	for _, f := range producerpolicy.Check(facts) {
		if f.Severity == v1alpha1.SeverityError && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules, nil
}

// survey reads what the rules look at, once the broker that is asked knows the
// topics, which may just have been created.
func (s *stand) survey(ctx context.Context, topics ...string) (survey kafka.ConfigSurvey, err error) {
	err = until(ctx, func(ctx context.Context) error {
		survey, err = s.surveyor.Configs(ctx, s.connection, topics)
		if err != nil {
			return err
		}
		for _, topic := range topics {
			if known := survey.Topics[topic].MinInSyncReplicas; !known.IsKnown {
				return fmt.Errorf("min.insync.replicas of topic %q is not known: %s", topic, known.Reason)
			}
		}
		return survey.Passing
	})
	if err != nil {
		return survey, fmt.Errorf("read the settings of topics %q: %w", topics, err)
	}
	return survey, nil
}
