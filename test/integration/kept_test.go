package integration

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestKeptGoesOnWhereItStood: what expired while the group was stopped is
// committed again at once, and the workers go on there, whatever initialOffset
// says: nothing is skipped, nothing is repeated.
func TestKeptGoesOnWhereItStood(t *testing.T) {
	t.Parallel()
	for _, initial := range []string{"latest", "earliest"} {
		t.Run(initial, func(t *testing.T) {
			t.Parallel()
			ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4}, shortRetention())
			startManager(t, managerOptions{}, ns)
			g, workers := stoppedGroup(t, ns, "stopped", b, 4)
			change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Consumer.InitialOffset = initial })
			wantObserved(t, g)
			kept := wantKept(t, g, 4)
			switch {
			case kept.ClusterID == "" || kept.CountedFrom == nil || kept.Retention == nil || kept.Retention.Duration != time.Minute:
				t.Errorf("kept: %+v", kept)
			case !kept.ExpiresAt.Equal(&metav1.Time{Time: kept.CountedFrom.Add(time.Minute)}):
				t.Errorf("expires at %s, counted from %s", kept.ExpiresAt, kept.CountedFrom)
			}
			b.produce(t, "orders", 5)
			expire(t, b, "stopped")
			eventually(t, func() error { return workers.committedEverywhere(4, 10) })
			wantEvent(t, g, "Normal", "OffsetsRestored", "4 partitions")
			wantKept(t, g, 4)

			unpause(t, g)
			workers.wantExactly(t, 4, "[10 11 12 13 14]")
			wantNothingKept(t, g)
		})
	}
}

// TestKeptRestoresMetadata: a group that no worker of ours was ever in, with what
// somebody wrote beside its offsets.
func TestKeptRestoresMetadata(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 2}, shortRetention())
	b.produce(t, "orders", 10)
	startManager(t, managerOptions{}, ns)
	g := group(ns, "seeded", b.address(), latest)
	create(t, g)
	anyDeployment(t, g)
	change(t, g, toZero)
	wantKept(t, g, 2)
	b.produce(t, "orders", 5)
	b.grow(t, "orders", 3) // which is seeded besides
	expire(t, b, "seeded", 0, 1)
	eventually(t, func() error {
		if committed, err := committedOf(t.Context(), b.ListenAddrs(), "seeded"); err != nil || len(committed) != 3 {
			return fmt.Errorf("committed: %v, %w", committed, err)
		}
		return nil
	})
	wantSeeds(t, b, "seeded", "lagrange/partitions=2", 10, 10, 0)
}

// TestKeptDeletedOnPurpose: a commit that is gone before its time was deleted,
// which is respected, and told.
func TestKeptDeletedOnPurpose(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	startManager(t, managerOptions{}, ns)
	g, workers := stoppedGroup(t, ns, "deleted", b, 4)
	expire(t, b, "deleted", 2)
	wantKept(t, g, 3)
	wantEvent(t, g, "Warning", "OffsetsNotRestored", "orders-2: not committed again, since somebody deleted the commit")
	unpause(t, g)
	eventually(t, func() error { return workers.committedEverywhere(4, 10) })
	if got := workers.handledOf()[kafka.TopicPartition{Topic: "orders", Partition: 2}]; fmt.Sprint(got) != "[0 1 2 3 4 5 6 7 8 9]" {
		t.Errorf("handled %v of the partition whose commit was deleted", got)
	}
}

// TestKeptWithoutRetention: a broker that does not say how long it keeps offsets
// is not guessed at: what is gone has expired.
func TestKeptWithoutRetention(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 2})
	hideConfigs(b)
	startManager(t, managerOptions{}, ns)
	g, workers := stoppedGroup(t, ns, "hidden", b, 2)
	if kept := wantKept(t, g, 2); kept.Retention != nil || kept.ExpiresAt != nil {
		t.Errorf("kept: %+v", kept)
	}
	expire(t, b, "hidden")
	eventually(t, func() error { return workers.committedEverywhere(2, 10) })
}

// hideConfigs has the broker tell nobody its settings.
func hideConfigs(b *broker) {
	b.ControlKey(int16(kmsg.DescribeConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.DescribeConfigsResponse)
		for _, r := range request.(*kmsg.DescribeConfigsRequest).Resources {
			resource := kmsg.NewDescribeConfigsResponseResource()
			resource.ResourceName, resource.ResourceType, resource.ErrorCode, resource.ErrorMessage = r.ResourceName, r.ResourceType, 31, new("no")
			response.Resources = append(response.Resources, resource)
		}
		return response, nil, true
	})
}

// TestKeptFollowsTheCommits: what is committed by hand while nobody works is what
// is kept, and while nothing changes nothing is written and nothing read.
func TestKeptFollowsTheCommits(t *testing.T) {
	t.Parallel()
	ns, b, count := namespace(t), startBroker(t, map[string]int32{"orders": 2}, shortRetention()), &countedOffsets{}
	startManager(t, managerOptions{offsets: count.wrap}, ns)
	g, workers := stoppedGroup(t, ns, "moved", b, 2)
	b.commit(t, "moved", "orders", 4)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.KeptOffsets == nil || *s.KeptOffsets.Offsets.Items[1].Offset != 4 {
			return fmt.Errorf("kept: %+v", s.KeptOffsets)
		}
		return nil
	})
	b.cycles(t, 5)
	surveys := count.surveys.Load()
	if err := untouched(t, g, func() { b.cycles(t, 10) }); err != nil {
		t.Error(err)
	}
	if more := count.surveys.Load() - surveys; more != 0 {
		t.Errorf("%d surveys for nothing", more)
	}
	expire(t, b, "moved")
	eventually(t, func() error { return workers.committedEverywhere(2, 4) })
}

