package controllers

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

const (
	maxWorstPartitions = 5
	maxStuckPartitions = 10
	maxTopics          = 256
	maxWarnings        = 8
)

// report writes the status, tells of what changed in events, and sets the metrics.
func (r *KafkaConsumerGroupReconciler) report(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, done applyResult, m *memory,
) (statusResult, error) {
	before := statusNow(group, m)
	if e, ok := putBackEvent(done, d.reset.stops); ok {
		r.emit(group, e)
	}
	if saysNothingNew(group, before, seen, d, done) {
		return statusResult{}, nil
	}
	after := r.statusOf(group, before, seen, d, done)
	r.views.of(client.ObjectKeyFromObject(group).String()).setNumbers(numbersOf(seen, d, after))
	wrote, err := r.status.write(ctx, group, before, after, m)
	if err == nil {
		r.forgetKept(ctx, group, before, after, m)
	}
	if wrote.written && err == nil {
		for _, e := range eventsOf(before, after) {
			r.emit(group, e)
			e.log(ctx)
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
	return !seen.sampled && seen.connection.problem == nil && before.ObservedGeneration == group.Generation && before.Scaling != nil &&
		before.DesiredReplicas == done.replicas && !d.reset.changes(before) && d.blocked == nil && done.invalid == nil && !done.rolled && !done.failed
}

// statusOf is the status after this reconcile; pure but for the settings.
func (r *KafkaConsumerGroupReconciler) statusOf(
	group *v1alpha1.KafkaConsumerGroup, before v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, done applyResult,
) v1alpha1.KafkaConsumerGroupStatus {
	after := *before.DeepCopy()
	if !done.overtaken() {
		after.ObservedGeneration = group.Generation
	}
	after.ClusterID, after.BootstrapServers, after.OtherClusterID = seen.cluster.id, seen.cluster.servers, seen.cluster.other
	after.Selector = labels.SelectorFromSet(selectorLabels(group)).String()
	setReplicas(&after, seen, d, done)
	setResets(&after, seen, d, done)
	setDedup(&after, group, seen, d, done)
	setProducerPolicy(&after, d, done)
	setLag(&after, seen, d)
	setStuck(&after, seen, d)
	setKept(&after, d)
	setSeeding(&after, seen, d, r.Settings.SampleMaxAge)
	after.Warnings = warningsOf(group, seen, d, after)
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
	s.Scaling.RecommendedReplicas = d.scale.Recommended
	if d.scale.Useful > 0 {
		s.Scaling.UsefulMembers = d.scale.Useful
	}
	for _, b := range []*blocked{d.blocked, d.held, done.invalid} {
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
	if !seen.sampled || seen.sample.ConnectionErr != nil || seen.cluster.changed != nil {
		return
	}
	s.Partitions = partitionsOf(seen.lag)
	s.TopicCount = int32(len(seen.lag.Topics))
	s.Topics = topicStatuses(seen.lag)
	if seen.sample.StateErr == nil {
		s.Group = &v1alpha1.GroupStatus{Type: string(seen.sample.Type), State: string(seen.sample.State), Members: int32(len(seen.sample.Members))}
	}
	if d.unknown == nil {
		s.Lag = lagStatus(seen.lag, seen.sample.At)
		s.Health = string(seen.lag.Health())
		s.WorstPartitions = worstOf(seen)
	}
}

// lagStatus is the group's lag in messages, in time, and how fast it moves.
func lagStatus(l lag.Group, at time.Time) *v1alpha1.LagStatus {
	messages, _ := l.Known()
	status := &v1alpha1.LagStatus{Messages: lag.Round(messages), ObservedAt: metav1.NewTime(at)}
	if age := l.Behind(); age.Known {
		seconds := lag.Round(int64(age.Duration.Round(time.Second) / time.Second))
		if seconds > 0 || !age.AtLeast { // "at least 0" says nothing
			status.Seconds, status.AtLeast = &seconds, age.AtLeast
			status.Behind = behindWords(time.Duration(seconds)*time.Second, age.AtLeast)
		}
	}
	produced, consumed := l.Rates()
	status.ProducedPerSecond, status.ConsumedPerSecond = roundRate(produced), roundRate(consumed)
	return status
}

// behindWords is 45s, 12m, 3h20m or 4d, with ">=" before what is only known to be no less.
func behindWords(age time.Duration, atLeast bool) string {
	words := duration.HumanDuration(age)
	if atLeast {
		words = ">=" + words
	}
	return words
}

func roundRate(rate lag.Rate) *int64 {
	if !rate.Known {
		return nil
	}
	return ptr.To(lag.Round(int64(math.Round(rate.PerSecond))))
}

// setStuck names the partitions on which work waits. What was named stays named
// while it is stuck, so that a worse one does not look like its recovery. A
// group that is meant to have no workers has none that is stuck.
func setStuck(s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision) {
	if d.unknown != nil {
		return
	}
	before := s.StuckPartitions
	s.StuckPartitions = nil
	if s.DesiredReplicas == 0 {
		return
	}
	stuck := seen.lag.Stuck()
	named := func(p lag.Partition) bool {
		return slices.ContainsFunc(before, func(b v1alpha1.StuckPartition) bool { return b.Topic == p.Topic && b.Partition == p.Partition })
	}
	slices.SortStableFunc(stuck, func(a, b lag.Partition) int {
		switch {
		case named(a) == named(b):
			return 0
		case named(a):
			return -1
		}
		return 1
	})
	for _, p := range stuck[:min(len(stuck), maxStuckPartitions)] {
		s.StuckPartitions = append(s.StuckPartitions, stuckStatus(p, seen.sample))
	}
}

func stuckStatus(p lag.Partition, sample kafka.GroupSample) v1alpha1.StuckPartition {
	status := v1alpha1.StuckPartition{
		Topic: p.Topic, Partition: p.Partition, Health: string(p.Health), Since: metav1.NewTime(p.Since.Truncate(time.Second)), Owner: p.Owner,
	}
	if at, found := partitionOf(sample, p.TopicPartition); found && at.Committed >= 0 {
		status.Offset = ptr.To(at.Committed)
	}
	return status
}

// partitionOf finds a partition in a sample, whose topics and partitions are sorted.
func partitionOf(sample kafka.GroupSample, tp kafka.TopicPartition) (kafka.PartitionSample, bool) {
	t, found := slices.BinarySearchFunc(sample.Topics, tp.Topic, func(t kafka.TopicSample, name string) int { return cmp.Compare(t.Name, name) })
	if !found {
		return kafka.PartitionSample{}, false
	}
	partitions := sample.Topics[t].Partitions
	p, found := slices.BinarySearchFunc(partitions, tp.Partition, func(p kafka.PartitionSample, n int32) int { return cmp.Compare(p.Partition, n) })
	if !found {
		return kafka.PartitionSample{}, false
	}
	return partitions[p], true
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
	for _, t := range l.Topics[:min(len(l.Topics), maxTopics)] {
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
			Topic: p.Topic, Partition: p.Partition, Lag: lag.Round(p.Messages), Owner: p.Owner,
		})
	}
	return worst
}

// warningsOf are things that work and will hurt.
func warningsOf(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, s v1alpha1.KafkaConsumerGroupStatus) []string {
	warnings := slices.Concat(settingsWarnings(group.Spec), keptWarnings(s, d.kept.unkept, seen.now), seedWarnings(s.Seeding))
	warnings = append(warnings, topicWarnings(group)...)
	warnings = append(warnings, rightsWarnings(group, seen)...)
	warnings = append(warnings, policyWarnings(seen)...)
	warnings = append(warnings, versionWarnings(seen)...)
	warnings = append(warnings, kafkaWarnings(seen)...)
	for _, m := range foreignMembers(seen) {
		warnings = append(warnings, fmt.Sprintf("the group has a member that is no worker of this object: client id %q at %q; it takes partitions from the workers", m.ClientID, m.Host))
	}
	return warnings[:min(len(warnings), maxWarnings)]
}

// longTransaction is how long a transaction may hold consumers back before it is
// named. A producer's default for transaction.timeout.ms is one minute, after
// which the broker aborts it: what is open for two was given longer.
const longTransaction = 2 * time.Minute

// kafkaWarnings are what the offsets tell that a person should look at.
func kafkaWarnings(seen groupSnapshot) []string {
	if !seen.sampled || seen.cluster.changed != nil {
		return nil
	}
	var warnings []string
	if open := openTransactions(seen.sample); len(open) > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"a transaction has been open for more than %s and holds back read_committed consumers on %s: look for a producer that hangs (kafka-transactions.sh find-hanging)",
			longTransaction, firstFew(open)))
	}
	var above, below []string
	for _, p := range seen.lag.Anomalies() {
		if p.Anomaly == lag.CommittedAboveEnd {
			above = append(above, p.String())
		} else {
			below = append(below, p.String())
		}
	}
	if len(above) > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"the committed offset is above the log end on %s: the topic was created anew or lost data, and new messages below the commit are not read until the offset is reset", firstFew(above)))
	}
	if len(below) > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"retention has removed messages that the group had not consumed on %s", firstFew(below)))
	}
	return warnings
}

