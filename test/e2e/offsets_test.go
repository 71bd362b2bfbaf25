//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/IBM/sarama"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestOffsetsOfAGroupsLife: a reset starts a new namespace of handled messages,
// which all workers are told; a group at zero has its offsets kept; and with
// offsetsOnDelete: Delete they go with the object, and nothing hangs.
func TestOffsetsOfAGroupsLife(t *testing.T) {
	ns, kafka := namespace(t), startBroker(t, "orders:6")
	g := group(ns, "orders", kafka, "1ms", func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.OffsetsOnDelete = v1alpha1.OffsetsDelete
		g.Spec.Consumer.Dedup = &v1alpha1.DedupSpec{Namespace: "chat"}
	})
	create(t, g)
	kafka.produce(t, "orders", 600)
	wantCommitted(t, kafka, g, 600)
	wantNamespaceTold(t, g, "chat")

	create(t, &v1alpha1.KafkaOffsetReset{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "again"},
		Spec: v1alpha1.KafkaOffsetResetSpec{
			GroupRef: v1alpha1.GroupReference{Name: "orders"}, Target: v1alpha1.ResetTarget{Earliest: &v1alpha1.ResetTargetEarliest{}},
			Approval: v1alpha1.ApprovalAutomatic, Dedup: v1alpha1.DedupNewNamespace,
		},
	})
	mustKubectl(t, "-n", ns, "wait", "--for=condition=Ready", "kor/again", "--timeout=180s")
	wantNamespaceTold(t, g, "chat/2")
	wantCommitted(t, kafka, g, 600)

	mustKubectl(t, "-n", ns, "patch", "kcg", "orders", "--type=merge", "-p", `{"spec":{"pause":{"mode":"ScaleToZero"}}}`)
	eventually(t, func(ctx context.Context) error {
		var now v1alpha1.KafkaConsumerGroup
		if err := kube.Get(ctx, client.ObjectKeyFromObject(g), &now); err != nil {
			return err
		}
		if kept := now.Status.KeptOffsets; kept == nil || kept.Offsets.Count != 6 || now.Status.Replicas != 0 {
			return fmt.Errorf("kept offsets %+v with %d workers: %s", kept, now.Status.Replicas, why(g))
		}
		return nil
	})

	mustKubectl(t, "-n", ns, "delete", "kcg", "orders", "--timeout=120s")
	eventually(t, func(ctx context.Context) error {
		if err := kube.Get(ctx, client.ObjectKeyFromObject(g), g); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the group is still there: %w", err)
		}
		admin, err := sarama.NewClusterAdminFromClient(kafka.client)
		if err != nil {
			return err
		}
		groups, err := admin.ListConsumerGroups()
		if _, there := groups["orders"]; there {
			err = errors.Join(err, errors.New("the consumer group is still in Kafka"))
		}
		return err
	})
}

// wantNamespaceTold waits until all pods of the group are told that namespace, and ready.
func wantNamespaceTold(t *testing.T, g *v1alpha1.KafkaConsumerGroup, namespace string) {
	t.Helper()
	told := corev1.EnvVar{Name: "LAGRANGE_DEDUP_NAMESPACE", Value: namespace}
	eventually(t, func(context.Context) error {
		pods := podsOf(t, g)
		if len(pods) == 0 || slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !slices.Contains(p.Spec.Containers[0].Env, told) }) {
			return fmt.Errorf("%d pods, not all with namespace %q: %s", len(pods), namespace, why(g))
		}
		return nil
	})
}