// TestKeptWarns: before the offsets expire a person hears of it.
func TestKeptWarns(t *testing.T) {
	t.Parallel()
	ns, b, ahead := namespace(t), startBroker(t, map[string]int32{"orders": 2}), &atomic.Int64{}
	startManager(t, managerOptions{clock: laterClock{ahead: ahead}, settings: slowSamples()}, ns)
	g, _ := stoppedGroup(t, ns, "expiring", b, 2)
	kept := wantKept(t, g, 2)
	b.cycles(t, 5)
	if now, err := seen(g); err != nil || len(now.Status.Warnings) > 0 {
		t.Errorf("warnings %q, %v", now.Status.Warnings, err)
	}
	ahead.Store(int64(6*24*time.Hour + time.Hour))
	b.produce(t, "orders", 1) // which is news
	wantEvent(t, g, "Warning", "Warning", "its 2 committed offsets from "+kept.ExpiresAt.UTC().Format(time.RFC3339))
}

// TestKeptRetentionIsReadAgain: a broker that was restarted may have another one.
func TestKeptRetentionIsReadAgain(t *testing.T) {
	t.Parallel()
	ns, b, ahead := namespace(t), startBroker(t, map[string]int32{"orders": 2}), &atomic.Int64{}
	startManager(t, managerOptions{clock: laterClock{ahead: ahead}, settings: slowSamples()}, ns)
	g, _ := stoppedGroup(t, ns, "again", b, 2)
	hideConfigs(b)
	b.cycles(t, 5)
	if kept := wantKept(t, g, 2); kept.Retention == nil {
		t.Error("it was read before its time")
	}
	ahead.Store(int64(time.Hour))
	b.produce(t, "orders", 1)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.KeptOffsets == nil || s.KeptOffsets.Retention != nil || s.KeptOffsets.ExpiresAt != nil {
			return fmt.Errorf("kept: %+v", s.KeptOffsets)
		}
		return nil
	})
}

// TestKeptInConfigMaps: many offsets are kept beside the status, and go with it.
func TestKeptInConfigMaps(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 301}, shortRetention())
	startManager(t, managerOptions{}, ns)
	g := group(ns, "many", b.address())
	create(t, g)
	anyDeployment(t, g)
	change(t, g, toZero)
	b.commit(t, "many", "orders", 7)
	kept := wantKept(t, g, 301)
	if len(kept.Offsets.Items) > 0 || len(kept.Offsets.ConfigMaps) != 1 {
		t.Fatalf("kept: %+v", kept.Offsets)
	}
	b.commit(t, "many", "orders", 8)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.KeptOffsets == nil || s.KeptOffsets.Offsets.SHA256 == kept.Offsets.SHA256 {
			return errors.New("not kept anew")
		}
		return nil
	})
	wantKeptConfigMaps(t, g, 1)
	expire(t, b, "many")
	eventually(t, func() error {
		committed, err := committedOf(t.Context(), b.ListenAddrs(), "many")
		for p := range int32(301) {
			if committed[kafka.TopicPartition{Topic: "orders", Partition: p}] != 8 {
				return fmt.Errorf("partition %d: %v, %w", p, committed, err)
			}
		}
		return nil
	})
	join(t, b, "many")
	wantNothingKept(t, g)
	wantKeptConfigMaps(t, g, 0)
}

func wantKeptConfigMaps(t *testing.T, g *v1alpha1.KafkaConsumerGroup, want int) {
	t.Helper()
	eventually(t, func() error {
		var all corev1.ConfigMapList
		err := kube.List(t.Context(), &all, client.InNamespace(g.Namespace), client.MatchingLabels{"kafka.lagrange.dev/kept-offsets": string(g.UID)})
		for i := range all.Items {
			if !metav1.IsControlledBy(&all.Items[i], g) || !strings.HasPrefix(all.Items[i].Name, g.Name+"-kept-") {
				t.Fatalf("ConfigMap %+v", all.Items[i].ObjectMeta)
			}
		}
		if len(all.Items) != want {
			return fmt.Errorf("%d ConfigMaps, want %d: %w", len(all.Items), want, err)
		}
		return nil
	})
}

// TestKeptWhileWorkersCrash: pods that never join are no members: their group is
// as empty as one without, and its offsets expire as well.
func TestKeptWhileWorkersCrash(t *testing.T) {
	t.Parallel()
	ns, b, ahead := namespace(t), startBroker(t, map[string]int32{"orders": 2}, shortRetention()), &atomic.Int64{}
	startManager(t, managerOptions{clock: laterClock{ahead: ahead}, settings: slowSamples()}, ns)
	b.commit(t, "crashing", "orders", 7)
	g := group(ns, "crashing", b.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 1 })
	create(t, g)
	wantReplicas(t, g, 1)
	b.cycles(t, 5)
	if now, err := seen(g); err != nil || now.Status.KeptOffsets != nil {
		t.Errorf("kept at once: %+v, %v", now.Status.KeptOffsets, err)
	}
	ahead.Store(int64(time.Minute))
	b.produce(t, "orders", 1)
	wantKept(t, g, 2)
	expire(t, b, "crashing")
	eventually(t, func() error {
		committed, err := committedOf(t.Context(), b.ListenAddrs(), "crashing")
		if committed[kafka.TopicPartition{Topic: "orders"}] != 7 {
			return fmt.Errorf("committed: %v, %w", committed, err)
		}
		return nil
	})
}
