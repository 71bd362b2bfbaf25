package resetplan

import (
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Kept is what is known of the commits of a group that stands without members,
// from a time when they were there.
type Kept struct {
	// ClusterID is the cluster that they are of.
	ClusterID string
	// CountedFrom is the earliest time that the broker can count its retention
	// from, zero where that is not known.
	CountedFrom time.Time
	// Retention is how long the broker keeps commits from then on, 0 where that is
	// not known.
	Retention time.Duration
	// Offsets are the commits.
	Offsets []v1alpha1.SavedOffset
}

// Keeping is what becomes of them.
type Keeping struct {
	// Restore are the commits that are gone, and are to be made again.
	Restore []v1alpha1.SavedOffset
	// Offsets are the commits to be kept from now on: those that are there, those
	// to be made again, and those of topics that the survey has not.
	Offsets []v1alpha1.SavedOffset
	// LeftOut is how many of the kept commits are gone and not made again.
	LeftOut int
	// Notes are what is worth knowing of some partitions, one sentence a kind.
	Notes []string
}

// Keep holds the kept commits against what is committed now.
//
//	the partition has a commit              that is kept from now on, whoever made it
//	none, and the retention may be over     it is made again
//	none, and the retention can't be over   somebody deleted it: neither made again nor kept
//	its topic was created anew, or it's gone  an offset means nothing in another log: not kept
//	its topic is not surveyed               kept, and left alone: the topic may come back
//	all are of another cluster              none is kept
//
// With a retention of 7 days, and members seen last on Monday at noon, a commit
// that is gone on Wednesday was deleted, and one that is gone on Monday at noon
// has expired. Where the retention, or since when it counts, is not known, a
// commit that is gone counts as expired: to handle messages twice is the
// smaller harm.
func Keep(kept Kept, s kafka.Survey) Keeping {
	var k keeping
	if len(kept.Offsets) > 0 && kept.ClusterID != s.ClusterID {
		k.foreign, k.LeftOut, kept.Offsets = true, len(kept.Offsets), nil
	}
	d := newDraft(v1alpha1.KafkaOffsetResetSpec{}, s.ClusterID, s)
	deleted := !kept.MayHaveExpired(s.At)
	for _, o := range kept.Offsets {
		k.take(d, o, deleted)
	}
	k.Offsets = append(k.Offsets, committedIn(s)...)
	slices.SortFunc(k.Offsets, func(a, b v1alpha1.SavedOffset) int { return savedAt(a).Compare(savedAt(b)) })
	k.LeftOut += len(k.anew) + len(k.deleted)
	k.Notes = k.notes(kept)
	return k.Keeping
}

// clocks is how far the clocks of brokers and of Lagrange may be apart, with the
// time that a survey takes.
const clocks = time.Minute

// MayHaveExpired tells whether the broker may have removed the commits by then.
// Where CountedFrom is not known that is long ago.
func (k Kept) MayHaveExpired(by time.Time) bool {
	return k.Retention == 0 || by.Add(clocks).After(k.CountedFrom.Add(k.Retention))
}

// Expires is when the broker may remove the commits, zero where that is not
// known; since is when the group was first seen without members.
func (k Kept) Expires(since time.Time) time.Time {
	if k.Retention == 0 {
		return time.Time{}
	}
	if !k.CountedFrom.IsZero() {
		since = k.CountedFrom
	}
	return since.Add(k.Retention)
}

// keeping is a Keeping on its way, with the partitions of each note.
type keeping struct {
	Keeping
	foreign                        bool
	anew, deleted, below, aboveEnd []kafka.TopicPartition
}

// take says what becomes of one kept commit.
func (k *keeping) take(d *draft, o v1alpha1.SavedOffset, deleted bool) {
	at := savedAt(o)
	if _, surveyed := d.topics[o.Topic]; !surveyed {
		k.Offsets = append(k.Offsets, o)
		return
	}
	if d.lackOf(o) != nothing {
		k.anew = append(k.anew, at)
		return
	}
	switch now := d.topics[o.Topic].Partitions[o.Partition]; {
	case now.Committed.Offset >= 0: // committedIn has it
	case deleted:
		k.deleted = append(k.deleted, at)
	default:
		k.Restore, k.Offsets = append(k.Restore, o), append(k.Offsets, o)
		if *o.Offset < now.Start {
			k.below = append(k.below, at)
		}
		if *o.Offset > max(now.Start, now.End) {
			k.aboveEnd = append(k.aboveEnd, at)
		}
	}
}

// committedIn are the commits of a survey.
func committedIn(s kafka.Survey) []v1alpha1.SavedOffset {
	var offsets []v1alpha1.SavedOffset
	for _, t := range s.Topics {
		for number, p := range t.Partitions {
			if p.Committed.Offset >= 0 {
				offset := v1alpha1.SavedOffset{Topic: t.Name, Partition: int32(number), TopicID: idOf(t.ID), Offset: new(p.Committed.Offset)}
				offsets = append(offsets, withMetadata(offset, p.Committed.Metadata))
			}
		}
	}
	return offsets
}

// Overlaid are the kept commits after a reset has made its own: what it wrote in
// place of what was there, and nothing where it deleted.
func Overlaid(kept, writes []v1alpha1.SavedOffset) []v1alpha1.SavedOffset {
	over := make(map[kafka.TopicPartition]bool, len(writes))
	for _, w := range writes {
		over[savedAt(w)] = true
	}
	overlaid := slices.DeleteFunc(slices.Clone(kept), func(o v1alpha1.SavedOffset) bool { return over[savedAt(o)] })
	for _, w := range writes {
		if w.Offset != nil {
			overlaid = append(overlaid, w)
		}
	}
	slices.SortFunc(overlaid, func(a, b v1alpha1.SavedOffset) int { return savedAt(a).Compare(savedAt(b)) })
	return overlaid
}
