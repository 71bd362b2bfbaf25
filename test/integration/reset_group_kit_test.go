package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// playedReset is a reset of the group, as nobody has looked at it yet.
func playedReset(t *testing.T, g *v1alpha1.KafkaConsumerGroup, name string) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	reset := &v1alpha1.KafkaOffsetReset{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: name},
		Spec: v1alpha1.KafkaOffsetResetSpec{
			GroupRef: v1alpha1.GroupReference{Name: v1alpha1.ObjectName(g.Name)},
			Target:   v1alpha1.ResetTarget{Earliest: &v1alpha1.ResetTargetEarliest{}},
		},
	}
	create(t, reset)
	return reset
}

// playPhase takes the reset to a phase.
func playPhase(t *testing.T, reset *v1alpha1.KafkaOffsetReset, phase v1alpha1.ResetPhase) {
	t.Helper()
	playReset(t, reset, func(s *v1alpha1.KafkaOffsetResetStatus) { s.Phase = phase })
}

func playReset(t *testing.T, reset *v1alpha1.KafkaOffsetReset, change func(*v1alpha1.KafkaOffsetResetStatus)) {
	t.Helper()
	var now v1alpha1.KafkaOffsetReset
	if err := kube.Get(context.Background(), client.ObjectKeyFromObject(reset), &now); err != nil {
		t.Fatal(err)
	}
	before := now.DeepCopy()
	change(&now.Status)
	if err := kube.Status().Patch(context.Background(), &now, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// playApproval has the reset wait for its turn, approved at the time.
func playApproval(t *testing.T, reset *v1alpha1.KafkaOffsetReset, at time.Time) {
	t.Helper()
	playReset(t, reset, func(s *v1alpha1.KafkaOffsetResetStatus) {
		s.Phase, s.SpecHash = v1alpha1.PhaseApproved, "hash-of-"+reset.Name
		s.Approval = &v1alpha1.ResetApproval{Hash: "plan", At: metav1.NewMicroTime(at)}
	})
}

// playResume has the reset give the group back, to end like this.
func playResume(t *testing.T, reset *v1alpha1.KafkaOffsetReset, outcome v1alpha1.ResetPhase) {
	t.Helper()
	playReset(t, reset, func(s *v1alpha1.KafkaOffsetResetStatus) {
		s.Phase, s.Outcome = v1alpha1.PhaseResuming, &v1alpha1.ResetOutcome{Phase: outcome, Reason: "Played"}
	})
}

// wantActive waits until the reset has the group; nil is nobody.
func wantActive(t *testing.T, g *v1alpha1.KafkaConsumerGroup, reset *v1alpha1.KafkaOffsetReset) *v1alpha1.ActiveReset {
	t.Helper()
	var active *v1alpha1.ActiveReset
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		active = s.ActiveReset
		if (active == nil) != (reset == nil) || (active != nil && active.UID != reset.UID) {
			return fmt.Errorf("%+v has the group, want %+v", active, reset)
		}
		return nil
	})
	return active
}

func wantStopped(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ActiveReset == nil || !s.ActiveReset.Stopped {
			return fmt.Errorf("active reset %+v, want its workers stopped", s.ActiveReset)
		}
		return nil
	})
}

// notStopped checks that some workers are left, to the group's knowledge.
func notStopped(t *testing.T, g *v1alpha1.KafkaConsumerGroup, because string) {
	t.Helper()
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	if now.Status.ActiveReset == nil || now.Status.ActiveReset.Stopped {
		t.Fatalf("active reset %+v is stopped, and %s", now.Status.ActiveReset, because)
	}
}

// wantRecord waits until the group remembers the reset as the last.
func wantRecord(t *testing.T, g *v1alpha1.KafkaConsumerGroup, reset *v1alpha1.KafkaOffsetReset, outcome v1alpha1.ResetPhase) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if len(s.Resets) == 0 {
			return fmt.Errorf("nothing is remembered")
		}
		r := s.Resets[0]
		if r.Name != reset.Name || r.UID != reset.UID || r.SpecHash != "hash-of-"+reset.Name || r.Outcome != outcome {
			return fmt.Errorf("%+v, want %s as %s", r, reset.Name, outcome)
		}
		return nil
	})
}

// countsOf follows the Deployment until stop is called, which returns all counts that were ever in it.
func countsOf(t *testing.T, g *v1alpha1.KafkaConsumerGroup) (stop func() []int32) {
	t.Helper()
	watcher, err := client.NewWithWatch(config, client.Options{Scheme: testScheme})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := watcher.Watch(context.Background(), &appsv1.DeploymentList{}, client.InNamespace(g.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	var counts []int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for change := range changes.ResultChan() {
			d, ok := change.Object.(*appsv1.Deployment)
			if ok && d.Name == g.Name && change.Type != watch.Deleted && (len(counts) == 0 || counts[len(counts)-1] != *d.Spec.Replicas) {
				counts = append(counts, *d.Spec.Replicas)
			}
		}
	}()
	return func() []int32 {
		changes.Stop()
		<-ended
		return counts
	}
}

// played are the options of a manager whose resets the test plays.
func played() managerOptions { return managerOptions{playedResets: true} }

// threeWorkers is a group with three workers that are available.
func threeWorkers(t *testing.T, ns, name string, kafka *broker, mods ...func(*v1alpha1.KafkaConsumerGroup)) *v1alpha1.KafkaConsumerGroup {
	t.Helper()
	kafka.produce(t, "orders", 25)
	g := group(ns, name, kafka.address(), mods...)
	create(t, g)
	wantReplicas(t, g, 3)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	return g
}

// setStatus writes the group's status while no manager runs.
func setStatus(t *testing.T, g *v1alpha1.KafkaConsumerGroup, set func(*v1alpha1.KafkaConsumerGroupStatus)) {
	t.Helper()
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	before := now.DeepCopy()
	set(&now.Status)
	if err := kube.Status().Patch(context.Background(), now, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}
