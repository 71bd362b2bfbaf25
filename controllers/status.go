package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// refreshNumbers is how old the numbers in a status may grow while they change.
const refreshNumbers = 30 * time.Second

// statusWriter writes status: what people and tools act on at once, numbers
// only together with it or now and then, inside a budget for all objects.
type statusWriter struct {
	client client.Client
	live   client.Reader
	clock  clock.PassiveClock
	budget *rate.Limiter
}

func newStatusWriter(c client.Client, live client.Reader, clock clock.PassiveClock, perSecond float64) statusWriter {
	return statusWriter{client: c, live: live, clock: clock, budget: rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))}
}

// statusResult says what became of a status.
type statusResult struct {
	written bool
	// retryAfter is when numbers that were kept back may be written; 0 when none were.
	retryAfter time.Duration
}

// write writes the status if something changed that is due.
func (w statusWriter) write(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, before, after v1alpha1.KafkaConsumerGroupStatus, m *memory) (statusResult, error) {
	switch {
	case !reflect.DeepEqual(withoutNumbers(before), withoutNumbers(after)):
		statusWrites.WithLabelValues("changes").Inc()
	case sameNumbers(before, after):
		return statusResult{}, nil
	default:
		if wait := refreshNumbers - numbersAge(before, m, w.clock.Now()); wait > 0 {
			return statusResult{retryAfter: wait}, nil
		}
		if !w.budget.AllowN(w.clock.Now(), 1) {
			return statusResult{retryAfter: refreshNumbers / 10}, nil
		}
		statusWrites.WithLabelValues("numbers").Inc()
	}
	return statusResult{written: true}, w.patch(ctx, group, before, after, m)
}

func (w statusWriter) patch(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, before, after v1alpha1.KafkaConsumerGroupStatus, m *memory) error {
	base, next := group.DeepCopy(), group.DeepCopy()
	base.Status = before
	write := func() error {
		next.Status = after
		return w.client.Status().Patch(ctx, next, client.MergeFrom(base))
	}
	if resetsDiffer(before, after) {
		base.ResourceVersion = newestVersion(group, m)
		write = w.guardedWrite(ctx, base, next, after)
	}
	if err := write(); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("write the status of %q: %w", client.ObjectKeyFromObject(group), err)
	}
	m.written = written{before: group.ResourceVersion, after: next.ResourceVersion, at: w.clock.Now(), status: &after}
	return nil
}

