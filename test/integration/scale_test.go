package integration

import (
	"context"
	"fmt"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
)

// scaleTo is what `kubectl scale --replicas=n` does.
func scaleTo(g *v1alpha1.KafkaConsumerGroup, n int32) error {
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, n))
	scale := &autoscalingv1.Scale{}
	return kube.SubResource("scale").Patch(context.Background(), g, patch, client.WithSubResourceBody(scale))
}

// TestScaleInAuto: kubectl scale is refused with what to do instead, and Lagrange's number stays.
func TestScaleInAuto(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "auto", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	err := scaleTo(g, 5)
	if err == nil {
		t.Fatal("kubectl scale was obeyed in mode Auto")
	}
	if lacks := mentions(err.Error(), "spec.replicas", "remove replicas", "scaling.mode: Manual"); lacks != nil {
		t.Error(lacks)
	}
	kafka.cycles(t, 3)
	wantReplicas(t, g, 1)
}

// TestManualObeysLiterally: 5 of 12 partitions is no count that Auto would
// choose, and lag asks for 12; the user's number is used as it is.
func TestManualObeysLiterally(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	kafka.produce(t, "orders", 1000)
	startManager(t, managerOptions{}, ns)
	g := group(ns, "manual", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Scaling = v1alpha1.ScalingSpec{Mode: v1alpha1.ScalingManual, MinReplicas: 1}
		g.Spec.Replicas = 2
	})
	create(t, g)
	wantReplicas(t, g, 2)
	if err := scaleTo(g, 5); err != nil {
		t.Fatal(err)
	}
	wantReplicas(t, g, 5)
	wantLag(t, g, 12_000)
	wantReplicas(t, g, 5)
	wantCondition(t, g, v1alpha1.ConditionScalingActive, metav1.ConditionFalse, string(autoscale.ReasonManual))
	if err := scaleTo(g, 0); err == nil {
		t.Error("zero was accepted in mode Manual")
	} else if lacks := mentions(err.Error(), "spec.replicas", "pause.mode: ScaleToZero"); lacks != nil {
		t.Error(lacks)
	}
}

// TestRecommendHolds: neither the mode nor the lag changes how many there are, and the
// status tells what Auto would ask for, until it is Auto.
func TestRecommendHolds(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "advised", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 2 })
	create(t, g)
	wantReplicas(t, g, 2)
	modeTo(t, g, v1alpha1.ScalingRecommend)
	kafka.produce(t, "orders", 40) // 480 at 100 a worker
	eventually(t, func() error {
		is, err := seen(g)
		if err != nil || is.Status.Scaling.RecommendedReplicas != 6 || is.Status.DesiredReplicas != 2 {
			return fmt.Errorf("%+v with %d: %w", is.Status.Scaling, is.Status.DesiredReplicas, err)
		}
		return nil
	})
	wantCondition(t, g, v1alpha1.ConditionScalingActive, metav1.ConditionFalse, string(autoscale.ReasonRecommend))
	wantReplicas(t, g, 2)
	modeTo(t, g, v1alpha1.ScalingAuto)
	wantReplicas(t, g, 6)
	eventually(t, func() error {
		is, err := seen(g)
		if err != nil || is.Status.Scaling.RecommendedReplicas != 0 {
			return fmt.Errorf("%+v: %w", is.Status.Scaling, err)
		}
		return nil
	})
}

func modeTo(t *testing.T, g *v1alpha1.KafkaConsumerGroup, mode v1alpha1.ScalingMode) {
	t.Helper()
	is, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	before := is.DeepCopy()
	is.Spec.Scaling.Mode = mode
	if err := kube.Patch(context.Background(), is, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// TestScaleGet: the scale subresource shows the pods and how to select them, as an HPA reads it.
func TestScaleGet(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "read", kafka.address())
	create(t, g)
	kafka.produce(t, "orders", 25)
	wantReplicas(t, g, 3)
	play(t, g, allAvailable)
	eventually(t, func() error {
		var scale autoscalingv1.Scale
		if err := kube.SubResource("scale").Get(context.Background(), g, &scale); err != nil {
			return err
		}
		if scale.Spec.Replicas != 0 || scale.Status.Replicas != 3 || scale.Status.Selector != "kafka.lagrange.dev/consumer-group=read" {
			return fmt.Errorf("spec %+v, status %+v", scale.Spec, scale.Status)
		}
		return nil
	})
}
