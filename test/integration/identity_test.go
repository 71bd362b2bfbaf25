package integration

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// member joins the group under a client id until leave is called or the test ends.
func (b *broker) member(t *testing.T, group, clientID string) (leave func()) {
	t.Helper()
	return b.memberWith(t, group, clientID, idler{})
}

func (b *broker) memberWith(t *testing.T, group, clientID string, handler sarama.ConsumerGroupHandler) (leave func()) {
	t.Helper()
	c := sarama.NewConfig()
	c.Version, c.ClientID = sarama.V3_6_0_0, clientID
	consumers, err := sarama.NewConsumerGroup(b.ListenAddrs(), group, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := consumers.Consume(ctx, []string{"orders"}, handler); err != nil {
				return
			}
		}
	}()
	leave = sync.OnceFunc(func() {
		cancel()
		<-ended
		_ = consumers.Close()
	})
	t.Cleanup(leave)
	return leave
}

// idler is a member that handles nothing.
type idler struct{}

func (idler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (idler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (idler) ConsumeClaim(s sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-s.Context().Done()
	return nil
}

// TestForeignMembers: a consumer of someone else in the group is named; our own workers are not.
func TestForeignMembers(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "shared", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	playPod(t, g, "shared-0", ready(metav1.Now()))
	kafka.member(t, "shared", "shared-0")
	wantMembers := func(n int32) {
		t.Helper()
		wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
			if s.Group == nil || s.Group.Members != n || s.Group.State != "Stable" {
				return fmt.Errorf("group %+v, want %d members", s.Group, n)
			}
			return nil
		})
	}
	kafka.member(t, "shared", "someone-else")
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		return mentions(strings.Join(s.Warnings, "\n"), `"someone-else"`, "no worker of this object")
	})
	wantEvent(t, g, corev1.EventTypeWarning, "Warning", `"someone-else"`)
	wantMembers(2)
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	if len(now.Status.Warnings) != 1 {
		t.Errorf("warnings %q, want one: the pod's own member is none", now.Status.Warnings)
	}
}

// createYounger creates the group when the API server's clock, which has
// seconds, shows a later one than that of the elder's creation.
func createYounger(t *testing.T, younger, elder *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	eventually(t, func() error {
		dry := younger.DeepCopy()
		if err := kube.Create(context.Background(), dry, client.DryRunAll); err != nil {
			return err
		}
		if !elder.CreationTimestamp.Before(&dry.CreationTimestamp) {
			return fmt.Errorf("still the second of the elder's creation")
		}
		return nil
	})
	create(t, younger)
}

// TestDuplicateGroup: of two objects for one group of one cluster the younger
// stops with the elder's name, and goes on when the elder is gone.
func TestDuplicateGroup(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		another bool // namespace
		address func(*broker) string
	}{
		"SameNamespace":  {"a copied manifest", false, (*broker).address},
		"OtherNamespace": {"two teams, one cluster", true, (*broker).address},
		"OtherAddress": {"the same cluster by another name: only its id tells", false, func(b *broker) string {
			return strings.Replace(b.address(), "127.0.0.1", "localhost", 1)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
			second := first
			if tc.another {
				second = namespace(t)
			}
			startManager(t, managerOptions{}, first, second)
			twin := func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.GroupID = "billing" }
			elder := group(first, "elder", kafka.address(), twin)
			create(t, elder)
			wantCondition(t, elder, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
			before, err := deployment(elder)
			if err != nil {
				t.Fatal(err)
			}
			younger := group(second, "younger", tc.address(kafka), twin)
			createYounger(t, younger, elder)

			stalled := wantCondition(t, younger, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonDuplicateGroup)
			if lacks := mentions(stalled.Message, `"billing"`, first+"/elder", "delete one of the two"); lacks != nil {
				t.Errorf("%s: %v", tc.reason, lacks)
			}
			wantCondition(t, younger, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDuplicateGroup)
			wantEvent(t, younger, corev1.EventTypeWarning, v1alpha1.ReasonDuplicateGroup, "elder")
			wantNoDeployment(t, younger)
			wantCondition(t, elder, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
			if after, err := deployment(elder); err != nil || after.ResourceVersion != before.ResourceVersion {
				t.Errorf("%s: the elder's Deployment was written: %v", tc.reason, err)
			}
			remove(t, elder)
			wantReplicas(t, younger, 1)
			wantCondition(t, younger, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
		})
	}
}

// TestSameGroupOfAnotherCluster: one group id on two clusters is two groups.
func TestSameGroupOfAnotherCluster(t *testing.T) {
	t.Parallel()
	topics := map[string]int32{"orders": 12}
	ns, one, two := namespace(t), startBroker(t, topics), startBroker(t, topics, kfake.ClusterID("another"))
	startManager(t, managerOptions{}, ns)
	twin := func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.GroupID = "billing" }
	a, b := group(ns, "one", one.address(), twin), group(ns, "two", two.address(), twin)
	create(t, a)
	create(t, b)
	for _, g := range []*v1alpha1.KafkaConsumerGroup{a, b} {
		wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
		wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
		wantReplicas(t, g, 1)
	}
}
