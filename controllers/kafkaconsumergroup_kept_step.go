package controllers

import (
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// keptStep is what is to be done about the commits of a group.
type keptStep int

const (
	keptRest   keptStep = iota // nothing
	keptRead                   // they are to be read: some came, or are others than those kept
	keptGone                   // some are gone, or may be, and are to be made again
	keptShut                   // some are gone, and somebody else is in the group
	keptForget                 // the group has members, and all of its commits
	keptBlind                  // it can't be seen whether some are gone
	keptWhole                  // they are all there, as they are kept
)

// keptWorld is what that is decided on.
type keptWorld struct {
	seen groupSnapshot
	// table are the offsets kept, by partition; nil for none.
	table map[kafka.TopicPartition]int64
	// starts: workers are about to start where there are none.
	starts bool
	// idle: no worker is or is asked for, and no reset has the group.
	idle bool
	// free: offsets may be committed for the group: no reset is to have the say.
	free bool
	// empty and read are those of keeping.
	empty, read time.Time
}

// step says what is to be done, and why it can't be seen for keptBlind.
func (w keptWorld) step(maxAge time.Duration) (keptStep, error) {
	_, committed, unread := commitsIn(w.seen, maxAge)
	if unread != nil {
		return w.blindly(unread)
	}
	if !w.seen.sample.At.After(w.read) && !w.unsure() {
		return keptRest, nil
	}
	moved, gone := resetplan.Apart(w.table, w.seen.sample)
	switch sample := w.seen.sample; {
	case len(sample.Members) > 0:
		return w.withMembers(gone), nil
	case !isEmpty(sample) && gone > 0 && w.starts && w.free:
		return keptShut, nil
	case !isEmpty(sample):
		return keptRest, nil
	case w.seen.kept == nil:
		return w.first(committed), nil
	}
	return w.compared(moved, gone), nil
}

// blindly: workers wait to know of commits that may have expired.
func (w keptWorld) blindly(unread error) (keptStep, error) {
	if w.seen.kept != nil && w.starts && w.free && keptOf(*w.seen.kept, nil).MayHaveExpired(w.seen.now) {
		return keptBlind, unread
	}
	return keptRest, nil
}

// first: nothing is kept yet.
func (w keptWorld) first(committed int) keptStep {
	if committed > 0 && (w.idle || w.seen.now.Sub(w.empty) >= keepAfter) {
		return keptRead
	}
	return keptRest
}

// compared: the group is empty, and something is kept.
func (w keptWorld) compared(moved bool, gone int) keptStep {
	switch {
	case w.free && (gone > 0 || w.unsure()):
		return keptGone
	case moved || w.seen.kept.ClusterID != w.seen.cluster.id:
		return keptRead
	case gone == 0:
		return keptWhole
	}
	return keptRest
}

// unsure: workers are about to start, and commits may be gone since they were last read.
func (w keptWorld) unsure() bool {
	return w.starts && w.seen.kept != nil && w.seen.now.Sub(w.read) > keepFresh && keptOf(*w.seen.kept, nil).MayHaveExpired(w.seen.now)
}

// withMembers: while a commit is gone and the group has members nobody can make
// it again; what is kept stays until it is made, by them or after they have left.
func (w keptWorld) withMembers(gone int) keptStep {
	switch {
	case w.seen.kept == nil || !w.seen.sample.DescribedAt.After(w.seen.kept.Offsets.TakenAt.Time):
		return keptRest
	case gone == 0:
		return keptForget
	case w.starts && w.free:
		return keptShut
	}
	return keptRest
}
