package main

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func groupName(i int) string { return fmt.Sprintf("group-%05d", i) }

func createGroups(ctx context.Context, kube client.Client, broker string, n int) error {
	for i := range n {
		g := &v1alpha1.KafkaConsumerGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: groupName(i)},
			Spec: v1alpha1.KafkaConsumerGroupSpec{
				Kafka:    v1alpha1.KafkaSource{Connection: v1alpha1.Connection{BootstrapServers: []v1alpha1.BootstrapServer{v1alpha1.BootstrapServer(broker)}}},
				GroupID:  groupName(i),
				Topics:   []v1alpha1.TopicName{v1alpha1.TopicName(groupName(i))},
				Consumer: v1alpha1.ConsumerSpec{MaxProcessingTime: v1alpha1.Duration{Duration: 1e9}},
				Scaling:  v1alpha1.ScalingSpec{LagTarget: &v1alpha1.LagTarget{MessagesPerReplica: 200}},
				Workload: v1alpha1.Workload{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "worker", Image: "registry.example/worker:1"}},
				}}},
			},
		}
		if err := kube.Create(ctx, g); err != nil {
			return fmt.Errorf("create %q: %w", g.Name, err)
		}
	}
	return nil
}

// playDeployments makes every Deployment's workers available at once, as there
// is no kubelet, and tells how many are.
func playDeployments(ctx context.Context, kube client.Client) (ready int, err error) {
	var deployments appsv1.DeploymentList
	if err := kube.List(ctx, &deployments, client.InNamespace("default")); err != nil {
		return 0, fmt.Errorf("list Deployments: %w", err)
	}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		want := *d.Spec.Replicas
		if d.Status.AvailableReplicas == want && d.Status.ObservedGeneration == d.Generation {
			ready++
			continue
		}
		d.Status = appsv1.DeploymentStatus{
			ObservedGeneration: d.Generation, Replicas: want, UpdatedReplicas: want, ReadyReplicas: want, AvailableReplicas: want,
			Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable"}},
		}
		if err := kube.Status().Update(ctx, d); client.IgnoreNotFound(err) != nil {
			return 0, fmt.Errorf("update the status of Deployment %q: %w", d.Name, err)
		}
	}
	return ready, nil
}
