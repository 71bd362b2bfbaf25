package controllers

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestSeedIsDue: when partitions without a commit are given one, and when
// workers wait to know.
func TestSeedIsDue(t *testing.T) {
	type world struct {
		spec    v1alpha1.ConsumerSpec
		seen    groupSnapshot
		d       decision
		present int32
		read    time.Time
	}
	partition := func(w *world, i int) *kafka.PartitionSample { return &w.seen.sample.Topics[0].Partitions[i] }
	paused := func(w *world) { w.d.scale.Replicas = 0 }
	oneCommit := func(w *world) { partition(w, 0).Committed = 7 }
	const due, waits, neither = "due", "unknown", ""
	cases := map[string]struct {
		reason string
		change func(w *world)
		want   string
	}{
		"First":           {"Workers are about to start, and nothing is committed.", func(*world) {}, due},
		"Dead":            {"A group that Kafka does not know.", func(w *world) { w.seen.sample.State = kafka.StateDead }, due},
		"Earliest":        {"Earliest needs none.", func(w *world) { w.spec.InitialOffset = "earliest" }, neither},
		"EarliestAsked":   {"But may be asked for.", func(w *world) { w.spec.InitialOffset, w.spec.SeedOffsets = "earliest", ptr.To(true) }, due},
		"NotWanted":       {"Latest without.", func(w *world) { w.spec.SeedOffsets = ptr.To(false) }, neither},
		"Workers":         {"Workers were asked for already.", func(w *world) { w.present = 1 }, neither},
		"Pod":             {"One is on its way out.", func(w *world) { w.seen.pods = []corev1.Pod{notReady()} }, neither},
		"PodInDeployment": {"The Deployment's controller knows of one.", func(w *world) { w.seen.deployment = deploymentWith(1, 0) }, neither},
		"Member": {"Somebody else is in the group.", func(w *world) {
			w.seen.sample.State, w.seen.sample.Members = kafka.StateStable, []kafka.Member{{ID: "m"}}
		}, neither},
		"Rebalance":    {"Somebody joins.", func(w *world) { w.seen.sample.State = kafka.StatePreparingRebalance }, neither},
		"Complete":     {"Every partition has a commit.", func(w *world) { oneCommit(w); partition(w, 1).Committed = 0 }, neither},
		"Paused":       {"A new group that nobody starts: latest is when it starts.", paused, neither},
		"AddedInPause": {"Partitions came while the group is stopped.", func(w *world) { paused(w); oneCommit(w) }, due},
		"OldSample":    {"The sample is older than the last reading.", func(w *world) { w.read = noon }, neither},
		"NotSampled":   {"Not looked yet.", func(w *world) { w.seen.sampled = false }, waits},
		"Away":         {"No broker answers.", func(w *world) { w.seen.sample.ConnectionErr = kafka.ErrUnreachable }, waits},
		"Stale":        {"The sample is too old.", func(w *world) { w.seen.now = noon.Add(time.Hour) }, waits},
		"StateUnread":  {"The state is not known.", func(w *world) { w.seen.sample.StateErr = kafka.ErrUnavailable }, waits},
		"TopicsUnread": {"Which topics there are is not known.", func(w *world) { w.seen.sample.TopicsErr = kafka.ErrTimeout }, waits},
		"TopicUnread":  {"How many partitions there are is not known.", func(w *world) { w.seen.sample.Topics[0].Err = kafka.ErrUnauthorized }, waits},
		"OffsetUnread": {"A commit is not known.", func(w *world) { partition(w, 1).Err = kafka.ErrUnavailable }, waits},
		"TopicMissing": {"The others are seeded.", func(w *world) {
			w.seen.sample.Topics = append(w.seen.sample.Topics, kafka.TopicSample{Name: "z", Err: kafka.ErrTopicMissing})
		}, due},
		"ResetActive":    {"A reset has the group.", func(w *world) { w.seen.resets.active = &v1alpha1.ActiveReset{Name: "r"} }, neither},
		"ResetNext":      {"A reset is about to have it.", func(w *world) { w.seen.resets.next = &v1alpha1.KafkaOffsetReset{} }, neither},
		"Unfinished":     {"What is committed may be a mixture.", func(w *world) { w.seen.resets.unfinished = &v1alpha1.UnfinishedReset{} }, neither},
		"JustUnfinished": {"As above, as of now.", func(w *world) { w.d.reset.stops = "r" }, neither},
		"Blocked":        {"Nothing may be applied.", func(w *world) { w.d.blocked = &blocked{} }, neither},
		"Held":           {"Nothing is applied yet.", func(w *world) { w.d.held = &blocked{} }, neither},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sample := kafka.GroupSample{At: noon, State: kafka.StateEmpty, Topics: []kafka.TopicSample{{
				Name: "orders", Partitions: []kafka.PartitionSample{{Committed: kafka.NoOffset}, {Partition: 1, Committed: kafka.NoOffset}},
			}}}
			w := world{spec: v1alpha1.ConsumerSpec{InitialOffset: "latest"}, seen: groupSnapshot{now: noon, sample: sample, sampled: true}}
			w.d.scale.Replicas = 1
			tc.change(&w)
			seed := decideSeed(w.spec, w.seen, w.d, w.present, w.read, 30*time.Second)
			got := neither
			switch {
			case seed.due:
				got = due
			case seed.unknown != nil:
				got = waits
			}
			if got != tc.want {
				t.Errorf("%s\ndue %t, unknown %v, want %q", tc.reason, seed.due, seed.unknown, tc.want)
			}
		})
	}
}

// TestSeedWaitsForWhatPasses: a right that is missing holds no worker back.
func TestSeedWaitsForWhatPasses(t *testing.T) {
	for _, kind := range []error{kafka.ErrUnreachable, kafka.ErrTimeout, kafka.ErrUnavailable, kafka.ErrUncertain} {
		if !maySucceed(fmt.Errorf("commit: %w", kind)) {
			t.Errorf("%v does not pass", kind)
		}
	}
	for _, kind := range []error{kafka.ErrUnauthorized, kafka.ErrUnsupported, kafka.ErrRejected, kafka.ErrTooLarge, kafka.ErrInvalid} {
		if maySucceed(fmt.Errorf("commit: %w", kind)) {
			t.Errorf("%v passes", kind)
		}
	}
}
