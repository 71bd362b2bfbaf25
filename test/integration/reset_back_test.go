package integration

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// idle is a group of two topics that nobody consumes now: it is paused at zero.
func idle(t *testing.T, metadata string) (*v1alpha1.KafkaConsumerGroup, *broker) {
	t.Helper()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 2, "parcels": 2})
	offsets := kadm.Offsets{}
	for _, topic := range []string{"orders", "parcels"} {
		b.produce(t, topic, 10)
		for p := range int32(2) {
			offsets.Add(kadm.Offset{Topic: topic, Partition: p, At: 7, LeaderEpoch: -1, Metadata: metadata})
		}
	}
	if err := b.kadm(t).CommitAllOffsets(t.Context(), "idle", offsets); err != nil {
		t.Fatal(err)
	}
	startManager(t, managerOptions{}, ns)
	g := group(ns, "idle", b.address(), drainable, pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Topics = []v1alpha1.TopicName{"orders", "parcels"}
	})
	create(t, g)
	playCrew(t, g, b.ListenAddrs())
	return g, b
}

func (b *broker) kadm(t *testing.T) *kadm.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return kadm.NewClient(c)
}

// wantCommits holds what is committed for the topic against an offset with its metadata.
func (b *broker) wantCommits(t *testing.T, topic string, at int64, metadata string) {
	t.Helper()
	committed, err := b.kadm(t).FetchOffsets(context.Background(), "idle")
	if err != nil {
		t.Fatal(err)
	}
	for p := range int32(2) {
		if o, found := committed.Lookup(topic, p); !found || o.At != at || o.Metadata != metadata {
			t.Errorf("%s-%d is committed at %d with %q, want %d with %q", topic, p, o.At, o.Metadata, at, metadata)
		}
	}
}

func backOf(r *v1alpha1.KafkaOffsetReset) v1alpha1.ResetTarget {
	return v1alpha1.ResetTarget{RollbackOf: v1alpha1.ObjectName(r.Name)}
}

// TestRollbackOfTheOthers: of a reset of two topics one was created anew since. The
// refusal says how the other one can be rolled back, and so it can.
func TestRollbackOfTheOthers(t *testing.T) {
	t.Parallel()
	g, b := idle(t, "theirs")
	r := reset(g, "kor", toEarliest(), automatic)
	create(t, r)
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	b.rollBackTheOthers(t, g, r)
}

// rollBackTheOthers creates the topic parcels anew, is told what can be rolled back of
// the reset, and rolls that back.
func (b *broker) rollBackTheOthers(t *testing.T, g *v1alpha1.KafkaConsumerGroup, r *v1alpha1.KafkaOffsetReset) {
	t.Helper()
	if err := b.DeleteTopic("parcels"); err != nil {
		t.Fatal(err)
	}
	if err := b.CreateTopic("parcels", 2, nil); err != nil {
		t.Fatal(err)
	}
	whole := reset(g, "whole", backOf(r), automatic)
	create(t, whole)
	refused := wantPhase(t, whole, v1alpha1.PhaseFailed)
	if err := mentions(refused.Status.Message, "created anew", `"parcels"`, "scope: {topics: [{name: orders}]}"); err != nil {
		t.Error(err)
	}
	part := reset(g, "part", backOf(r), automatic, func(r *v1alpha1.KafkaOffsetReset) {
		r.Spec.Scope = &v1alpha1.ResetScope{Topics: []v1alpha1.ScopedTopic{{Name: "orders"}}}
	})
	create(t, part)
	wantPhase(t, part, v1alpha1.PhaseSucceeded)
	b.wantCommits(t, "orders", 7, "theirs")
}

// TestRollbackOfTheOthersOfAMixture: the same of a reset that went in the middle, and
// left a mixture on both topics. On the new one nothing of it is left, and the group
// has its workers again with the others alone.
func TestRollbackOfTheOthersOfAMixture(t *testing.T) {
	t.Parallel()
	g, b := idle(t, "theirs")
	r := reset(g, "kor", toEarliest(), automatic)
	create(t, r)
	done := wantPhase(t, r, v1alpha1.PhaseSucceeded)
	remove(t, r.DeepCopy())
	wantGone(t, r)
	setStatus(t, g, func(s *v1alpha1.KafkaConsumerGroupStatus) { // as if it had been handed over before its last commit
		s.UnfinishedReset = &v1alpha1.UnfinishedReset{
			Name: "kor", UID: done.UID, Since: metav1.Now(), ClusterID: done.Status.Plan.ClusterID,
			Snapshot: done.Status.Snapshot, Writes: &done.Status.Intent.Offsets,
		}
	})
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonOffsetResetUnfinished)
	b.rollBackTheOthers(t, g, r)
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
}

// TestRollbackRestoresBytes: metadata that is no text comes back to the byte.
func TestRollbackRestoresBytes(t *testing.T) {
	t.Parallel()
	for _, metadata := range []string{"\xff\xfe\x00", "text"} {
		t.Run(fmt.Sprintf("%x", metadata), func(t *testing.T) {
			t.Parallel()
			g, b := idle(t, metadata)
			r := reset(g, "kor", toEarliest(), automatic)
			create(t, r)
			tag := "kor:" + wantPhase(t, r, v1alpha1.PhaseSucceeded).Status.Plan.Hash
			b.wantCommits(t, "orders", 0, tag[:16])
			back := reset(g, "back", backOf(r), automatic)
			create(t, back)
			wantPhase(t, back, v1alpha1.PhaseSucceeded)
			b.wantCommits(t, "orders", 7, metadata)
			b.wantCommits(t, "parcels", 7, metadata)
		})
	}
}
