package integration

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestSeedsBeforeTheFirstWorker: a worker that leaves before its first commit
// skips nothing, and a group that has its commits costs no more.
func TestSeedsBeforeTheFirstWorker(t *testing.T) {
	t.Parallel()
	ns, b, count := namespace(t), startBroker(t, map[string]int32{"orders": 4}), &countedOffsets{}
	b.produce(t, "orders", 10)
	startManager(t, managerOptions{offsets: count.wrap}, ns)
	g := group(ns, "seeded", b.address(), latest)
	create(t, g)
	anyDeployment(t, g)
	wantSeeds(t, b, "seeded", "lagrange/partitions=4", 10, 10, 10, 10)
	wantEvent(t, g, "Normal", "OffsetsSeeded", "4 partitions")

	join(t, b, "seeded").Close()
	b.produce(t, "orders", 5)
	next, handled := join(t, b, "seeded"), map[int32][]int64{}
	for n := 0; n < 20; {
		fetches := next.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { handled[r.Partition] = append(handled[r.Partition], r.Offset); n++ })
	}
	for p := range int32(4) {
		if fmt.Sprint(handled[p]) != "[10 11 12 13 14]" {
			t.Errorf("partition %d: handled %v", p, handled[p])
		}
	}
	b.cycles(t, 10)
	if s, c := count.surveys.Load(), count.commits.Load(); s != 1 || c != 1 {
		t.Errorf("%d surveys and %d commits, want one of each", s, c)
	}
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.Seeding == nil || s.Seeding.Partitions != 4 || s.Seeding.Failed != "" {
			return fmt.Errorf("seeding %+v", s.Seeding)
		}
		return nil
	})
}

// TestSeedsWhatWasAddedAtZero: partitions that come while the group is stopped
// begin at their start, and the group's count of before is kept. That the setting
// changes rolls no worker.
func TestSeedsWhatWasAddedAtZero(t *testing.T) {
	t.Parallel()
	ns, b, count := namespace(t), startBroker(t, map[string]int32{"orders": 2}), &countedOffsets{}
	b.produce(t, "orders", 10)
	startManager(t, managerOptions{offsets: count.wrap}, ns)
	g := group(ns, "grown", b.address(), latest)
	create(t, g)
	anyDeployment(t, g)
	change(t, g, pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}))
	wantReplicas(t, g, 0)
	before, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Consumer.SeedOffsets = ptr.To(false) })
	wantObserved(t, g)
	b.grow(t, "orders", 4)
	b.produce(t, "orders", 3)
	b.cycles(t, 10)
	wantSeeds(t, b, "grown", "lagrange/partitions=2", 10, 10)

	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Consumer.SeedOffsets = nil })
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.Seeding == nil || count.commits.Load() != 2 {
			return fmt.Errorf("%d commits, seeding %+v", count.commits.Load(), s.Seeding)
		}
		return nil
	})
	wantSeeds(t, b, "grown", "lagrange/partitions=2", 10, 10, 0, 0)
	b.cycles(t, 10)
	// Two to seed, and two to keep what is committed at zero, or a few more where
	// something could not be told yet: no survey each cycle.
	if s := count.surveys.Load(); s > 8 {
		t.Errorf("%d surveys in more than 20 cycles, want about four", s)
	}
	if now, err := deployment(g); err != nil || now.Generation != before.Generation {
		t.Errorf("generation %d after %d, %v: consumer.seedOffsets is nothing to workers", now.Generation, before.Generation, err)
	}
}

