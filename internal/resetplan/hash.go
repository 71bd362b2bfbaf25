package resetplan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// Hash is the rows of a plan, or offsets, as they are stored, with the sha256 of
// that: JSON without white space, fields in the order of the type. The same rows
// in the same order are the same bytes.
func Hash(rows any) (content []byte, sha256hex string) {
	content, err := json.Marshal(rows)
	if err != nil {
		panic(fmt.Sprintf("resetplan: rows that can't be written as JSON: %v", err)) // no type of the API is one
	}
	sum := sha256.Sum256(content)
	return content, hex.EncodeToString(sum[:])
}

// digestLength is how much of a sha256 people read and copy: 128 bits.
const digestLength = 32

func digest(of any) string {
	_, sum := Hash(of)
	return sum[:digestLength]
}

// tagLength is how long the metadata of a plan's commits is. Each byte of it
// is stored once a partition.
const tagLength = 16

// Tag is what a plan's commits carry as metadata: that they can be read back
// proves that this plan, and no other writer, was the last.
func Tag(hash string) string { return ("kor:" + hash)[:min(tagLength, 4+len(hash))] }

// sealed is what an approval speaks of.
type sealed struct {
	Identity Identity
	Target   v1alpha1.ResetTarget
	// UnixMilli is the time as the brokers are asked for it.
	UnixMilli  int64
	OutOfRange v1alpha1.OutOfRangePolicy
	PastEnd    v1alpha1.PastEndPolicy
	// Source is that of what a rollback restores, metadata too.
	Source string `json:",omitempty"`
	// Dedup decides whether what goes back has its effects again.
	Dedup v1alpha1.DedupPolicy `json:",omitempty"`
	Rows  []sealedRow
}

type sealedRow struct {
	Topic     string
	Partition int32
	TopicID   string
	Action    v1alpha1.ResetAction
	Target    *int64
}

// hashOf is the hash of a plan. The targets of shiftBy and toCurrent are a
// preview: of these the rule is approved, and to which partitions it applies.
func hashOf(r Request, rows []v1alpha1.ResetRow) string {
	s := sealed{
		Identity:   r.Identity,
		Target:     sortedTarget(r.Spec.Target),
		UnixMilli:  r.Time.UnixMilli(),
		OutOfRange: r.Spec.OnOutOfRange,
		PastEnd:    r.Spec.OnTimestampPastEnd,
		Source:     sourceOf(r.Rollback),
		Dedup:      sealedDedup(r.Spec.Dedup),
		Rows:       make([]sealedRow, 0, len(rows)),
	}
	preview := r.Spec.Target.ShiftBy != nil || r.Spec.Target.ToCurrent != nil
	for _, row := range rows {
		kept := sealedRow{row.Topic, row.Partition, row.TopicID, row.Action, row.Target}
		if preview {
			kept.Target = nil
		}
		s.Rows = append(s.Rows, kept)
	}
	return digest(s)
}

// sourceOf is the sha256 of what a rollback restores, empty for another target.
func sourceOf(rollback []v1alpha1.SavedOffset) string {
	if len(rollback) == 0 {
		return ""
	}
	sorted := slices.SortedFunc(slices.Values(rollback), func(a, b v1alpha1.SavedOffset) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	_, sum := Hash(sorted)
	return sum
}

// SpecHash tells whether a reset of the same name asks for the same: it is of
// the spec without approved and cancel, whatever the order of its lists.
func SpecHash(spec v1alpha1.KafkaOffsetResetSpec) string {
	spec.Approved, spec.Cancel = "", false
	spec.Dedup = sealedDedup(spec.Dedup)
	spec.Target = sortedTarget(spec.Target)
	if spec.Scope != nil {
		spec.Scope = &v1alpha1.ResetScope{Topics: sortedTopics(spec.Scope.Topics)}
	}
	return digest(spec)
}

func sortedTarget(target v1alpha1.ResetTarget) v1alpha1.ResetTarget {
	target.Offsets = slices.SortedFunc(slices.Values(target.Offsets), func(a, b v1alpha1.PartitionOffset) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return target
}

func sortedTopics(topics []v1alpha1.ScopedTopic) []v1alpha1.ScopedTopic {
	sorted := slices.SortedFunc(slices.Values(topics), func(a, b v1alpha1.ScopedTopic) int { return cmp.Compare(a.Name, b.Name) })
	for i := range sorted {
		sorted[i].Partitions = slices.Sorted(slices.Values(sorted[i].Partitions))
	}
	return sorted
}
