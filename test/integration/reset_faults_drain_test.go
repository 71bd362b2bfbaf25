package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestResetFaultPodStays (A2): a pod on its way out, on a node that can't be
// reached, may still be working. It is named, and the reset gives up in time.
func TestResetFaultPodStays(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	d, err := deployment(s.g)
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "moved-lost", Labels: d.Spec.Template.Labels, Finalizers: []string{"example.com/kept"}},
		Spec:       *d.Spec.Template.Spec.DeepCopy(),
	}
	pod.Spec.NodeName = "node-7"
	create(t, pod)
	before := pod.DeepCopy()
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "NodeNotReady"}}
	if err := kube.Status().Patch(t.Context(), pod, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	remove(t, pod.DeepCopy())
	r := s.toThree("kor", automatic, func(r *v1alpha1.KafkaOffsetReset) { r.Spec.DrainTimeout = lasting(3 * time.Second) })
	create(t, r)
	named := []string{`pod "moved-lost" on node "node-7"`, "which is ending", "can't be reached"}
	eventually(t, func() error {
		now, err := resetNow(r)
		if err != nil {
			return err
		}
		if now.Status.Phase != v1alpha1.PhaseDraining || now.Status.Until == nil {
			return fmt.Errorf("phase %s, until %v", now.Status.Phase, now.Status.Until)
		}
		return mentions(now.Status.Message, named...)
	})
	s.wantOld(t, r, v1alpha1.PhaseFailed, v1alpha1.ReasonDrainTimeout, append(named, "nothing was committed")...)
	if err := kube.Patch(t.Context(), pod, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
		t.Error(err)
	}
}

// staticMember has one in the group that ends without leaving it.
func (s *stand) staticMember(t *testing.T, clientID string, session time.Duration) {
	t.Helper()
	member, err := kgo.NewClient(kgo.SeedBrokers(s.b.ListenAddrs()...), kgo.ClientID(clientID), kgo.InstanceID(clientID), kgo.ConsumerGroup("moved"),
		kgo.ConsumeTopics("orders"), kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit(),
		kgo.SessionTimeout(session), kgo.RebalanceTimeout(session))
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	eventually(t, func() error {
		info := s.b.GroupInfo("moved")
		if info == nil || info.State != "Stable" || len(info.Members) != 2 {
			return fmt.Errorf("the group is %+v", info)
		}
		return nil
	})
}

// TestResetFaultStaticWorker (A3): a static member stays in the group when its pod
// has gone. That of a worker is removed then, and that it is going to be is stored before.
func TestResetFaultStaticWorker(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.staticMember(t, "moved-static-0", time.Minute)
	stop := s.moments.stopAt("before remove")
	r := s.toThree("kor", automatic)
	create(t, r)
	stop.do(t, func() {
		now, err := resetNow(r)
		if err != nil || now.Status.Draining == nil || fmt.Sprint(now.Status.Draining.Removing) != "[moved-static-0]" {
			t.Errorf("draining %+v before the member is removed: %v", now.Status.Draining, err)
		}
	})
	s.wantMoved(t, r)
}

// TestResetFaultStaticNeighbour (A3): a Deployment whose name begins as the group's
// has a static member: it is no worker's, and stays.
func TestResetFaultStaticNeighbour(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	playReplicaSet(t, s.g, "moved-5d5df9554b")
	s.staticMember(t, "moved-canary-7c9f8d6b5-x2x4z", 10*time.Second)
	r := s.toThree("kor", automatic)
	create(t, r)
	eventually(t, func() error {
		now, err := resetNow(r)
		if err != nil {
			return err
		}
		if d := now.Status.Draining; d == nil || d.PodsGoneSince == nil {
			return fmt.Errorf("draining %+v", d)
		}
		return mentions(now.Status.Message, `static member "moved-canary`)
	})
	s.clock.jump(time.Minute)
	s.passResuming(t, r)
	if o := wantPhase(t, r, v1alpha1.PhaseFailed).Status.Outcome; o.Reason != v1alpha1.ReasonForeignMembers {
		t.Errorf("outcome %+v", o)
	}
}

// TestResetFaultStaticStranger (A3): one of somebody else is named, and stays.
func TestResetFaultStaticStranger(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.staticMember(t, "laptop", 10*time.Second)
	r := s.toThree("kor", automatic)
	create(t, r)
	eventually(t, func() error {
		now, err := resetNow(r)
		if err != nil {
			return err
		}
		if d := now.Status.Draining; d == nil || d.PodsGoneSince == nil {
			return fmt.Errorf("draining %+v", d)
		}
		return mentions(now.Status.Message, `static member "laptop", client id "laptop"`)
	})
	s.clock.jump(time.Minute)
	s.passResuming(t, r)
	now := wantPhase(t, r, v1alpha1.PhaseFailed)
	if o := now.Status.Outcome; o.Reason != v1alpha1.ReasonForeignMembers || mentions(o.Message, `static member "laptop"`) != nil || now.Status.Intent != nil {
		t.Errorf("outcome %+v", o)
	}
	if info := s.b.GroupInfo("moved"); info == nil || len(info.Members) == 0 {
		t.Errorf("the group is %+v, want the stranger to be in it", info)
	}
}

// TestResetFaultKafkaAwayWhileDrained: when Kafka can't be asked after the drain
// until its time is over, the workers are started again, and the message says so.
func TestResetFaultKafkaAwayWhileDrained(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	stop := s.moments.stopAt("in Rechecking")
	r := s.toThree("kor", automatic)
	create(t, r)
	stop.do(t, func() { s.moments.unread.Store(true) })
	wantTrouble(t, r, v1alpha1.PhaseRechecking, v1alpha1.ConditionCommitted, "False", v1alpha1.ReasonKafkaFailed, "read as the test wants it")
	s.clock.jump(11 * time.Minute)
	s.passResuming(t, r)
	s.wantOld(t, r, v1alpha1.PhaseFailed, v1alpha1.ReasonDrainTimeout, "could not be held against", "nothing was committed", "read as the test wants it")
}

// TestResetFaultClockBack: a clock that is set back by a day, as on another node,
// costs no more than the wait during which it was.
func TestResetFaultClockBack(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Consumer.HeartbeatInterval = lasting(time.Second) })
	r := s.toThree("kor", automatic, func(r *v1alpha1.KafkaOffsetReset) { r.Spec.VerifyFor = lasting(time.Second) })
	create(t, r)
	for _, noted := range []func(v1alpha1.KafkaOffsetResetStatus) bool{
		func(s v1alpha1.KafkaOffsetResetStatus) bool { return s.Draining != nil && s.Draining.EmptySince != nil },
		func(s v1alpha1.KafkaOffsetResetStatus) bool { return s.Intent != nil && s.Intent.VerifiedAt != nil },
	} {
		eventually(t, func() error {
			now, err := resetNow(r)
			if err == nil && !noted(now.Status) {
				err = fmt.Errorf("phase %s: %s", now.Status.Phase, now.Status.Message)
			}
			return err
		})
		s.clock.jump(-24 * time.Hour)
	}
	s.wantMoved(t, r)
}
