package controllers

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// topicIndex is of KafkaProducerPolicies and KafkaConsumerGroups whose cluster is
// known: by cluster and topic, as topicKey has it. Those with a pattern are under
// anyTopic of their cluster.
const topicIndex = "status.clusterID/spec.topics"

// anyTopic is no topic's name.
const anyTopic = "*"

func topicKey(cluster, topic string) string { return cluster + "/" + topic }

// topicKeys are what an object is found by.
func topicKeys(cluster string, topics []v1alpha1.TopicName, pattern string) []string {
	switch {
	case cluster == "":
		return nil
	case pattern != "":
		return []string{topicKey(cluster, anyTopic)}
	}
	keys := make([]string, 0, len(topics))
	for _, topic := range topics {
		keys = append(keys, topicKey(cluster, string(topic)))
	}
	return keys
}

func indexPolicies(ctx context.Context, indexer client.FieldIndexer) error {
	index := func(o client.Object, field string, values client.IndexerFunc) error {
		if err := indexer.IndexField(ctx, o, field, values); err != nil {
			return fmt.Errorf("index %T by %s: %w", o, field, err)
		}
		return nil
	}
	err := index(&v1alpha1.KafkaProducerPolicy{}, topicIndex, func(o client.Object) []string {
		policy := o.(*v1alpha1.KafkaProducerPolicy)
		return topicKeys(policy.Status.ClusterID, policy.Spec.Topics, policy.Spec.TopicPattern)
	})
	if err != nil {
		return err
	}
	err = index(&v1alpha1.KafkaConsumerGroup{}, topicIndex, func(o client.Object) []string {
		group := o.(*v1alpha1.KafkaConsumerGroup)
		return topicKeys(group.Status.ClusterID, group.Spec.Topics, group.Spec.TopicPattern)
	})
	if err != nil {
		return err
	}
	return index(&v1alpha1.KafkaProducerPolicy{}, connectionRefIndex, func(o client.Object) []string {
		if ref := o.(*v1alpha1.KafkaProducerPolicy).Spec.Kafka.ConnectionRef; ref != nil {
			return []string{string(ref.Name)}
		}
		return nil
	})
}

// neighbours are who else writes and reads the topics, by topic.
type neighbours struct {
	policies map[string][]producerpolicy.TopicPolicy
	groups   map[string][]producerpolicy.TopicGroup
}

// neighbours finds them in all namespaces that are watched.
func (r *KafkaProducerPolicyReconciler) neighbours(ctx context.Context, seen policySnapshot) (neighbours, error) {
	beside := neighbours{policies: map[string][]producerpolicy.TopicPolicy{}, groups: map[string][]producerpolicy.TopicGroup{}}
	if seen.cluster.id == "" || len(seen.survey.Topics) == 0 {
		return beside, nil
	}
	for topic := range seen.survey.Topics {
		if err := r.besideTopic(ctx, topicKey(seen.cluster.id, topic), []string{topic}, beside); err != nil {
			return beside, err
		}
	}
	topics := make([]string, 0, len(seen.survey.Topics))
	for topic := range seen.survey.Topics {
		topics = append(topics, topic)
	}
	return beside, r.besideTopic(ctx, topicKey(seen.cluster.id, anyTopic), topics, beside)
}

// besideTopic adds those under a key of the index to the topics that they have.
func (r *KafkaProducerPolicyReconciler) besideTopic(ctx context.Context, key string, topics []string, beside neighbours) error {
	var policies v1alpha1.KafkaProducerPolicyList
	var groups v1alpha1.KafkaConsumerGroupList
	for _, list := range []client.ObjectList{&policies, &groups} {
		if err := r.List(ctx, list, client.MatchingFields{topicIndex: key}, client.UnsafeDisableDeepCopy); err != nil {
			return fmt.Errorf("list %T of %q: %w", list, key, err)
		}
	}
	for i := range policies.Items {
		p := &policies.Items[i]
		one := producerpolicy.TopicPolicy{Name: client.ObjectKeyFromObject(p).String(), Partitioner: producerpolicy.Resolve(p.Spec).Partitioner}
		addTo(beside.policies, topics, p.Spec.TopicPattern, one)
	}
	for i := range groups.Items {
		g := &groups.Items[i]
		one := producerpolicy.TopicGroup{Name: client.ObjectKeyFromObject(g).String(), Isolation: kafka.Isolation(g.Spec.Consumer.IsolationLevel)}
		addTo(beside.groups, topics, g.Spec.TopicPattern, one)
	}
	return nil
}

// addTo adds one to those of the topics that its pattern matches; no pattern matches all.
func addTo[T any](byTopic map[string][]T, topics []string, pattern string, one T) {
	matches := func(string) bool { return true }
	if pattern != "" {
		expression, err := kafka.TopicPattern(pattern)
		if err != nil {
			return // it reads and writes nothing
		}
		matches = expression.MatchString
	}
	for _, topic := range topics {
		if matches(topic) {
			byTopic[topic] = append(byTopic[topic], one)
		}
	}
}
