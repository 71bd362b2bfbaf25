package integration

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// killCase is a reset whose manager is killed on the way.
type killCase struct {
	reason     string
	partitions int32
	// before makes what is there before the reset.
	before func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, workers *crew)
	target func(topic string, partitions int32) v1alpha1.ResetTarget
	// cancelled: cancel is set as soon as the workers are being stopped.
	cancelled bool
	// dedup is what becomes of the group's dedup namespace.
	dedup v1alpha1.DedupPolicy
	// planned is the committed offset of each partition of "orders" after the
	// reset, and idle that of the only one of "idle", -1 for none.
	planned, idle int64
	again         string // what each partition handles again
}

// place is a Kafka with two topics: in each partition of orders are ten
// messages, in the one of idle is none.
type place struct {
	servers      []string
	orders, idle string
}

type openPlace func(t *testing.T, partitions int32) place

var killCases = []killCase{
	{
		reason: "four partitions in two requests", partitions: 4, target: allTo(3), planned: 3, idle: -1, again: "[3 4 5 6 7 8 9]",
		dedup: v1alpha1.DedupNewNamespace,
	},
	{
		reason: "a rollback that deletes a commit", partitions: 4, before: resetBefore, planned: 10, idle: -1, again: "[]",
		target: func(string, int32) v1alpha1.ResetTarget { return v1alpha1.ResetTarget{RollbackOf: "before"} },
	},
	{
		reason: "cancelled while the workers leave", partitions: 4, target: allTo(3), cancelled: true, planned: 10, idle: -1, again: "[]",
		dedup: v1alpha1.DedupNewNamespace,
	},
	{
		reason: "tables that are kept in ConfigMaps", partitions: 301, target: allTo(8), planned: 8, idle: -1, again: "[8 9]",
	},
}

// allTo is a target of one offset for each partition of "orders".
func allTo(offset int64) func(string, int32) v1alpha1.ResetTarget {
	return func(topic string, partitions int32) v1alpha1.ResetTarget {
		var target v1alpha1.ResetTarget
		for p := range partitions {
			target.Offsets = append(target.Offsets, v1alpha1.PartitionOffset{Topic: v1alpha1.TopicName(topic), Partition: p, Offset: offset})
		}
		return target
	}
}

// resetBefore runs a reset that commits where nothing was committed.
func resetBefore(t *testing.T, g *v1alpha1.KafkaConsumerGroup, workers *crew) {
	t.Helper()
	r := reset(g, "before", toEarliest())
	create(t, r)
	approve(t, r)
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	eventually(t, func() error { return workers.committedIs(10, 0) })
}

// committedIs holds what is committed against an offset for each partition of
// "orders", and one for "idle", -1 for none.
func (c *crew) committedIs(orders, idle int64) error {
	committed, err := committedOf(context.Background(), c.servers, c.g.Spec.GroupID)
	if err != nil {
		return err
	}
	return offsetsAre(committed, orders, idle)
}

func offsetsAre(committed map[kafka.TopicPartition]int64, orders, idle int64) error {
	for p, at := range committed {
		if !strings.HasPrefix(p.Topic, "idle") && at != orders {
			return fmt.Errorf("%v is committed at %d, want %d", p, at, orders)
		}
	}
	found := int64(-1)
	for p, at := range committed {
		if strings.HasPrefix(p.Topic, "idle") {
			found = at
		}
	}
	return same("the offset of the idle topic", found, idle)
}

// run makes the reset with a manager that is killed, and looks at what comes of it.
func (k killCase) run(t *testing.T, x *executioner, open openPlace) {
	t.Helper()
	ns, at := namespace(t), open(t, k.partitions)
	o := managerOptions{commitLimit: 150}
	if k.partitions > 4 {
		o.commitLimit = 16 << 10
	}
	stop := startManager(t, o, ns)
	g := group(ns, "kcg", at.servers[0], drainable, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Scaling.LagTarget.MessagesPerReplica = 100_000 // one worker, which leaves at once
		g.Spec.Consumer.Dedup = &v1alpha1.DedupSpec{Namespace: "kcg"}
		g.Spec.GroupID, g.Spec.Topics = at.orders, []v1alpha1.TopicName{v1alpha1.TopicName(at.orders), v1alpha1.TopicName(at.idle)}
	})
	create(t, g)
	workers := playCrew(t, g, at.servers)
	oldIdle := int64(-1)
	eventually(t, func() error { return workers.committedEverywhere(k.partitions, 10) })
	if k.before != nil {
		k.before(t, g, workers)
		oldIdle = 0
	}
	stop()
	doomed := o
	doomed.wrap, doomed.offsets = x.client, x.offsets
	stop = startManager(t, doomed, ns)
	firstStart := len(workers.startsSoFar())
	workers.handledOf()
	r := reset(g, "kor", k.target(at.orders, k.partitions), func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Dedup = k.dedup })
	create(t, r)
	if x.at != "" {
		k.goOnUntilKilled(t, r, x)
		stop()
		startManager(t, o, ns)
	}
	k.drive(t, r)
	k.check(t, workers, firstStart, oldIdle)
}

// committedEverywhere: each partition of "orders" is committed there.
func (c *crew) committedEverywhere(partitions int32, at int64) error {
	committed, err := committedOf(context.Background(), c.servers, c.g.Spec.GroupID)
	if err != nil {
		return err
	}
	if len(committed) < int(partitions) {
		return fmt.Errorf("%d partitions of %d are committed", len(committed), partitions)
	}
	return offsetsAre(committed, at, -1)
}

