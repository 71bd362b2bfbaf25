package controllers

import (
	"cmp"
	"slices"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// ranResets are the records of a group that remembers none, from its resets that are
// still there: it was created anew, or restored without its status. Later those
// may be removed and created again, and would run again. Of what is gone with the
// group nothing can be known. Nor is any of them the group's while its cluster is not
// known: another cluster's consumer group of the same name is another.
func ranResets(group *v1alpha1.KafkaConsumerGroup, clusterID string, resets []v1alpha1.KafkaOffsetReset) []v1alpha1.ResetRecord {
	var records []v1alpha1.ResetRecord
	for i := range resets {
		if had := &resets[i]; hadGroup(had, group.Spec.GroupID, clusterID) {
			s := had.Status
			records = append(records, v1alpha1.ResetRecord{
				Name: had.Name, UID: had.UID, SpecHash: s.SpecHash, Outcome: s.Phase, At: *s.FinishedAt, Committed: s.Intent != nil && s.Intent.Begun > 0,
			})
		}
	}
	slices.SortFunc(records, func(a, b v1alpha1.ResetRecord) int {
		return cmp.Or(b.At.Compare(a.At.Time), cmp.Compare(a.Name, b.Name))
	})
	return records[:min(len(records), maxResetRecords)]
}

// hadGroup: the reset has ended, and had the consumer group for it. Only such are remembered.
func hadGroup(reset *v1alpha1.KafkaOffsetReset, groupID, clusterID string) bool {
	s := reset.Status
	return s.Phase.Finished() && s.FinishedAt != nil && s.Draining != nil &&
		s.Plan != nil && s.Plan.GroupID == groupID && clusterID != "" && s.Plan.ClusterID == clusterID
}
