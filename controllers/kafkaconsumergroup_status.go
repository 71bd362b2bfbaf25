package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

const (
	maxWorstPartitions = 5
	maxWarnings        = 8
)

// report writes the status, tells of what changed in events, and sets the metrics.
func (r *KafkaConsumerGroupReconciler) report(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, done applyResult, m *memory,
) (statusResult, error) {
	before := statusNow(group, m)
	if e, ok := putBackEvent(done); ok {
		r.emit(group, e)
	}
	if saysNothingNew(group, before, seen, d, done) {
		return statusResult{}, nil
	}
	after := r.statusOf(group, before, seen, d, done)
	setMetrics(group, seen, d, after)
	wrote, err := r.status.write(ctx, group, before, after, m)
	if wrote.written && err == nil {
		for _, e := range eventsOf(before, after) {
			r.emit(group, e)
		}
	}
	return wrote, err
}

func (r *KafkaConsumerGroupReconciler) emit(group *v1alpha1.KafkaConsumerGroup, e groupEvent) {
	r.Recorder.Eventf(group, nil, e.kind, e.reason, e.action, "%s", e.shortNote())
}

// saysNothingNew is true right after a restart, until the first sample: a status
// that is there already stays rather than being written twice for every group.
func saysNothingNew(group *v1alpha1.KafkaConsumerGroup, before v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, done applyResult) bool {
	return !seen.sampled && before.ObservedGeneration == group.Generation && before.Scaling != nil &&
		before.DesiredReplicas == done.replicas && d.blocked == nil && done.invalid == nil
}

// statusOf is the status after this reconcile; pure but for the settings.
func (r *KafkaConsumerGroupReconciler) statusOf(
	group *v1alpha1.KafkaConsumerGroup, before v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, done applyResult,
) v1alpha1.KafkaConsumerGroupStatus {
	after := *before.DeepCopy()
	after.ObservedGeneration = group.Generation
	after.ClusterID = seen.clusterID(group)
	after.Selector = labels.SelectorFromSet(selectorLabels(group)).String()
	setReplicas(&after, seen, d, done)
	setLag(&after, seen, d)
	after.Warnings = warningsOf(group, seen)
	r.setConditions(group, &after, seen, d, done)
	return after
}

func setReplicas(s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, done applyResult) {
	scaled := s.Scaling == nil || s.DesiredReplicas != done.replicas
	if s.Scaling == nil {
		s.Scaling = &v1alpha1.ScalingStatus{}
	}
	if scaled {
		s.Scaling.LastScaleTime = &metav1.Time{Time: seen.now}
	}
	s.Replicas, s.AvailableReplicas = 0, 0
	if done.deployment != nil {
		s.Replicas, s.AvailableReplicas = done.deployment.Status.Replicas, done.deployment.Status.AvailableReplicas
	}
	s.DesiredReplicas = done.replicas
	s.ReplicaSummary = fmt.Sprintf("%d/%d", s.AvailableReplicas, s.DesiredReplicas)
	s.Scaling.Reason, s.Scaling.Message = string(d.scale.Reason), d.scale.Message
	if d.scale.Useful > 0 {
		s.Scaling.UsefulMembers = d.scale.Useful
	}
	for _, b := range []*blocked{d.blocked, done.invalid} {
		if b != nil {
			s.Scaling.Reason, s.Scaling.Message = b.reason, fmt.Sprintf("%d: held: %s", done.replicas, b.message)
		}
	}
	switch {
	case s.AvailableReplicas >= s.DesiredReplicas:
		s.Scaling.ShortSince = nil
	case s.Scaling.ShortSince == nil:
		s.Scaling.ShortSince = &metav1.Time{Time: seen.now}
	}
	if done.deployment != nil && (s.AvailableReplicas >= s.DesiredReplicas || (s.SettledReplicas != nil && *s.SettledReplicas > s.DesiredReplicas)) {
		s.SettledReplicas = ptr.To(s.DesiredReplicas)
	}
}

