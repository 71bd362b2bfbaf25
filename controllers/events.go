package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// groupEvent is one event about a group. Events of one report that agree in all
// but the note would be taken for one, so each has an action of its own.
type groupEvent struct{ kind, reason, action, note string }

// maxNote is the API server's limit, in bytes.
const maxNote = 1024

// shortNote is the note cut to what the API server takes, with no rune cut in two.
func (e groupEvent) shortNote() string {
	if len(e.note) <= maxNote {
		return e.note
	}
	return strings.ToValidUTF8(e.note[:maxNote-len("…")], "") + "…"
}

// log writes the few events that a person looks for in a log of days: another
// number of workers, and that someone must act, or no longer.
func (e groupEvent) log(ctx context.Context) {
	if e.reason == "Scaled" || e.action == "Observe"+v1alpha1.ConditionStalled {
		log.FromContext(ctx).Info(e.note, "reason", e.reason)
	}
}

// toldConditions are those whose changes are worth an event.
var toldConditions = []string{
	v1alpha1.ConditionConnectionResolved, v1alpha1.ConditionKafkaReachable, v1alpha1.ConditionLagKnown,
	v1alpha1.ConditionProducerPolicyAccepted, v1alpha1.ConditionStalled, v1alpha1.ConditionPaused,
	v1alpha1.ConditionSkewDetected, v1alpha1.ConditionScaleUpIneffective,
}

// eventsOf tells of what changed between two statuses: replicas with the
// reason, conditions that went wrong or right again, and new warnings.
func eventsOf(before, after v1alpha1.KafkaConsumerGroupStatus) []groupEvent {
	var events []groupEvent
	if before.DesiredReplicas != after.DesiredReplicas {
		events = append(events, groupEvent{corev1.EventTypeNormal, "Scaled", "Scale",
			fmt.Sprintf("from %d to %s", before.DesiredReplicas, after.Scaling.Message)})
	}
	for _, kind := range toldConditions {
		if e, ok := conditionEvent(meta.FindStatusCondition(before.Conditions, kind), meta.FindStatusCondition(after.Conditions, kind)); ok {
			events = append(events, e)
		}
	}
	if s := after.Seeding; s != nil && s.Partitions > 0 && (before.Seeding == nil || !s.At.Equal(&before.Seeding.At)) {
		events = append(events, groupEvent{corev1.EventTypeNormal, "OffsetsSeeded", "SeedOffsets",
			fmt.Sprintf("committed where %d partitions start that had no commit", s.Partitions)})
	}
	events = append(events, keptEvents(before, after)...)
	events = append(events, claimEvents(before, after)...)
	events = append(events, dedupEvents(before, after)...)
	events = append(events, producerEvents(before, after)...)
	events = append(events, stuckEvents(before, after)...)
	fresh := slices.DeleteFunc(slices.Clone(after.Warnings), func(w string) bool { return slices.Contains(before.Warnings, w) })
	if len(fresh) > 0 {
		events = append(events, groupEvent{corev1.EventTypeWarning, "Warning", "Warn", strings.Join(fresh, "; ")})
	}
	return events
}

// claimEvents tell that a reset was given the group, and that one gave it back.
func claimEvents(before, after v1alpha1.KafkaConsumerGroupStatus) []groupEvent {
	var events []groupEvent
	was, is := before.ActiveReset, after.ActiveReset
	if was != nil && (is == nil || is.UID != was.UID) {
		events = append(events, resetEnded(*was, after.Resets))
	}
	if is != nil && (was == nil || is.UID != was.UID) {
		events = append(events, groupEvent{corev1.EventTypeNormal, "OffsetResetStarted", "StartOffsetReset",
			fmt.Sprintf("KafkaOffsetReset %q has the group: its workers, %d before, are stopped until it has ended", is.Name, is.Replicas)})
	}
	return events
}

func resetEnded(active v1alpha1.ActiveReset, records []v1alpha1.ResetRecord) groupEvent {
	kind, ended := corev1.EventTypeNormal, "to plan again"
	if len(records) > 0 && records[0].UID == active.UID {
		ended = "and ends as " + string(records[0].Outcome)
		if records[0].Outcome == v1alpha1.PhaseFailed {
			kind = corev1.EventTypeWarning
		}
	}
	return groupEvent{kind, "OffsetResetEnded", "EndOffsetReset", fmt.Sprintf("KafkaOffsetReset %q has given the group back, %s", active.Name, ended)}
}