// openTransactions are the partitions with one that has been open for long, as
// of the sample.
func openTransactions(sample kafka.GroupSample) []string {
	var open []string
	for _, t := range sample.Topics {
		for _, p := range t.Partitions {
			if p.Err == nil && p.Open != nil && sample.At.Sub(p.Open.Since) >= longTransaction {
				at := kafka.TopicPartition{Topic: t.Name, Partition: p.Partition}
				open = append(open, fmt.Sprintf("%s by %s", at, p.Open))
			}
		}
	}
	return open
}

// firstFew is a list that fits into a sentence. It says that there are more, and
// not how many, so that a warning isn't a new one with each.
func firstFew(words []string) string {
	if len(words) > 5 {
		return strings.Join(words[:5], ", ") + " and others"
	}
	return strings.Join(words, ", ")
}

// truncated is the part of a generated name that the API server keeps: 63
// characters less the five that it adds.
func truncated(generateName string) string { return generateName[:min(len(generateName), 58)] }

// foreignMembers are members of a settled group that are no workers of ours, by
// neither client id nor address. A worker that has just gone is still a member
// in the sample: its client id begins with the name of a ReplicaSet of ours.
// Another cluster's members are nobody's business here.
func foreignMembers(seen groupSnapshot) []kafka.Member {
	if !seen.sampled || seen.cluster.changed != nil || seen.sample.State != kafka.StateStable || len(seen.pods) == 0 {
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
