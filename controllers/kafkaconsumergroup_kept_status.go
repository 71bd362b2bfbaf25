package controllers

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// setKept says what is kept, and what was committed again or not. A failure is
// told once, and forgotten when nothing is kept or it has succeeded.
func setKept(s *v1alpha1.KafkaConsumerGroupStatus, d decision) {
	s.KeptOffsets = d.kept.after
	last, told := s.RestoredOffsets, d.kept.told
	switch {
	case told != nil && (last == nil || told.Failed == "" || told.Failed != last.Failed):
		s.RestoredOffsets = told
	case last != nil && last.Failed != "" && (s.KeptOffsets == nil || d.kept.settled):
		s.RestoredOffsets = nil
	}
}

// keptWarnings tell that commits are about to expire, that they have and can't be
// made again, and that they would be lost since they can't be kept.
func keptWarnings(s v1alpha1.KafkaConsumerGroupStatus, unkept error, now time.Time) []string {
	var warnings []string
	if unkept != nil {
		warnings = append(warnings, "the group has no members, and its committed offsets could not be kept: Kafka removes them after a time "+
			"(offsets.retention.minutes), and then they are lost: "+unkept.Error())
	}
	if last := s.RestoredOffsets; last != nil && last.Failed != "" {
		warnings = append(warnings, "committed offsets have expired and could not be committed again, without which no worker is started: "+last.Failed)
	}
	kept := s.KeptOffsets
	if kept == nil || kept.ExpiresAt == nil || now.Before(resetplan.WarnFrom(kept.ExpiresAt.Time, kept.Retention.Duration)) {
		return warnings
	}
	return append(warnings, fmt.Sprintf(
		"the group has had no members since %s, and Kafka may remove its %d committed offsets from %s on (offsets.retention.minutes): "+
			"Lagrange has kept them and commits them again; whoever else joins the group then, or this object created anew, starts without them",
		kept.EmptySince.UTC().Format(time.RFC3339), kept.Offsets.Count, kept.ExpiresAt.UTC().Format(time.RFC3339)))
}

// keptEvents tell of commits that were made again, and of those that were not.
func keptEvents(before, after v1alpha1.KafkaConsumerGroupStatus) []groupEvent {
	was, is := before.RestoredOffsets, after.RestoredOffsets
	if is == nil || is.Failed != "" || was != nil && was.Failed == "" && is.At.Equal(&was.At) {
		return nil
	}
	var events []groupEvent
	if is.Partitions > 0 {
		events = append(events, groupEvent{corev1.EventTypeNormal, "OffsetsRestored", "RestoreOffsets",
			fmt.Sprintf("the committed offsets of %d partitions were gone while the group had no members, and are committed again as they were", is.Partitions)})
	}
	if len(is.Notes) > 0 {
		kind, reason := corev1.EventTypeNormal, "OffsetsOutOfRange"
		if is.NotRestored > 0 {
			kind, reason = corev1.EventTypeWarning, v1alpha1.ReasonOffsetsNotRestored
		}
		events = append(events, groupEvent{kind, reason, "KeepOffsets", strings.Join(is.Notes, "; ")})
	}
	return events
}
