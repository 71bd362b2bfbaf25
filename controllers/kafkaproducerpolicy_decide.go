package controllers

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// maxPolicyTopics is how many topics a status remembers.
const maxPolicyTopics = 256

// policyDecision is what a policy comes to.
type policyDecision struct {
	settings producerpolicy.Settings
	// unchecked is why the rest is not known; what the status says of it stays.
	unchecked *blocked

	findings []v1alpha1.ProducerFinding
	counts   v1alpha1.FindingCounts
	verdict  producerpolicy.Verdict
	// inForce is what workloads are given from now on; nil for nothing.
	inForce    *v1alpha1.ProducerInForce
	topicCount int
	topics     []v1alpha1.ProducerTopic
}

// decidePolicy holds the policy against what was seen.
func decidePolicy(policy *v1alpha1.KafkaProducerPolicy, seen policySnapshot) policyDecision {
	d := policyDecision{settings: producerpolicy.Resolve(policy.Spec), unchecked: seen.unchecked(decidedOf(policy) != nil)}
	if d.unchecked != nil {
		return d
	}
	before := policy.Status.Topics
	if policy.Status.ObservedGeneration != policy.Generation {
		before = nil
	}
	findings := producerpolicy.Check(factsOf(policy, seen, before))
	d.findings, d.counts = producerpolicy.Summarise(findings)
	d.inForce = policy.Status.InForce
	if d.verdict = producerpolicy.Judge(policy.Spec.Enforcement, findings, d.inForce); d.verdict.Accepted {
		d.inForce = newInForce(policy, d.settings)
	}
	d.topics, d.topicCount = topicsSeen(before, seen.survey.Topics)
	return d
}

// decidedOf is what was decided of this generation, nil for nothing yet.
func decidedOf(policy *v1alpha1.KafkaProducerPolicy) *metav1.Condition {
	last := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionAccepted)
	if last == nil || last.Status == notSeen || last.ObservedGeneration != policy.Generation {
		return nil
	}
	return last
}

func factsOf(policy *v1alpha1.KafkaProducerPolicy, seen policySnapshot, before []v1alpha1.ProducerTopic) producerpolicy.Facts {
	byName := func(a, b kafka.TopicConfig) int { return cmp.Compare(a.Name, b.Name) }
	return producerpolicy.Facts{
		Name:     client.ObjectKeyFromObject(policy).String(),
		Spec:     policy.Spec,
		Topics:   slices.SortedFunc(maps.Values(seen.survey.Topics), byName),
		Brokers:  seen.survey.Brokers,
		Policies: seen.beside.policies,
		Groups:   seen.beside.groups,
		Before:   topicsBefore(before),
	}
}

// newInForce is what is accepted now.
func newInForce(policy *v1alpha1.KafkaProducerPolicy, settings producerpolicy.Settings) *v1alpha1.ProducerInForce {
	inForce := v1alpha1.ProducerInForce{Generation: policy.Generation, Settings: settings}
	for _, file := range producerpolicy.Render(client.ObjectKeyFromObject(policy).String(), policy.Spec) {
		inForce.Files = append(inForce.Files, v1alpha1.ProducerFile{Client: file.Client, Name: file.Name, Hash: file.Hash})
	}
	return &inForce
}

func topicsBefore(topics []v1alpha1.ProducerTopic) map[string]producerpolicy.TopicBefore {
	before := make(map[string]producerpolicy.TopicBefore, len(topics))
	for _, topic := range topics {
		was := producerpolicy.TopicBefore{Partitions: topic.Partitions}
		if raw, err := hex.DecodeString(topic.ID); err == nil {
			copy(was.ID[:], raw)
		}
		before[topic.Name] = was
	}
	return before
}

// topicsSeen are the topics as a status remembers them, and how many there are: one
// that was there before stays as it was then, unless another has its name now.
func topicsSeen(before []v1alpha1.ProducerTopic, now map[string]kafka.TopicConfig) ([]v1alpha1.ProducerTopic, int) {
	known := make(map[string]v1alpha1.ProducerTopic, len(before))
	for _, topic := range before {
		known[topic.Name] = topic
	}
	var topics []v1alpha1.ProducerTopic
	for _, name := range slices.Sorted(maps.Keys(now)) {
		was, is := known[name], now[name]
		switch {
		case was.Name != "" && (is.State != kafka.TopicExists || was.ID == idOf(is) || was.ID == "" || idOf(is) == ""):
			was.ID = cmp.Or(was.ID, idOf(is))
			topics = append(topics, was)
		case is.State == kafka.TopicExists && is.Partitions.IsKnown:
			topics = append(topics, v1alpha1.ProducerTopic{Name: name, ID: idOf(is), Partitions: is.Partitions.Value})
		}
	}
	return topics[:min(len(topics), maxPolicyTopics)], len(now)
}

// idOf is the topic's id, empty where the brokers don't tell it.
func idOf(t kafka.TopicConfig) string {
	if t.ID == (kafka.TopicID{}) {
		return ""
	}
	return hex.EncodeToString(t.ID[:])
}
