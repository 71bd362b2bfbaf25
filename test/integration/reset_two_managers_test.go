package integration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// notedOffsets notes what is committed, by any manager.
type notedOffsets struct {
	controllers.Offsets
	commits *commitNotes
}

type commitNotes struct {
	mu      sync.Mutex
	offsets map[string]int
}

func (n notedOffsets) Commit(ctx context.Context, c kafkaadmin.Connection, groupID string, commits []kafka.PartitionCommit) error {
	n.commits.mu.Lock()
	for _, commit := range commits {
		n.commits.offsets[fmt.Sprintf("%v at %d", commit.TopicPartition, commit.Offset)]++
	}
	n.commits.mu.Unlock()
	return n.Offsets.Commit(ctx, c, groupID, commits)
}

// TestResetWithTwoManagers: leader election is off, and two managers take a reset
// through all of its steps and back. Workers begin at what was planned, and at
// nothing else, and only that is ever committed.
func TestResetWithTwoManagers(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	notes := &commitNotes{offsets: map[string]int{}}
	o := managerOptions{commitLimit: 150, offsets: func(o controllers.Offsets) controllers.Offsets { return notedOffsets{o, notes} }}
	startManager(t, o, ns)
	startManager(t, o, ns)
	b.produce(t, "orders", 10)
	g := group(ns, "moved", b.address(), drainable, oneWorker)
	create(t, g)
	s := &stand{ns: ns, b: b, g: g, workers: playCrew(t, g, b.ListenAddrs())}
	s.settle(t)

	for _, name := range []string{"first", "second"} {
		r := s.toThree(name, automatic)
		create(t, r)
		s.wantMoved(t, r)
	}
	back := reset(g, "back", v1alpha1.ResetTarget{RollbackOf: "second"}, automatic)
	create(t, back)
	wantPhase(t, back, v1alpha1.PhaseSucceeded)
	s.wantBegun(t, 10)
	if handled := s.workers.handledOf(); len(handled) != 0 {
		t.Errorf("handled again after the rollback: %v", handled)
	}
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		var records []string
		for _, r := range s.Resets {
			records = append(records, fmt.Sprintf("%s %s %t", r.Name, r.Outcome, r.Committed))
		}
		return same("what the group remembers", fmt.Sprint(records), "[back Succeeded true second Succeeded true first Succeeded true]")
	})
	notes.mu.Lock()
	defer notes.mu.Unlock()
	t.Logf("commits asked for, by both: %v", notes.offsets)
	for p := range 4 {
		if notes.offsets[fmt.Sprintf("orders-%d at 3", p)] < 2 || notes.offsets[fmt.Sprintf("orders-%d at 10", p)] < 1 || len(notes.offsets) != 8 {
			t.Errorf("committed were %v", notes.offsets)
		}
	}
}

// TestHandOverOfABlockedGroup: at its deadline a reset that is deleted leaves its
// commits to the group also while the group is blocked, and can apply nothing.
func TestHandOverOfABlockedGroup(t *testing.T) {
	t.Parallel()
	h := halfCommitted(t, 4)
	owners := own(t, h.g, []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "other", Controller: new(true)}})
	wantCondition(t, h.g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameTaken)
	remove(t, h.r)
	eventually(t, func() error {
		now, err := resetNow(h.r)
		if err == nil && now.DeletionTimestamp.IsZero() {
			err = errors.New("not deleted")
		}
		return err
	})
	h.ahead.Store(int64(11 * time.Minute))
	wantStatus(t, h.g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.UnfinishedReset == nil || s.UnfinishedReset.UID != h.r.UID || s.UnfinishedReset.Writes == nil {
			return fmt.Errorf("left unfinished: %+v, active %+v", s.UnfinishedReset, s.ActiveReset)
		}
		return nil
	})
	wantGone(t, h.r)
	h.ahead.Store(0)
	h.whole.Store(true)
	own(t, h.g, owners)
	h.wantUnfinished(t)
	back := reset(h.g, "back", v1alpha1.ResetTarget{RollbackOf: "half"})
	create(t, back)
	approve(t, back)
	wantPhase(t, back, v1alpha1.PhaseSucceeded)
	eventually(t, func() error { return h.workers.committedIs(10, -1) })
	h.wantBegan(t, 10)
}

// own gives the Deployment other owners, and returns those that it had.
func own(t *testing.T, g *v1alpha1.KafkaConsumerGroup, owners []metav1.OwnerReference) []metav1.OwnerReference {
	t.Helper()
	var had []metav1.OwnerReference
	eventually(t, func() error {
		var d appsv1.Deployment
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(g), &d); err != nil {
			return err
		}
		had, d.OwnerReferences = d.OwnerReferences, owners
		return kube.Update(t.Context(), &d)
	})
	return had
}