// TestSeedsWhereAsked: not without being asked, and with earliest at the log start.
func TestSeedsWhereAsked(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		initial string
		seed    *bool
		topics  []v1alpha1.TopicName
		want    []int64
	}{
		"LatestWithout":   {"latest", ptr.To(false), nil, nil},
		"Earliest":        {"earliest", nil, nil, nil},
		"EarliestWithout": {"earliest", ptr.To(false), nil, nil},
		"EarliestWith":    {"earliest", ptr.To(true), nil, []int64{3, 0}},
		"LatestWith":      {"latest", ptr.To(true), nil, []int64{10, 10}},
		"TopicMissing":    {"latest", nil, []v1alpha1.TopicName{"not-yet", "orders"}, []int64{10, 10}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b, count := namespace(t), startBroker(t, map[string]int32{"orders": 2}), &countedOffsets{}
			b.produce(t, "orders", 10)
			b.deleteRecords(t, "orders", map[int32]int64{0: 3})
			startManager(t, managerOptions{offsets: count.wrap}, ns)
			g := group(ns, "asked", b.address(), func(g *v1alpha1.KafkaConsumerGroup) {
				g.Spec.Consumer.InitialOffset, g.Spec.Consumer.SeedOffsets = tc.initial, tc.seed
				if tc.topics != nil {
					g.Spec.Topics = tc.topics
				}
			})
			create(t, g)
			anyDeployment(t, g)
			if tc.want != nil {
				wantSeeds(t, b, "asked", "lagrange/partitions=2", tc.want...)
				return
			}
			b.cycles(t, 5)
			if committed, err := committedOf(t.Context(), b.ListenAddrs(), "asked"); err != nil || len(committed) > 0 || count.surveys.Load() > 0 {
				t.Errorf("committed %v, %v, after %d surveys", committed, err, count.surveys.Load())
			}
		})
	}
}

// TestSeedsNothingWithMembers: with somebody in the group, also one who joins in
// the last moment, nothing is committed and no worker waits.
func TestSeedsNothingWithMembers(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"Before": false, "BeforeTheCommit": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b, count := namespace(t), startBroker(t, map[string]int32{"orders": 2}), &countedOffsets{}
			b.produce(t, "orders", 10)
			if late {
				count.before = func() { join(t, b, "shared") }
			} else {
				join(t, b, "shared")
			}
			startManager(t, managerOptions{offsets: count.wrap}, ns)
			g := group(ns, "shared", b.address(), latest)
			create(t, g)
			anyDeployment(t, g)
			if committed, err := committedOf(t.Context(), b.ListenAddrs(), "shared"); err != nil || len(committed) > 0 {
				t.Errorf("committed %v, %v", committed, err)
			}
			if c := count.commits.Load(); late != (c == 1) {
				t.Errorf("%d commits were tried", c)
			}
			now, err := seen(g)
			if err != nil || now.Status.Seeding != nil {
				t.Errorf("seeding %+v, %v", now.Status.Seeding, err)
			}
		})
	}
}

// TestWorkersWaitBrieflyForSeeds: with Kafka away the first workers wait, and say
// so, and start when the bound is over, with a warning.
func TestWorkersWaitBrieflyForSeeds(t *testing.T) {
	t.Parallel()
	ns, ahead := namespace(t), &atomic.Int64{}
	startManager(t, managerOptions{clock: laterClock{ahead: ahead}}, ns)
	g := group(ns, "patient", "127.0.0.1:1", latest)
	create(t, g)
	waits := wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonSeedingOffsets)
	if lacks := mentions(waits.Message, "at most 30s", "127.0.0.1:1"); lacks != nil {
		t.Error(lacks)
	}
	wantNoDeployment(t, g)
	ahead.Store(int64(20 * time.Second))
	anyDeployment(t, g)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if len(s.Warnings) != 1 {
			return fmt.Errorf("warnings %q", s.Warnings)
		}
		return mentions(s.Warnings[0], "find their places themselves", "consumer.seedOffsets", "127.0.0.1:1")
	})
}

// TestSeedsOnceWhenKilled: a manager that is killed before the commit leaves it to
// the next one, and after it what is committed stays. No worker exists before it.
func TestSeedsOnceWhenKilled(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"Before": false, "After": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b, x := namespace(t), startBroker(t, map[string]int32{"orders": 2}), newExecutioner("commit first request", after)
			x.begun = true
			b.produce(t, "orders", 10)
			stop := startManager(t, managerOptions{wrap: x.client, offsets: x.offsets}, ns)
			g := group(ns, "killed", b.address(), latest)
			create(t, g)
			select {
			case <-x.killed:
			case <-time.After(40 * time.Second):
				t.Fatal("nothing was committed")
			}
			stop()
			if _, err := deployment(g); err == nil {
				t.Error("there are workers already")
			}
			b.produce(t, "orders", 5)
			startManager(t, managerOptions{}, ns)
			anyDeployment(t, g)
			if after {
				wantSeeds(t, b, "killed", "lagrange/partitions=2", 10, 10)
			} else {
				wantSeeds(t, b, "killed", "lagrange/partitions=2", 15, 15)
			}
		})
	}
}

