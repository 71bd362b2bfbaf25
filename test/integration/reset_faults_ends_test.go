package integration

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestResetFaultDeleted: a reset that is deleted before the commit starts the
// workers again; afterwards it goes only when all is committed and the workers are
// back.
func TestResetFaultDeleted(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, point := range resetPoints {
		stop := s.moments.stopAt(point)
		r := s.toThree(nameAt(point), automatic)
		create(t, r)
		stop.do(t, func() { remove(t, r.DeepCopy()) })
		wantGone(t, r)
		ended, words := "Succeeded", "4 partitions were moved"
		want, again := int64(3), "[3 4 5 6 7 8 9]"
		switch point {
		case "before survey", "in Approved", "in Draining", "in Rechecking", "in Committing": // nothing is begun
			want, again = 10, "[]"
			ended, words = "Cancelled", "deleted before anything was committed"
		}
		if point != "before survey" && point != "in Approved" { // where nothing holds it yet
			wantLastEvent(t, r, ended, words)
		}
		wantStatus(t, s.g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
			if s.ActiveReset != nil {
				return fmt.Errorf("%+v has the group", s.ActiveReset)
			}
			return nil
		})
		wantReplicas(t, s.g, 1)
		s.wantBegun(t, want)
		for p, offsets := range s.workers.handledOf() {
			if got := fmt.Sprint(offsets); got != again {
				t.Errorf("%s: %v was handled again at %s, want %s", point, p, got, again)
			}
		}
	}
	r := s.toThree("while-planned")
	create(t, r)
	wantPhase(t, r, v1alpha1.PhasePlanned)
	remove(t, r.DeepCopy())
	wantGone(t, r)
}

// TestResetFaultNamespaceDeleted: nothing of a reset keeps a namespace from going.
// There is no namespace controller here, so the test deletes what is in it.
func TestResetFaultNamespaceDeleted(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"in Draining", "after commit", "in Verifying"} {
		for _, groupFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/GroupFirst=%t", point, groupFirst), func(t *testing.T) {
				t.Parallel()
				s := newStand(t)
				stop := s.moments.stopAt(point)
				r := s.toThree("kor", automatic)
				create(t, r)
				stop.do(t, func() {
					remove(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.ns}})
					of := metav1.ObjectMeta{Namespace: s.ns, Name: "moved"}
					objects := []client.Object{r.DeepCopy(), s.g.DeepCopy(), &appsv1.Deployment{ObjectMeta: of}}
					if groupFirst {
						objects[0], objects[1] = objects[1], objects[0]
					}
					for _, o := range objects {
						remove(t, o)
					}
				})
				wantGone(t, r)
				wantGone(t, s.g.DeepCopy())
			})
		}
	}
}

// TestResetFaultGroupDeleted: without its KafkaConsumerGroup a reset that has
// committed nothing fails, and one that has waits for the group, under its name.
func TestResetFaultGroupDeleted(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"in Draining", "after commit"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			stop := s.moments.stopAt(point)
			r := s.toThree("kor", automatic)
			create(t, r)
			stop.do(t, func() {
				remove(t, s.g.DeepCopy())
				wantGone(t, s.g.DeepCopy())
			})
			if point == "in Draining" {
				now := wantPhase(t, r, v1alpha1.PhaseFailed)
				if o := now.Status.Outcome; o.Reason != v1alpha1.ReasonGroupMissing || now.Status.Intent != nil {
					t.Errorf("outcome %+v, intent %+v", o, now.Status.Intent)
				}
				return
			}
			wantStalled(t, r, v1alpha1.PhaseVerifying, v1alpha1.ReasonGroupMissing, `"moved" does not exist`)
			if err := s.committedSomewhere(3, 3); err != nil {
				t.Error(err)
			}
			remove(t, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "moved"}}) // as the garbage collector does
			g := group(s.ns, "moved", s.b.address(), drainable, oneWorker)
			create(t, g)
			nudge(t, r)
			s.wantMoved(t, r)
		})
	}
}

// TestResetFaultGroupDeletedInKafka (A7, A22): somebody deletes the consumer group
// with its commits while it is empty, or it expires. What is planned is committed
// all the same, again where it has to be.
func TestResetFaultGroupDeletedInKafka(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, point := range []string{"in Rechecking", "after commit", "in Verifying"} {
		stop := s.moments.stopAt(point)
		r := s.toThree(nameAt(point), automatic)
		create(t, r)
		stop.do(t, func() { s.deleteInKafka(t) })
		now := s.wantMoved(t, r)
		before := now.Status.Snapshot.Items[0].Offset
		if was := before != nil; was == (point == "in Rechecking") {
			t.Errorf("%s: the snapshot has %v, want what was there then", point, before)
		}
	}
	typo := group(s.ns, "typo", s.b.address(), drainable, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Pause = &v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}
	})
	create(t, typo)
	r := reset(typo, "nobody", toEarliest(), automatic)
	create(t, r)
	wantStalled(t, r, v1alpha1.PhasePlanning, v1alpha1.ReasonGroupNotSupported, `the group "typo"`)
}

func (s *stand) deleteInKafka(t *testing.T) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.b.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if deleted, err := kadm.NewClient(client).DeleteGroups(t.Context(), "moved"); err != nil || deleted.Error() != nil {
		t.Fatal(err, deleted.Error())
	}
}
