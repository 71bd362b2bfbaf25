package integration

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func pinned(id string) func(*v1alpha1.KafkaConsumerGroup) {
	return func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Kafka.ClusterID = id }
}

// TestPinnedBeforeItsCluster: no worker is started while nobody knows which
// cluster it would join, however long, nor on another one.
func TestPinnedBeforeItsCluster(t *testing.T) {
	t.Parallel()
	ns, at, clock := namespace(t), reservePort(t), startBroker(t, map[string]int32{"orders": 1})
	startManager(t, managerOptions{}, ns)
	create(t, group(ns, "clock", clock.address()))
	byHand := group(ns, "manual", at.address, pinned("right"), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Scaling, g.Spec.Replicas = v1alpha1.ScalingSpec{Mode: v1alpha1.ScalingManual}, 4
	})
	c := connection(ns, "main", servers(at.address))
	c.Spec.ClusterID = "right"
	create(t, c)
	groups := []*v1alpha1.KafkaConsumerGroup{group(ns, "inline", at.address, pinned("right")), byHand, group(ns, "referring", "", by("main"))}
	for _, g := range groups {
		create(t, g)
		waits := wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonClusterNotSeen)
		if lacks := mentions(waits.Message, `clusterID names cluster "right"`, "connection refused"); lacks != nil {
			t.Error(lacks)
		}
		wantKstatus(t, g, status.InProgressStatus)
	}
	clock.cycles(t, 10)
	for _, g := range groups {
		wantNoDeployment(t, g)
	}

	wrong := at.startBroker(t, map[string]int32{"orders": 12}, kfake.ClusterID("wrong"))
	for _, g := range groups {
		refused := wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonClusterChanged)
		if lacks := mentions(refused.Message, `is "wrong"`, `names "right"`); lacks != nil {
			t.Error(lacks)
		}
		wantNoDeployment(t, g)
	}
	wrong.Close()
	for _, g := range groups {
		wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionFalse, v1alpha1.ReasonTimeout) // the port still listens
		wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonClusterChanged)
		wantNoDeployment(t, g)
	}

	at.startBroker(t, map[string]int32{"orders": 12}, kfake.ClusterID("right"))
	for i, want := range []int32{1, 4, 1} {
		wantReplicas(t, groups[i], want)
		wantCondition(t, groups[i], v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
	}
}

// TestRefusalSurvivesCredentials: a client that was swapped for other credentials
// has seen no cluster yet. That makes no other one out of the wrong one, also not
// for a manager that was restarted meanwhile.
func TestRefusalSurvivesCredentials(t *testing.T) {
	t.Parallel()
	ns, c, clock := namespace(t), newCertificates(t), startBroker(t, map[string]int32{"orders": 1})
	kafka := startScram(t, c, map[string]int32{"orders": 12}, kfake.Superuser("PLAIN", "billing", "s3cret"), kfake.ClusterID("wrong"))
	kafka.refusePlain("billing", "s3cret")
	secret(t, ns, "ca", map[string]string{"ca.crt": c.cluster.PEM})
	secret(t, ns, "user", map[string]string{"password": "s3cret"})
	stop := startManager(t, managerOptions{}, ns)
	create(t, group(ns, "clock", clock.address()))
	g := group(ns, "refused", kafka.address(), withScram, pinned("right"), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Kafka.SASL.Mechanism = v1alpha1.SASLPlain })
	create(t, g)
	wantRefused := func() {
		t.Helper()
		wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonClusterChanged)
		clock.cycles(t, 5)
		wantNoDeployment(t, g)
		wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
			return same("other cluster", s.OtherClusterID, "wrong")
		})
	}
	wantRefused()
	for _, password := range []struct{ content, why string }{
		{"another", v1alpha1.ReasonAuthenticationFailed}, {"s3cret\n", v1alpha1.ReasonInvalidCredentials},
	} {
		secret(t, ns, "user", map[string]string{"password": password.content})
		wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionFalse, password.why)
		wantRefused()
	}
	stop()
	startManager(t, managerOptions{}, ns)
	wantRefused()
	secret(t, ns, "user", map[string]string{"password": "s3cret"})
	wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionTrue, v1alpha1.ReasonBrokersAnswer)
	wantRefused()
	change(t, g, pinned("wrong"))
	wantReplicas(t, g, 1)
}

// TestUnusableSecretStartsNobody: with content that no client can use no first
// worker is started, as with none.
func TestUnusableSecretStartsNobody(t *testing.T) {
	t.Parallel()
	ns, c := namespace(t), newCertificates(t)
	kafka := startScram(t, c, map[string]int32{"orders": 12}, kfake.Superuser("SCRAM-SHA-512", "billing", "s3cret"))
	secret(t, ns, "ca", map[string]string{"ca.crt": c.cluster.PEM})
	secret(t, ns, "user", map[string]string{"password": "s3cret\n"})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "unusable", kafka.address(), withScram)
	create(t, g)
	stalled := wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidCredentials)
	if lacks := mentions(stalled.Message, `Secret "user", key "password"`, "line break"); lacks != nil {
		t.Error(lacks)
	}
	wantKstatus(t, g, status.FailedStatus)
	wantNoDeployment(t, g)
	secret(t, ns, "user", map[string]string{"password": "s3cret"})
	wantReplicas(t, g, 1)
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
}

// TestGenerationNotApplied: a generation whose connection can't be had is never
// said to be in force, and what runs is left alone.
func TestGenerationNotApplied(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	stop := startManager(t, managerOptions{}, ns)
	c := connection(ns, "main", servers(kafka.address()))
	create(t, c)
	g := group(ns, "applied", "", by("main"))
	create(t, g)
	wantReplicas(t, g, 1)
	play(t, g, allAvailable)
	wantKstatus(t, g, status.CurrentStatus)

	change(t, g, by("typo"))
	wantNotApplied := func(name string) {
		t.Helper()
		for kind, want := range map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: metav1.ConditionFalse, v1alpha1.ConditionStalled: metav1.ConditionTrue} {
			condition := wantCondition(t, g, kind, want, v1alpha1.ReasonConnectionMissing)
			if lacks := mentions(condition.Message, fmt.Sprintf("KafkaConnection %q", name)); lacks != nil {
				t.Error(lacks)
			}
		}
		wantKstatus(t, g, status.FailedStatus)
	}
	wantNotApplied("typo")
	kafka.produce(t, "orders", 25)
	wantReplicas(t, g, 3) // by the connection of before
	play(t, g, allAvailable)
	change(t, g, by("main"))
	wantKstatus(t, g, status.CurrentStatus)

	if err := kube.Delete(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	wantCondition(t, g, v1alpha1.ConditionConnectionResolved, metav1.ConditionFalse, v1alpha1.ReasonConnectionMissing)
	wantKstatus(t, g, status.CurrentStatus) // what the generation says is in force
	stop()
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	startManager(t, managerOptions{}, ns)
	change(t, g, withImage("registry.example/worker:2"))
	wantNotApplied("main")
	if after := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil }); after.Generation != before.Generation {
		t.Error("the Deployment was changed")
	}
	create(t, connection(ns, "main", servers(kafka.address())))
	wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRollingOut)
	play(t, g, allAvailable)
	wantKstatus(t, g, status.CurrentStatus)
}