// guardedWrite writes who has the group over the claims that it was decided on, by
// the base's resourceVersion. Where only something else is newer there, as an
// annotation, it is written over that.
func (w statusWriter) guardedWrite(ctx context.Context, base, next *v1alpha1.KafkaConsumerGroup, after v1alpha1.KafkaConsumerGroupStatus) func() error {
	return func() error {
		return guarded(func() error {
			*next = *base.DeepCopy()
			next.Status = after
			return w.client.Status().Patch(ctx, next, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
		}, func() (bool, error) {
			var now v1alpha1.KafkaConsumerGroup
			key := client.ObjectKeyFromObject(base)
			if err := w.live.Get(ctx, key, &now); err != nil {
				return false, fmt.Errorf("get KafkaConsumerGroup %q again: %w", key, err)
			}
			base.ResourceVersion = now.ResourceVersion
			return sameObject(base, &now) && !resetsDiffer(asStored(base.Status), now.Status), nil
		})
	}
}

// resetsDiffer: who has the group, and what is kept for it, is written only over the
// status that it was decided on: a manager that led before and comes back must not
// put an older table in the place of a newer one.
func resetsDiffer(before, after v1alpha1.KafkaConsumerGroupStatus) bool {
	return !reflect.DeepEqual(before.ActiveReset, after.ActiveReset) || !reflect.DeepEqual(before.Resets, after.Resets) ||
		!reflect.DeepEqual(before.UnfinishedReset, after.UnfinishedReset) || before.DedupPass != after.DedupPass ||
		!reflect.DeepEqual(before.KeptOffsets, after.KeptOffsets)
}

// asStored is a status as the API server gives it back: its times have no fractions.
func asStored(s v1alpha1.KafkaConsumerGroupStatus) v1alpha1.KafkaConsumerGroupStatus {
	var back v1alpha1.KafkaConsumerGroupStatus
	if raw, err := json.Marshal(s); err != nil || json.Unmarshal(raw, &back) != nil {
		return s
	}
	return back
}

// newestVersion is the resourceVersion of what statusNow returns.
func newestVersion(group *v1alpha1.KafkaConsumerGroup, m *memory) string {
	if m.written.status != nil && m.written.before == group.ResourceVersion {
		return m.written.after
	}
	return group.ResourceVersion
}

// statusNow is the status as last written: the cache may not have seen our own
// last write, and then shows the resourceVersion from before it.
func statusNow(group *v1alpha1.KafkaConsumerGroup, m *memory) v1alpha1.KafkaConsumerGroupStatus {
	if m.written.status != nil && m.written.before == group.ResourceVersion {
		return *m.written.status.DeepCopy()
	}
	return *group.Status.DeepCopy()
}

// withoutNumbers is what is written at once when it changes.
func withoutNumbers(s v1alpha1.KafkaConsumerGroupStatus) v1alpha1.KafkaConsumerGroupStatus {
	s = *s.DeepCopy()
	s.Lag, s.Health, s.WorstPartitions, s.Group = nil, "", nil, nil
	if s.Scaling != nil {
		s.Scaling.Message = ""
	}
	for i := range s.Topics {
		s.Topics[i].Lag = nil
	}
	return s
}

// sameNumbers compares all but the time of the sample, and what is not worth a
// write of its own: an age that has only grown a little older, as that of a lag
// without traffic does by itself, and what a restart has to learn again.
func sameNumbers(a, b v1alpha1.KafkaConsumerGroupStatus) bool {
	a, b = *a.DeepCopy(), *b.DeepCopy()
	if a.Lag != nil && b.Lag != nil {
		a.Lag.ObservedAt = b.Lag.ObservedAt
		if sameAge(a.Lag, b.Lag) {
			a.Lag.Seconds, a.Lag.AtLeast, a.Lag.Behind = b.Lag.Seconds, b.Lag.AtLeast, b.Lag.Behind
		}
		if sameRate(a.Lag.ProducedPerSecond, b.Lag.ProducedPerSecond) && sameRate(a.Lag.ConsumedPerSecond, b.Lag.ConsumedPerSecond) {
			a.Lag.ProducedPerSecond, a.Lag.ConsumedPerSecond = b.Lag.ProducedPerSecond, b.Lag.ConsumedPerSecond
		}
	}
	return reflect.DeepEqual(a, b)
}

// sameRate: a rate that is not known yet is no news, nor is one that turns out
// to be 0.
func sameRate(before, after *int64) bool {
	return after == nil || (before == nil && *after == 0) || (before != nil && *before == *after)
}

// sameAge: the age is not known now, or differs by less than a minute or a
// tenth. From one minute to one day these are about 70 writes.
func sameAge(a, b *v1alpha1.LagStatus) bool {
	if b.Seconds == nil {
		return true
	}
	if a.Seconds == nil || a.AtLeast != b.AtLeast || (*a.Seconds == 0) != (*b.Seconds == 0) {
		return false
	}
	low, high := min(*a.Seconds, *b.Seconds), max(*a.Seconds, *b.Seconds)
	return high-low < max(60, high/10)
}

// numbersAge is how old the numbers are: since our last write, after a restart
// since their sample. Without any they are as old as can be.
func numbersAge(s v1alpha1.KafkaConsumerGroupStatus, m *memory, now time.Time) time.Duration {
	if m.written.at.IsZero() && s.Lag == nil {
		return refreshNumbers
	}
	since := m.written.at
	if since.IsZero() {
		since = s.Lag.ObservedAt.Time
	}
	age := now.Sub(since)
	if age < 0 { // a clock that went back
		return refreshNumbers
	}
	return age
}
