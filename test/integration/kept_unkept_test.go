package integration

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// TestKeptTableLostWhilePaused: no worker is wanted, so that none can wait: the
// loss is told all the same, once.
func TestKeptTableLostWhilePaused(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 301}, shortRetention())
	stop := startManager(t, managerOptions{}, ns)
	g := group(ns, "lost", b.address())
	create(t, g)
	anyDeployment(t, g)
	change(t, g, toZero)
	b.commit(t, "lost", "orders", 7)
	kept := wantKept(t, g, 301)
	stop()
	if err := kube.Delete(t.Context(), configMapNamed(t, g, kept.Offsets.ConfigMaps[0])); err != nil {
		t.Fatal(err)
	}
	expire(t, b, "lost")
	startManager(t, managerOptions{}, ns)
	wantNotRestored(t, g)
	wantEvent(t, g, "Warning", "Warning", "does not exist")
	if err := untouched(t, g, func() { b.cycles(t, 10) }); err != nil {
		t.Error(err)
	}
	b.commit(t, "lost", "orders", 8) // by hand
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.RestoredOffsets != nil || len(s.Warnings) > 0 {
			return fmt.Errorf("restored %+v, warnings %q", s.RestoredOffsets, s.Warnings)
		}
		return nil
	})
}

// TestKeptNotKept: commits that can't be kept are told of, once, and as long as
// they aren't.
func TestKeptNotKept(t *testing.T) {
	t.Parallel()
	ns, b, ahead, refused := namespace(t), startBroker(t, map[string]int32{"orders": 2}), &atomic.Int64{}, &unsurveyed{}
	b.produce(t, "orders", 10)
	refused.with.Store(&kafka.ErrUnauthorized)
	startManager(t, managerOptions{clock: laterClock{ahead: ahead}, settings: slowSamples(), offsets: refused.wrap}, ns)
	g := group(ns, "unkept", b.address())
	create(t, g)
	anyDeployment(t, g)
	change(t, g, toZero)
	b.commit(t, "unkept", "orders", 7)
	wantEvent(t, g, "Warning", "Warning", "could not be kept")
	wantReplicas(t, g, 0)
	b.cycles(t, 5)
	if err := untouched(t, g, func() { b.cycles(t, 10) }); err != nil {
		t.Error(err)
	}
	refused.with.Store(nil)
	ahead.Store(int64(time.Minute))
	b.commit(t, "unkept", "orders", 8) // which is news
	wantKept(t, g, 2)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if len(s.Warnings) > 0 {
			return fmt.Errorf("warnings %q", s.Warnings)
		}
		return nil
	})
}

// unsurveyed are offsets that can't be read.
type unsurveyed struct {
	controllers.Offsets
	with atomic.Pointer[error]
}

func (u *unsurveyed) wrap(o controllers.Offsets) controllers.Offsets {
	u.Offsets = o
	return u
}

func (u *unsurveyed) Survey(ctx context.Context, at kafkaadmin.Connection, q kafkaadmin.Question) (kafka.Survey, error) {
	if refused := u.with.Load(); refused != nil {
		return kafka.Survey{}, fmt.Errorf("survey group %q: %w", q.GroupID, *refused)
	}
	return u.Offsets.Survey(ctx, at, q)
}

// TestKeptSweptAfterStart: a table that was stored before a crash, and never named,
// goes with the next manager; one that is young may yet be named.
func TestKeptSweptAfterStart(t *testing.T) {
	t.Parallel()
	ns, b, ahead := namespace(t), startBroker(t, map[string]int32{"orders": 301}, shortRetention()), &atomic.Int64{}
	stop := startManager(t, managerOptions{}, ns)
	g := group(ns, "swept", b.address())
	create(t, g)
	anyDeployment(t, g)
	change(t, g, toZero)
	b.commit(t, "swept", "orders", 7)
	kept := wantKept(t, g, 301)
	stop()
	named, ok := configMapNamed(t, g, kept.Offsets.ConfigMaps[0]).(*corev1.ConfigMap)
	if !ok {
		t.Fatal("no ConfigMap")
	}
	left := named.DeepCopy()
	left.ObjectMeta = metav1.ObjectMeta{Namespace: ns, Name: g.Name + "-kept-left-0", Labels: named.Labels, OwnerReferences: named.OwnerReferences}
	create(t, left)
	startManager(t, managerOptions{clock: laterClock{ahead: ahead}, settings: slowSamples()}, ns)
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 2 })
	wantObserved(t, g)
	b.cycles(t, 5)
	wantKeptConfigMaps(t, g, 2)
	ahead.Store(int64(2 * time.Minute))
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 3 })
	wantKeptConfigMaps(t, g, 1)
	configMapNamed(t, g, named.Name)
}