// push does what a person does at the point where the reset is: approve, or cancel.
func (k killCase) push(r *v1alpha1.KafkaOffsetReset) (*v1alpha1.KafkaOffsetReset, error) {
	now, err := resetNow(r)
	if err != nil {
		return nil, err
	}
	before := now.DeepCopy()
	if now.Status.Plan != nil {
		now.Spec.Approved = now.Status.Plan.Hash
	}
	if k.cancelled && now.Status.Phase == v1alpha1.PhaseDraining {
		now.Spec.Cancel = true
	}
	if now.Spec.Approved == before.Spec.Approved && now.Spec.Cancel == before.Spec.Cancel {
		return now, nil
	}
	return now, kube.Patch(context.Background(), now, client.MergeFrom(before))
}

// goOnUntilKilled returns when the manager is dead.
func (k killCase) goOnUntilKilled(t *testing.T, r *v1alpha1.KafkaOffsetReset, x *executioner) {
	t.Helper()
	eventually(t, func() error {
		select {
		case <-x.killed:
			return nil
		default:
		}
		_, _ = k.push(r) // tried again
		return fmt.Errorf("the write %q has not come; there were %q", x.at, x.writes())
	})
}

// drive takes the reset to its end.
func (k killCase) drive(t *testing.T, r *v1alpha1.KafkaOffsetReset) {
	t.Helper()
	want := v1alpha1.PhaseSucceeded
	if k.cancelled {
		want = v1alpha1.PhaseCancelled
	}
	eventually(t, func() error {
		now, err := k.push(r)
		if err == nil && now.Status.Phase != want {
			err = fmt.Errorf("phase %s (%s), want %s", now.Status.Phase, now.Status.Message, want)
		}
		return err
	})
}

// check: workers run, have handled again what was planned, and have begun at
// nothing but what was committed before, or what was planned.
func (k killCase) check(t *testing.T, workers *crew, firstStart int, oldIdle int64) {
	t.Helper()
	eventually(t, func() error { return workers.committedIs(10, k.idle) })
	handled := workers.handledOf()
	if k.again != "[]" && len(handled) != int(k.partitions) {
		t.Errorf("%d partitions were handled again, want %d", len(handled), k.partitions)
	}
	for p, offsets := range handled {
		if got := fmt.Sprint(offsets); got != k.again {
			t.Errorf("%v was handled again at %v, want %v", p, got, k.again)
		}
	}
	starts := workers.startsSoFar()[firstStart:]
	if len(starts) == 0 || offsetsAre(starts[len(starts)-1], k.planned, k.idle) != nil {
		t.Errorf("workers began at %v at last, want %d", starts, k.planned)
	}
	for _, start := range starts {
		if offsetsAre(start, 10, oldIdle) != nil && offsetsAre(start, k.planned, k.idle) != nil {
			t.Errorf("workers began at %v, which is neither before nor after the reset", start)
		}
	}
	k.checkDedup(t, workers, firstStart)
}

// checkDedup: whoever began after the commit did so in the namespace that follows,
// the next one or the same, and nobody else did.
func (k killCase) checkDedup(t *testing.T, workers *crew, firstStart int) {
	t.Helper()
	pass, after := int32(0), "kcg"
	if k.dedup == v1alpha1.DedupNewNamespace && !k.cancelled {
		pass, after = 2, "kcg/2"
	}
	wantStatus(t, workers.g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.DedupPass != pass || s.DedupNamespace != after {
			return fmt.Errorf("dedup pass %d, namespace %q; want %d and %q", s.DedupPass, s.DedupNamespace, pass, after)
		}
		return nil
	})
	starts, in := workers.startsSoFar(), workers.startedInSoFar()
	for i := firstStart; i < len(starts); i++ {
		want := "kcg"
		if offsetsAre(starts[i], k.planned, k.idle) == nil {
			want = after
		}
		if in[i] != want {
			t.Errorf("workers that began at %v were told namespace %q, want %q", starts[i], in[i], want)
		}
	}
}

var allKills = flag.Bool("allkills", false, "kill at each write of each kind of reset, also where another kind has the same write")

// TestResetKilledAnywhere kills the manager right before and right after each of
// its writes, to the API server and to Kafka, on the way of resets of each kind. A
// new manager takes them to their end, and no worker ever begins on a mixture.
func TestResetKilledAnywhere(t *testing.T) {
	t.Parallel()
	killEverywhere(t, "kfake", func(t *testing.T, partitions int32) place {
		b := startBroker(t, map[string]int32{"orders": partitions, "idle": 1})
		b.produce(t, "orders", 10)
		return place{servers: b.ListenAddrs(), orders: "orders", idle: "idle"}
	})
}

func killEverywhere(t *testing.T, kind string, open openPlace) {
	t.Helper()
	points, seen := 0, map[string]bool{}
	for _, k := range killCases {
		recorder := newExecutioner("", false)
		if !t.Run(k.reason, func(t *testing.T) { k.run(t, recorder, open) }) {
			return
		}
		for _, point := range recorder.writes() {
			if seen[point] && !*allKills {
				continue
			}
			seen[point] = true
			points++
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/after=%t", k.reason, point, after), func(t *testing.T) {
					t.Parallel()
					k.run(t, newExecutioner(point, after), open)
				})
			}
		}
	}
	t.Cleanup(func() {
		fmt.Printf("kill points on %s: %d, runs: %d, failed: %t\n", kind, points, 2*points, t.Failed())
	})
}
