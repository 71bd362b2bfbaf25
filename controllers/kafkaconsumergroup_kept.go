package controllers

import (
	"time"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// Kafka removes the commits of a group that has no members when its retention,
// counted from when the last one left, is over. That somebody commits for it
// changes nothing. So they are kept while they are there, and made again:
//
//	no members, commits ──take──> kept ──commits change──> kept anew
//	                                ├──commits are gone──> survey ──> commit ──> read back ──> workers
//	                                └──members, and every commit is there──> nothing is kept
//
// They are made again as soon as they are gone, not only when workers are
// wanted: without them the lag of a group is not known, or, with latest, none,
// and it would never be started for its lag. It is the group in Kafka that
// counts, not the number of workers: pods that crash as they start are no
// members, and the commits expire all the same.

// keepAfter is how long a group that has workers, or that a reset has, must
// have been without members before its commits are kept: pods that are replaced
// and resets that just run take less.
const keepAfter = time.Minute

// keepFresh is how old a reading of the commits may be when workers are started
// and the retention may be over: the last sample is from before its end.
const keepFresh = 5 * time.Second

// keptDecision is what a reconcile does about commits that expire.
type keptDecision struct {
	// after is what is kept from now on, nil for nothing.
	after *v1alpha1.KeptOffsets
	// told is what the status is to say of commits made again, nil for nothing new.
	told *v1alpha1.RestoredOffsets
	// unkept is why what is committed now is not kept, nil where it is or needn't be.
	unkept error
	// settled: every commit that is kept is there.
	settled bool
	// again is when it is looked at again, 0 for not before there is news.
	again time.Duration
}

// keeping is what is remembered of it from one reconcile to the next.
type keeping struct {
	// empty is since when each sample has shown no members, zero while not.
	empty time.Time
	// members is when members were last seen, zero for never.
	members time.Time
	// read is when all commits were last read: older samples tell nothing new.
	read time.Time
	// tried is when that was last tried, and failed what came of it.
	tried  time.Time
	failed error
	// unkept is why what is committed now could not be kept, nil where it was.
	unkept error
	// swept: what earlier managers have left has been looked for.
	swept bool
	// asked is when the retention was last read.
	asked time.Time
	// table is what is kept, as last loaded.
	table keptTable
}

// keptTable is a table of offsets by its sum.
type keptTable struct {
	sha256  string
	offsets []v1alpha1.SavedOffset
	by      map[kafka.TopicPartition]int64
}

// isEmpty: the sample shows no members, and nobody about to be one.
func isEmpty(s kafka.GroupSample) bool {
	return len(s.Members) == 0 && (s.State == kafka.StateEmpty || s.State == kafka.StateDead)
}

// note remembers since when a group has had no members.
func (k *keeping) note(s kafka.GroupSample) {
	switch {
	case len(s.Members) > 0:
		k.members, k.empty, k.unkept = s.DescribedAt, time.Time{}, nil
	case !isEmpty(s):
		k.empty = time.Time{}
	case k.empty.IsZero():
		k.empty = s.At
	}
}

// keptOf is what is kept, as a decision takes it.
func keptOf(k v1alpha1.KeptOffsets, offsets []v1alpha1.SavedOffset) resetplan.Kept {
	kept := resetplan.Kept{ClusterID: k.ClusterID, Offsets: offsets}
	if k.CountedFrom != nil {
		kept.CountedFrom = k.CountedFrom.Time
	}
	if k.Retention != nil {
		kept.Retention = k.Retention.Duration
	}
	return kept
}

// mayCommit: no reset has or wants the group, but one that gives it back.
func mayCommit(seen groupSnapshot, d resetDecision) bool {
	givenBack := seen.resets.active == nil || d.released != nil
	return givenBack && d.active == nil && d.unfinished == nil && seen.resets.next == nil
}
