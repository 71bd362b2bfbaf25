package resetplan

import (
	"fmt"
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// Pace is what was left of a replay when it last got on, and when that was. The
// zero value is that of a replay that was not looked at yet.
type Pace struct {
	Left int64
	At   time.Time
}

// Workers are those that a replay is handled by: None, since they are paused, say,
// or at PerSecond, 0 where that is not known.
type Workers struct {
	PerSecond float64
	None      bool
}

// standstill is how long a replay may not get on before its end is not foreseen.
const standstill = time.Minute

// after is the pace once so much is left.
func (p Pace) after(left int64, now time.Time) Pace {
	if p.At.IsZero() || left < p.Left {
		return Pace{left, now}
	}
	return p
}

// Replay is how far the workers are with what the writes went back from the
// snapshot; nil where nothing went back. One that stands still, or whose pace is
// not known, has no estimate; where nothing else is new it stays what it was last.
//
// 1,000 back on a partition, 400 of them committed again at 20 a second: 40 %,
// and 30 s to go.
func Replay(
	last *v1alpha1.ResetReplay, pace Pace, snapshot, writes []v1alpha1.SavedOffset, committed map[kafka.TopicPartition]int64, by Workers, now time.Time,
) (*v1alpha1.ResetReplay, Pace) {
	all, left := replayed(snapshot, writes, committed)
	if all == 0 {
		return nil, pace
	}
	pace = pace.after(left, now)
	replay := &v1alpha1.ResetReplay{Offsets: all, Remaining: lag.Round(left), Percent: percentOf(all, left)}
	replay.Summary = fmt.Sprintf("%d%%", replay.Percent)
	switch seconds := float64(left) / by.PerSecond; {
	case left == 0:
	case by.None:
		replay.Summary += ", no workers"
	case seconds > 0 && seconds < longestReplay.Seconds() && now.Sub(pace.At) < standstill:
		rest := time.Duration(seconds * float64(time.Second))
		replay.EstimatedEnd = &metav1.Time{Time: now.Add(rest)}
		replay.Summary += ", " + roughly(rest) + " left"
	}
	if last != nil && sameProgress(*last, *replay) {
		return last, pace
	}
	return replay, pace
}

// sameProgress: all but when it will end, which is another time with each look.
func sameProgress(a, b v1alpha1.ResetReplay) bool {
	foreseen := a.EstimatedEnd != nil
	return a.Offsets == b.Offsets && a.Remaining == b.Remaining && a.Percent == b.Percent &&
		foreseen == (b.EstimatedEnd != nil) && (foreseen || a.Summary == b.Summary)
}

// percentOf is rounded down: 100 is all of it.
func percentOf(all, left int64) int32 {
	if left == 0 {
		return 100
	}
	return min(int32(100*(1-float64(left)/float64(all))), 99)
}

// longestReplay is beyond what an estimate is worth anything.
const longestReplay = 100 * 24 * time.Hour

// replayed is how many offsets were gone back, and how many of them are not
// consumed again. A partition whose commit is not known has all of it left; what
// had no commit, or has none now, has no distance.
func replayed(snapshot, writes []v1alpha1.SavedOffset, committed map[kafka.TopicPartition]int64) (all, left int64) {
	before := make(map[kafka.TopicPartition]int64, len(snapshot))
	for _, s := range snapshot {
		if s.Offset != nil {
			before[savedAt(s)] = *s.Offset
		}
	}
	for _, w := range writes {
		was, known := before[savedAt(w)]
		if !known || w.Offset == nil || *w.Offset >= was {
			continue
		}
		at, known := committed[savedAt(w)]
		if !known {
			at = *w.Offset
		}
		all = plus(all, was-*w.Offset)
		left = plus(left, was-min(max(at, *w.Offset), was))
	}
	return all, left
}

// roughly is a duration in its largest unit, rounded up: 45s, 12m, 3h, 4d.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(math.Ceil(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(math.Ceil(d.Minutes())))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(math.Ceil(d.Hours())))
	}
	return fmt.Sprintf("%dd", int(math.Ceil(d.Hours()/24)))
}
