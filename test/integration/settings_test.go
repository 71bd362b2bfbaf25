package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

func lasting(d time.Duration) v1alpha1.Duration { return v1alpha1.Duration{Duration: d} }

// defaultsWritten are the consumer's defaults as a user may write them down.
func defaultsWritten(c *v1alpha1.ConsumerSpec) {
	c.OnOutOfRange, c.Ordering = "earliest", "partition"
	c.SessionTimeout, c.HeartbeatInterval = lasting(10*time.Second), lasting(time.Second)
	c.RebalanceTimeout = lasting(c.MaxProcessingTime.Duration + 30*time.Second)
	c.Commit = &v1alpha1.CommitSpec{Interval: lasting(time.Second)}
	c.InFlight = &v1alpha1.InFlightSpec{Messages: 10_000, Bytes: 64 << 20}
	c.Retry = &v1alpha1.RetrySpec{InitialBackoff: lasting(100 * time.Millisecond), MaxBackoff: lasting(30 * time.Second), JitterPercent: ptr.To(int32(20))}
}

// settingsOfWorkers are all others.
func settingsOfWorkers(c *v1alpha1.ConsumerSpec) {
	c.OnOutOfRange, c.Ordering, c.Concurrency, c.Assignment = "fail", "key", 64, v1alpha1.AssignStable
	c.MaxMessageAge = metav1.Duration{Duration: 168 * time.Hour}
	c.SessionTimeout, c.HeartbeatInterval, c.RebalanceTimeout = lasting(45*time.Second), lasting(3*time.Second), lasting(time.Minute)
	c.Commit = &v1alpha1.CommitSpec{Interval: lasting(5 * time.Second)}
	c.InFlight = &v1alpha1.InFlightSpec{Messages: 1000, Bytes: 1 << 20}
	c.Retry = &v1alpha1.RetrySpec{Attempts: 5, InitialBackoff: lasting(time.Second), MaxBackoff: lasting(time.Minute), JitterPercent: ptr.To(int32(0))}
	c.DeadLetter = &v1alpha1.DeadLetterSpec{Topic: "orders-dead"}
}

// TestWrittenDefaultsRollNothing, and a change of what the workers are told is
// one new configuration and one new pod template, however much of it changed.
func TestWrittenDefaultsRollNothing(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "told", kafka.address())
	create(t, g)
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	play(t, g, allAvailable)

	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { defaultsWritten(&g.Spec.Consumer) })
	wantObserved(t, g)
	now, err := deployment(g)
	if err != nil || now.Generation != before.Generation {
		t.Errorf("generation %d after %d, %v: nothing has changed for the workers", now.Generation, before.Generation, err)
	}
	wantConfigMaps(t, g, mounted(before))

	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { settingsOfWorkers(&g.Spec.Consumer) })
	after := wantDeployment(t, g, func(d *appsv1.Deployment) error {
		if mounted(d) == mounted(before) {
			return fmt.Errorf("the pods still mount %s", mounted(d))
		}
		return nil
	})
	playReplicaSet(t, g, "told-new")
	play(t, g, allAvailable)
	wantObserved(t, g)
	kafka.cycles(t, 5)
	if now, err := deployment(g); err != nil || now.Generation != before.Generation+1 {
		t.Errorf("generation %d after %d, %v: one change is one rollout", now.Generation, before.Generation, err)
	}
	wantConfigMaps(t, g, mounted(after))
	second := workerconfig.Duration(time.Second)
	want := workerconfig.Consumer{
		InitialOffset: "earliest", OnOutOfRange: "fail", MaxMessageAge: 168 * 3600 * second, Assignment: "stable", MaxProcessingTime: second,
		SessionTimeout: 45 * second, HeartbeatInterval: 3 * second, RebalanceTimeout: 60 * second, Commit: workerconfig.Commit{Interval: 5 * second},
		Ordering: "key", Concurrency: 64, InFlight: workerconfig.InFlight{Messages: 1000, Bytes: 1 << 20},
		Retry:      workerconfig.Retry{Attempts: 5, InitialBackoff: second, MaxBackoff: 60 * second, JitterPercent: ptr.To(0)},
		DeadLetter: &workerconfig.DeadLetter{Topic: "orders-dead"},
	}
	if diff := cmp.Diff(want, workerFile(t, g).Consumer); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

// wantObserved waits until the controller has dealt with the group as it is now.
func wantObserved(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ObservedGeneration < now.Generation {
			return fmt.Errorf("generation %d is observed, want %d", s.ObservedGeneration, now.Generation)
		}
		return nil
	})
}

// TestSettingsThatWillHurt are accepted, and told.
func TestSettingsThatWillHurt(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "hurting", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Consumer.SessionTimeout = lasting(5 * time.Second)
	})
	create(t, g)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		return mentions(fmt.Sprint(s.Warnings), "consumer.sessionTimeout is 5s", "group.min.session.timeout.ms")
	})
}
