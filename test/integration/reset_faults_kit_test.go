package integration

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// clockAhead is the clock of a manager, ahead of the real one by what the test says.
type clockAhead struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clockAhead) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clockAhead) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

func (c *clockAhead) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// stand is a group that works, under a manager that can be stopped anywhere. Its
// resets commit four partitions in two requests.
type stand struct {
	ns      string
	b       *broker
	g       *v1alpha1.KafkaConsumerGroup
	workers *crew
	moments *moments
	clock   *clockAhead
	wire    *wire
	starts  int // of the workers, that were looked at
}

// newStand starts one with ten messages in each of the four partitions of orders.
func newStand(t *testing.T, mods ...func(*v1alpha1.KafkaConsumerGroup)) *stand {
	t.Helper()
	return standOn(t, startBroker(t, map[string]int32{"orders": 4}, kfake.NumBrokers(3)), 150, mods...)
}

func standOn(t *testing.T, b *broker, commitLimit int32, mods ...func(*v1alpha1.KafkaConsumerGroup)) *stand {
	t.Helper()
	s := &stand{ns: namespace(t), b: b, moments: &moments{stops: map[string]*moment{}, over: make(chan struct{})}, clock: &clockAhead{}}
	api, wire := tapped()
	s.wire = wire
	startManager(t, managerOptions{
		api: api, clock: s.clock, wrap: s.moments.client(api), offsets: s.moments.offsets, commitLimit: commitLimit,
	}, s.ns)
	t.Cleanup(func() { close(s.moments.over) })
	b.produce(t, "orders", 10)
	s.g = group(s.ns, "moved", b.address(), append([]func(*v1alpha1.KafkaConsumerGroup){drainable, oneWorker}, mods...)...)
	create(t, s.g)
	s.workers = playCrew(t, s.g, b.ListenAddrs())
	s.settle(t)
	return s
}

func oneWorker(g *v1alpha1.KafkaConsumerGroup) {
	g.Spec.Scaling.LagTarget.MessagesPerReplica = 100_000 // so that lag moves nobody
}

// settle waits until everything is handled, and forgets it.
func (s *stand) settle(t *testing.T) {
	t.Helper()
	eventually(t, func() error { return s.workers.committedEverywhere(4, 10) })
	s.workers.handledOf()
	s.starts = len(s.workers.startsSoFar())
}

// automatic needs no approval.
func automatic(r *v1alpha1.KafkaOffsetReset) { r.Spec.Approval = v1alpha1.ApprovalAutomatic }

// toThree moves each partition to 3.
func (s *stand) toThree(name string, mods ...func(*v1alpha1.KafkaOffsetReset)) *v1alpha1.KafkaOffsetReset {
	return reset(s.g, name, allTo(3)("orders", 4), mods...)
}

// wantMoved: the reset succeeds, workers have begun at 3 everywhere, and handled the rest again, once.
func (s *stand) wantMoved(t *testing.T, r *v1alpha1.KafkaOffsetReset) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	now := wantPhase(t, r, v1alpha1.PhaseSucceeded)
	s.wantBegun(t, 3)
	for p, offsets := range s.workers.handledOf() {
		if got := fmt.Sprint(offsets); got != "[3 4 5 6 7 8 9]" {
			t.Errorf("%v was handled again at %s, want 3 to 9 once each", p, got)
		}
	}
	return now
}

// wantOld: the reset ends so, and nothing of it was committed: nothing is handled again.
func (s *stand) wantOld(t *testing.T, r *v1alpha1.KafkaOffsetReset, phase v1alpha1.ResetPhase, reason string, words ...string) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	now := wantPhase(t, r, phase)
	if o := now.Status.Outcome; o == nil || o.Reason != reason {
		t.Errorf("outcome %+v, want the reason %s", o, reason)
	}
	if err := mentions(now.Status.Message, words...); err != nil {
		t.Error(err)
	}
	if now.Status.Intent != nil || now.Status.Snapshot != nil {
		t.Errorf("intent %+v, snapshot %+v of what was not done", now.Status.Intent, now.Status.Snapshot)
	}
	wantReplicas(t, s.g, 1)
	s.wantBegun(t, 10)
	for p, offsets := range s.workers.handledOf() {
		t.Errorf("%v was handled again at %v", p, offsets)
	}
	return now
}

// wantBegun: all workers since have begun at this offset on every partition, and are through.
func (s *stand) wantBegun(t *testing.T, at int64) {
	t.Helper()
	eventually(t, func() error { return s.workers.committedEverywhere(4, 10) })
	starts := s.workers.startsSoFar()
	for _, start := range starts[s.starts:] {
		if err := offsetsAre(start, at, -1); err != nil || len(start) != 4 {
			t.Errorf("workers began at %v: %v", start, err)
		}
	}
	s.starts = len(starts)
}

// wantStalled waits until the reset says in this phase that somebody must act, and why.
func wantStalled(t *testing.T, r *v1alpha1.KafkaOffsetReset, phase v1alpha1.ResetPhase, reason string, words ...string) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	return wantTrouble(t, r, phase, v1alpha1.ConditionStalled, "True", reason, words...)
}

func wantTrouble(t *testing.T, r *v1alpha1.KafkaOffsetReset, phase v1alpha1.ResetPhase, kind, status, reason string, words ...string) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	var found *v1alpha1.KafkaOffsetReset
	eventually(t, func() error {
		now, err := resetNow(r)
		if err != nil {
			return err
		}
		found = now
		for _, c := range now.Status.Conditions {
			if now.Status.Phase == phase && c.Type == kind && string(c.Status) == status && c.Reason == reason {
				return mentions(c.Message, words...)
			}
		}
		return fmt.Errorf("phase %s: %s; want %s with %s (%s); %s", now.Status.Phase, now.Status.Message, phase, kind, reason, conditionsOf(now))
	})
	return found
}

func conditionsOf(r *v1alpha1.KafkaOffsetReset) string {
	var words []string
	for _, c := range r.Status.Conditions {
		words = append(words, fmt.Sprintf("%s=%s (%s)", c.Type, c.Status, c.Reason))
	}
	return strings.Join(words, ", ")
}

// edit changes the reset as a person does.
func edit(t *testing.T, r *v1alpha1.KafkaOffsetReset, change func(*v1alpha1.KafkaOffsetReset)) {
	t.Helper()
	now, err := resetNow(r)
	if err != nil {
		t.Fatal(err)
	}
	before := now.DeepCopy()
	change(now)
	if err := kube.Patch(context.Background(), now, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}