// putBackEvent tells whoever set the Deployment's replicas by hand where to do
// it; reset is what keeps the group without workers, "" for none.
func putBackEvent(done applyResult, reset string) (groupEvent, bool) {
	if done.putBack == nil || done.err != nil || done.invalid != nil {
		return groupEvent{}, false
	}
	instead := "use scaling.mode Manual, the bounds or pause of the KafkaConsumerGroup instead"
	if reset != "" {
		instead = fmt.Sprintf("KafkaOffsetReset %q has the group, which has no workers until that has ended", reset)
	}
	return groupEvent{corev1.EventTypeWarning, "PutBack", "Scale", fmt.Sprintf(
		"the Deployment's replicas were set to %d by somebody else and are %d again: %s", *done.putBack, done.replicas, instead)}, true
}

// abnormal is the status at which a condition is worth a warning.
var abnormal = map[string]metav1.ConditionStatus{
	v1alpha1.ConditionConnectionResolved:     metav1.ConditionFalse,
	v1alpha1.ConditionKafkaReachable:         metav1.ConditionFalse,
	v1alpha1.ConditionReachable:              metav1.ConditionFalse,
	v1alpha1.ConditionAuthenticated:          metav1.ConditionFalse,
	v1alpha1.ConditionLagKnown:               metav1.ConditionFalse,
	v1alpha1.ConditionStalled:                metav1.ConditionTrue,
	v1alpha1.ConditionAccepted:               metav1.ConditionFalse,
	v1alpha1.ConditionProducerPolicyAccepted: metav1.ConditionFalse,
	v1alpha1.ConditionApplied:                metav1.ConditionFalse,
	v1alpha1.ConditionSkewDetected:           metav1.ConditionTrue,
	v1alpha1.ConditionScaleUpIneffective:     metav1.ConditionTrue,
}

// passing are reasons of abnormal conditions that end by themselves, as planned.
var passing = map[string]bool{v1alpha1.ReasonWorkloadsRolling: true, v1alpha1.ReasonPolicyHeld: true}

// conditionEvent tells of a condition that changed. The first look at an object
// is no event, unless it finds something wrong.
func conditionEvent(before, after *metav1.Condition) (groupEvent, bool) {
	if after == nil {
		return groupEvent{}, false
	}
	bad := after.Status == abnormal[after.Type] && !passing[after.Reason] || after.Reason == v1alpha1.ReasonNeverCommitted
	switch {
	case after.Reason == v1alpha1.ReasonNotSampled,
		before == nil && !bad,
		before != nil && before.Status == after.Status && before.Reason == after.Reason && !reloadedAgain(before, after):
		return groupEvent{}, false
	case before != nil && before.Reason == v1alpha1.ReasonNotSampled && !bad:
		return groupEvent{}, false
	}
	kind := corev1.EventTypeNormal
	if bad {
		kind = corev1.EventTypeWarning
	}
	return groupEvent{kind, after.Reason, "Observe" + after.Type, after.Type + " is " + string(after.Status) + ": " + after.Message}, true
}

// reloadedAgain: each reload is told, also one after another.
func reloadedAgain(before, after *metav1.Condition) bool {
	return after.Reason == v1alpha1.ReasonCredentialsReloaded && before.Message != after.Message
}

// stuckEvents tells of partitions that became stuck and that got on again, each
// in one event however many they are.
func stuckEvents(before, after v1alpha1.KafkaConsumerGroupStatus) []groupEvent {
	var events []groupEvent
	if stuck := stuckBeyond(after.StuckPartitions, before.StuckPartitions); len(stuck) > 0 {
		events = append(events, groupEvent{corev1.EventTypeWarning, "PartitionStuck", "ObservePartitions", "work waits and is not done on " + describeStuck(stuck)})
	}
	if recovered := stuckBeyond(before.StuckPartitions, after.StuckPartitions); len(recovered) > 0 && len(after.StuckPartitions) < maxStuckPartitions {
		events = append(events, groupEvent{corev1.EventTypeNormal, "PartitionRecovered", "ObserveRecovery", "no longer stuck: " + describeStuck(recovered)})
	}
	return events
}

// stuckBeyond are the partitions of a that are not in b, by name.
func stuckBeyond(a, b []v1alpha1.StuckPartition) []v1alpha1.StuckPartition {
	return slices.DeleteFunc(slices.Clone(a), func(p v1alpha1.StuckPartition) bool {
		return slices.ContainsFunc(b, func(q v1alpha1.StuckPartition) bool { return p.Topic == q.Topic && p.Partition == q.Partition })
	})
}

func describeStuck(partitions []v1alpha1.StuckPartition) string {
	words := make([]string, 0, len(partitions))
	for _, p := range partitions {
		word := fmt.Sprintf("%s-%d (%s", p.Topic, p.Partition, p.Health)
		if p.Offset != nil {
			word += fmt.Sprintf(" at offset %d", *p.Offset)
		}
		if p.Owner != "" {
			word += fmt.Sprintf(", of %q", p.Owner)
		}
		words = append(words, word+")")
	}
	return strings.Join(words, ", ")
}