// TestSeedsThatAreRefused: what passes is waited for and then done; what needs
// somebody is not waited for.
func TestSeedsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]error{"Passing": kafka.ErrUnavailable, "Lasting": kafka.ErrUnauthorized} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b, refused := namespace(t), startBroker(t, map[string]int32{"orders": 2}), &refusedOffsets{}
			refused.with.Store(&kind)
			b.produce(t, "orders", 10)
			startManager(t, managerOptions{offsets: func(o controllers.Offsets) controllers.Offsets { refused.Offsets = o; return refused }}, ns)
			g := group(ns, "refused", b.address(), latest)
			create(t, g)
			if errors.Is(kind, kafka.ErrUnauthorized) {
				anyDeployment(t, g)
				wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
					if s.Seeding == nil || len(s.Warnings) != 1 {
						return fmt.Errorf("seeding %+v, warnings %q", s.Seeding, s.Warnings)
					}
					return mentions(s.Seeding.Failed, "not authorized")
				})
				b.commit(t, "refused", "orders", 10)
				wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
					if s.Seeding != nil || len(s.Warnings) > 0 {
						return fmt.Errorf("seeding %+v, warnings %q, with commits everywhere", s.Seeding, s.Warnings)
					}
					return nil
				})
				return
			}
			wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonSeedingOffsets)
			wantNoDeployment(t, g)
			refused.with.Store(nil)
			anyDeployment(t, g)
			wantSeeds(t, b, "refused", "lagrange/partitions=2", 10, 10)
		})
	}
}

// TestSeedsNothingInAnotherCluster: an address may come to lead elsewhere at any time.
func TestSeedsNothingInAnotherCluster(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 2})
	startManager(t, managerOptions{offsets: func(o controllers.Offsets) controllers.Offsets { return otherOffsets{o} }}, ns)
	g := group(ns, "elsewhere", b.address(), latest)
	create(t, g)
	waits := wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonSeedingOffsets)
	if lacks := mentions(waits.Message, `"another" answered`); lacks != nil {
		t.Error(lacks)
	}
	if committed, err := committedOf(t.Context(), b.ListenAddrs(), "elsewhere"); err != nil || len(committed) > 0 {
		t.Errorf("committed %v, %v", committed, err)
	}
}

// TestSeedsNothingForAStaleCache: a reset has the group, and the manager's cache
// does not know it yet.
func TestSeedsNothingForAStaleCache(t *testing.T) {
	t.Parallel()
	ns, b, count := namespace(t), startBroker(t, map[string]int32{"orders": 2}), &countedOffsets{}
	stop := startManager(t, managerOptions{}, ns)
	g := group(ns, "claimed", b.address(), latest)
	create(t, g)
	anyDeployment(t, g)
	change(t, g, pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}))
	wantReplicas(t, g, 0)
	wantKept(t, g, 2)
	stop()
	stale := freezeClaims(t, ns)
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	before := now.DeepCopy()
	now.Status.ActiveReset = &v1alpha1.ActiveReset{Name: "replay", UID: "u", Since: metav1.Now()}
	if err := kube.Status().Patch(t.Context(), now, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	b.grow(t, "orders", 4)
	startManager(t, managerOptions{api: stale, offsets: count.wrap}, ns)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.Seeding == nil {
			return errors.New("nothing was tried")
		}
		return mentions(s.Seeding.Failed, "given to a reset")
	})
	if n := count.surveys.Load() + count.commits.Load(); n != 0 {
		t.Errorf("%d requests for a group that a reset has", n)
	}
}
