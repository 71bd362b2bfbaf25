package controllers

import (
	"context"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// scaledByOthers finds an autoscaler that would start workers while the group is drained.
func (r *KafkaOffsetResetReconciler) scaledByOthers(ctx context.Context, group *v1alpha1.KafkaConsumerGroup) (*trouble, error) {
	targets := func(kind, name string) bool {
		return name == group.Name && (kind == "Deployment" || kind == groupKind)
	}
	by := func(kind, name string) *trouble {
		return &trouble{v1alpha1.ReasonScaledByOthers, fmt.Sprintf(
			"%s %q targets the workers of KafkaConsumerGroup %q and would start them during the reset: remove it", kind, name, group.Name), true}
	}
	var hpas autoscalingv2.HorizontalPodAutoscalerList
	if err := r.Live.List(ctx, &hpas, client.InNamespace(group.Namespace)); err != nil {
		return nil, fmt.Errorf("list the HorizontalPodAutoscalers of %q: %w", group.Namespace, err)
	}
	for _, hpa := range hpas.Items {
		if targets(hpa.Spec.ScaleTargetRef.Kind, hpa.Spec.ScaleTargetRef.Name) {
			return by("HorizontalPodAutoscaler", hpa.Name), nil
		}
	}
	scaled, err := r.scaledObjects(ctx, group.Namespace)
	for _, object := range scaled {
		kind, _, _ := unstructured.NestedString(object.Object, "spec", "scaleTargetRef", "kind")
		name, _, _ := unstructured.NestedString(object.Object, "spec", "scaleTargetRef", "name")
		if kind == "" {
			kind = "Deployment" // KEDA's default
		}
		if targets(kind, name) {
			return by("ScaledObject", object.GetName()), nil
		}
	}
	return nil, err
}

// scaledObjects are KEDA's, none where KEDA is not installed.
func (r *KafkaOffsetResetReconciler) scaledObjects(ctx context.Context, namespace string) ([]unstructured.Unstructured, error) {
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObjectList"})
	err := r.Live.List(ctx, &list, client.InNamespace(namespace))
	if err == nil || meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return list.Items, nil
	}
	return nil, fmt.Errorf("list the ScaledObjects of %q: %w", namespace, err)
}
