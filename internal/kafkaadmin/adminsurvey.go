package kafkaadmin

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Question is what a survey is to find out.
type Question struct {
	GroupID string
	// Topics are the topics to survey, in any order. At least one, or TopicPattern,
	// which is as a Subscription's.
	Topics       []string
	TopicPattern string
	// Isolation is which records the group's consumers read: ends are its. Empty
	// means kafka.ReadUncommitted.
	Isolation kafka.Isolation
	// At asks for the first offsets that are not before this time, unless it is zero.
	At time.Time
	// SourceGroup is another group whose commits are wanted as well.
	SourceGroup string
}

// Survey reads a group whole: its members first, then its commits, then the
// bounds of the logs. So the commits of a Survey that says Empty are not older
// than that. A part that can't be read fails all of it, with an error that names
// the first such part. A commit that an open transaction is about to change
// (UNSTABLE_OFFSET_COMMIT) is kafka.ErrUnavailable.
func (a *Admin) Survey(ctx context.Context, c Connection, q Question) (kafka.Survey, error) {
	client, done, err := a.use(c)
	if err != nil {
		return kafka.Survey{}, err
	}
	defer done()
	survey, err := client.survey(ctx, q)
	if err != nil {
		return kafka.Survey{}, fmt.Errorf("survey group %q: %w", q.GroupID, err)
	}
	return survey, nil
}

func (c *client) survey(ctx context.Context, q Question) (kafka.Survey, error) {
	began := time.Now()
	topics, err := c.topicsOfQuestion(ctx, q)
	if err != nil {
		return kafka.Survey{}, err
	}
	known, err := c.locate(ctx, topics)
	if err != nil {
		return kafka.Survey{}, err
	}
	opened := c.opened.Load()
	survey := kafka.Survey{GroupID: q.GroupID, ClusterID: known.id, At: began}
	if survey.Topics, err = known.surveyed(topics); err != nil {
		return kafka.Survey{}, err
	}
	if err := c.surveyGroups(ctx, known, q, &survey); err != nil {
		return kafka.Survey{}, err
	}
	if err := c.surveyLogs(ctx, known, q, survey.Topics); err != nil {
		return kafka.Survey{}, err
	}
	return survey, c.sameCluster(ctx, known, opened)
}

// topicsOfQuestion are the topics to survey, sorted. A pattern is matched against
// a list that is read now: topics of the last half minute count.
func (c *client) topicsOfQuestion(ctx context.Context, q Question) ([]string, error) {
	switch {
	case c.invalid != nil:
		return nil, c.invalid
	case len(q.Topics) > 0:
		return sortedSet(q.Topics), nil
	case q.TopicPattern == "":
		return nil, fmt.Errorf("%w: no topics", kafka.ErrInvalid)
	}
	var list patterns
	list.names, list.internal, list.err = c.topicNames(ctx)
	m := list.match(q.TopicPattern)
	return m.topics, m.err
}

// surveyed are the topics with all of their partitions. Each must have a leader.
func (c *cluster) surveyed(names []string) ([]kafka.SurveyedTopic, error) {
	topics := make([]kafka.SurveyedTopic, len(names))
	for i, name := range names {
		t, listed := c.topics[name]
		if !listed {
			t.err = unlisted(name, errLeftOut)
		}
		if t.err != nil {
			return nil, t.err
		}
		for _, p := range t.partitions {
			if p.err != nil {
				return nil, p.err
			}
		}
		topics[i] = kafka.SurveyedTopic{
			Name: name, ID: t.id, MayCommit: t.operations.allow(sarama.AclOperationRead),
			Partitions: make([]kafka.SurveyedPartition, len(t.partitions)),
		}
	}
	return topics, nil
}

// surveyGroups fills in the members, and then the commits.
func (c *client) surveyGroups(ctx context.Context, known *cluster, q Question, survey *kafka.Survey) error {
	group, err := c.findGroup(ctx, known, q.GroupID)
	if err != nil {
		return err
	}
	survey.Membership = group.Membership
	survey.MayCommit = group.operations.allow(sarama.AclOperationRead)
	survey.MayDelete = group.operations.allow(sarama.AclOperationDelete)
	committed, err := c.surveyCommits(ctx, known, group.coordinator, q.GroupID, survey.Topics,
		func(p *kafka.SurveyedPartition) *kafka.Commit { return &p.Committed })
	if err != nil {
		return err
	}
	if group.State == kafka.StateDead && committed {
		return describeFailed(q.GroupID, errUndead).err
	}
	return c.surveySource(ctx, known, q.SourceGroup, survey.Topics)
}

// surveySource fills in the commits of the other group, none if there is none.
func (c *client) surveySource(ctx context.Context, known *cluster, id string, topics []kafka.SurveyedTopic) error {
	source := func(p *kafka.SurveyedPartition) *kafka.Commit { return &p.Source }
	if id == "" {
		for i := range topics {
			for j := range topics[i].Partitions {
				source(&topics[i].Partitions[j]).Offset = kafka.NoOffset
			}
		}
		return nil
	}
	coordinator, err := c.coordinatorOf(ctx, known, id)
	if err != nil {
		return err
	}
	_, err = c.surveyCommits(ctx, known, coordinator, id, topics, source)
	return err
}
