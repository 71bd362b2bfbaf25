package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// TestOffsetsDeadline: what keeps the consumer group from being deleted is told at
// once and when the time is over, and then the object goes.
func TestOffsetsDeadline(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		prevent func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, b *broker)
		words   []string
		commits int
	}{
		"Foreign": {"somebody else uses the group", func(t *testing.T, _ *v1alpha1.KafkaConsumerGroup, b *broker) {
			join(t, b, "billing")
		}, []string{"members that are no workers of this object", `client id "kgo"`}, 3},
		"NotPermitted": {"DELETE was not granted", func(_ *testing.T, _ *v1alpha1.KafkaConsumerGroup, b *broker) {
			b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteGroups}, Err: kerr.GroupAuthorizationFailed, Count: 1 << 30})
		}, []string{"not authorized", `needs the rights DESCRIBE and DELETE on group "billing"`}, 3},
		"OtherCluster": {"another cluster has the address", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, _ *broker) {
			setStatus(t, g, func(s *v1alpha1.KafkaConsumerGroupStatus) { s.ClusterID = "meant" })
		}, []string{"answers behind the bootstrap servers", `is of "meant"`}, 3},
		"CommittedAgain": {"somebody commits without being a member", func(t *testing.T, _ *v1alpha1.KafkaConsumerGroup, b *broker) {
			b.ControlKey(int16(kmsg.DeleteGroups), func(r kmsg.Request) (kmsg.Response, error, bool) {
				b.KeepControl()
				response := r.ResponseKind().(*kmsg.DeleteGroupsResponse)
				response.Groups = []kmsg.DeleteGroupsResponseGroup{{Group: "billing"}}
				return response, nil, true
			})
		}, []string{"is there again with 3 committed offsets"}, 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b, clock := namespace(t), startBroker(t, map[string]int32{"orders": 3}), &clockAhead{}
			stop := startManager(t, managerOptions{clock: clock}, ns)
			g := disposable(t, ns, "overdue", b)
			wantReplicas(t, g, 1)
			play(t, g, allAvailable)
			stop()
			tc.prevent(t, g, b)
			startManager(t, managerOptions{clock: clock}, ns)
			remove(t, g)
			wantReplicas(t, g, 0)
			play(t, g, allAvailable)
			for _, words := range tc.words {
				wantWaits(t, g, words)
			}
			timeIsOver(clock)
			wantRetained(t, g, b, tc.commits)
			for _, words := range append(tc.words, "could not be deleted within 5m0s") {
				wantEvent(t, g, corev1.EventTypeWarning, "OffsetsRetained", words)
			}
		})
	}
}

// TestOffsetsBrokerAway: nobody answers, and the object goes when the time is over.
func TestOffsetsBrokerAway(t *testing.T) {
	t.Parallel()
	ns, b, clock := namespace(t), startBroker(t, map[string]int32{"orders": 3}), &clockAhead{}
	startManager(t, managerOptions{clock: clock}, ns)
	g := disposable(t, ns, "away", b)
	wantReplicas(t, g, 1)
	b.Close()
	remove(t, g)
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	wantWaits(t, g, "not reachable")
	timeIsOver(clock)
	wantGone(t, g)
	wantEvent(t, g, corev1.EventTypeWarning, "OffsetsRetained", "not reachable")
}

// TestOffsetsWaitForPods: a pod that is still there keeps the group, and is named
// when the time is over; the workers are asked to go in any case.
func TestOffsetsWaitForPods(t *testing.T) {
	t.Parallel()
	ns, b, clock := namespace(t), startBroker(t, map[string]int32{"orders": 3}), &clockAhead{}
	startManager(t, managerOptions{clock: clock}, ns)
	g := disposable(t, ns, "podded", b)
	wantReplicas(t, g, 1)
	playPod(t, g, "podded-1", ready(metav1.Now()))
	remove(t, g)
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	b.cycles(t, 20)
	if n := b.commits(t, "billing"); n != 3 {
		t.Errorf("%d commits are left while a pod is there, want 3", n)
	}
	timeIsOver(clock)
	wantRetained(t, g, b, 3)
	wantEvent(t, g, corev1.EventTypeWarning, "OffsetsRetained", `still there: pod "podded-1"`)
}

// TestOffsetsAfterTheDeadline: no manager ran while the time passed, and nobody is in
// the group any more: it is deleted a heartbeat after the first look.
func TestOffsetsAfterTheDeadline(t *testing.T) {
	t.Parallel()
	ns, b, clock := namespace(t), startBroker(t, map[string]int32{"orders": 3}), &clockAhead{}
	stop := startManager(t, managerOptions{clock: clock}, ns)
	g := disposable(t, ns, "late", b)
	wantReplicas(t, g, 1)
	stop()
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, d) // as a tool does that deletes both
	remove(t, g)
	timeIsOver(clock)
	startManager(t, managerOptions{clock: clock}, ns)
	wantDeleted(t, g, b)
	wantEvent(t, g, corev1.EventTypeNormal, "OffsetsDeleted", "3 partitions in 1 topics")
}

// deniedOffsets are of a broker that says whether we may delete the group.
type deniedOffsets struct {
	controllers.Offsets
	granted *atomic.Bool
}

func (d deniedOffsets) Remains(ctx context.Context, c kafkaadmin.Connection, groupID string) (kafka.Remains, error) {
	remains, err := d.Offsets.Remains(ctx, c, groupID)
	remains.MayDelete = d.granted.Load()
	return remains, err
}

// TestOffsetsNotPermitted: whoever wants the consumer group deleted learns in time
// that it would stay, and no longer when the right is there.
func TestOffsetsNotPermitted(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
	granted := &atomic.Bool{}
	startManager(t, managerOptions{offsets: func(o controllers.Offsets) controllers.Offsets { return deniedOffsets{o, granted} }}, ns)
	g := disposable(t, ns, "denied", b)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		return mentions(fmt.Sprint(s.Warnings), `DELETE on consumer group "billing"`, "will stay in Kafka")
	})
	wantEvent(t, g, corev1.EventTypeWarning, "Warning", "will stay in Kafka")
	granted.Store(true)
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.OffsetsOnDelete = v1alpha1.OffsetsRetain })
	wantHeld(t, g, false)
	change(t, g, deleting) // asked at once, and not a minute after it was denied
	wantHeld(t, g, true)
	wantObserved(t, g)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if warnings := fmt.Sprint(s.Warnings); strings.Contains(warnings, "will stay in Kafka") {
			return errors.New(warnings)
		}
		return nil
	})
}