// setLag shows the sample's lag, or keeps the last good one with its time.
func setLag(s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision) {
	if !seen.sampled || seen.sample.ConnectionErr != nil {
		return
	}
	s.Partitions = partitionsOf(seen.lag)
	s.Topics = topicStatuses(seen.lag)
	if seen.sample.StateErr == nil {
		s.Group = &v1alpha1.GroupStatus{State: string(seen.sample.State), Members: int32(len(seen.sample.Members))}
	}
	if d.unknown == nil {
		messages, _ := seen.lag.Known()
		s.Lag = &v1alpha1.LagStatus{Messages: lag.Round(messages), ObservedAt: metav1.NewTime(seen.sample.At)}
		s.WorstPartitions = worstOf(seen)
	}
}

func partitionsOf(l lag.Group) int32 {
	counts, _ := l.PartitionCounts()
	var total int32
	for _, n := range counts {
		total += n
	}
	return total
}

func topicStatuses(l lag.Group) []v1alpha1.TopicStatus {
	var topics []v1alpha1.TopicStatus
	for _, t := range l.Topics {
		status := v1alpha1.TopicStatus{Name: t.Name, Partitions: int32(len(t.Partitions))}
		if messages, ok := t.Known(); ok {
			status.Lag = ptr.To(lag.Round(messages))
		}
		topics = append(topics, status)
	}
	return topics
}

func worstOf(seen groupSnapshot) []v1alpha1.PartitionStatus {
	var worst []v1alpha1.PartitionStatus
	for _, p := range seen.lag.Worst(maxWorstPartitions) {
		worst = append(worst, v1alpha1.PartitionStatus{
			Topic: p.Topic, Partition: p.Partition, Lag: lag.Round(p.Messages), Owner: ownerOf(seen.sample.Members, p.TopicPartition),
		})
	}
	return worst
}

func ownerOf(members []kafka.Member, tp kafka.TopicPartition) string {
	for _, m := range members {
		if slices.Contains(m.Assigned, tp) {
			return m.ClientID
		}
	}
	return ""
}

// warningsOf are things that work and will hurt.
func warningsOf(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot) []string {
	var warnings []string
	grace := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if seconds := group.Spec.Workload.Template.Spec.TerminationGracePeriodSeconds; seconds != nil {
		grace = *seconds
	}
	if longest := group.Spec.Consumer.MaxProcessingTime.Duration; longest.Seconds() > float64(grace) {
		warnings = append(warnings, fmt.Sprintf(
			"workload.template.spec.terminationGracePeriodSeconds is %d and consumer.maxProcessingTime %s: a worker being stopped may be killed in the middle of a message, which is then handled again",
			grace, longest))
	}
	for _, m := range foreignMembers(seen) {
		warnings = append(warnings, fmt.Sprintf("the group has a member that is no worker of this object: client id %q at %q; it takes partitions from the workers", m.ClientID, m.Host))
	}
	return warnings[:min(len(warnings), maxWarnings)]
}

// truncated is the part of a generated name that the API server keeps: 63
// characters less the five that it adds.
func truncated(generateName string) string { return generateName[:min(len(generateName), 58)] }

// foreignMembers are members of a settled group that are no workers of ours, by
// neither client id nor address. A worker that has just gone is still a member
// in the sample: its client id begins with the name of a ReplicaSet of ours.
func foreignMembers(seen groupSnapshot) []kafka.Member {
	if !seen.sampled || seen.sample.State != kafka.StateStable || len(seen.pods) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(seen.sample.Members), func(m kafka.Member) bool {
		return slices.ContainsFunc(seen.replicaSets, func(rs appsv1.ReplicaSet) bool {
			return strings.HasPrefix(m.ClientID, truncated(rs.Name+"-"))
		}) || slices.ContainsFunc(seen.pods, func(p corev1.Pod) bool {
			return p.Name == m.ClientID || (p.Status.PodIP != "" && (m.Host == p.Status.PodIP || m.Host == "/"+p.Status.PodIP))
		})
	})
}
