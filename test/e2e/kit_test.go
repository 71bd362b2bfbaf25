//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/IBM/sarama"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// broker is an embedded Kafka in a process of its own, reachable from pods.
type broker struct {
	address string
	client  sarama.Client
}

var lastPort atomic.Int32

func startBroker(t *testing.T, topics ...string) *broker {
	t.Helper()
	b := &broker{address: host + ":" + strconv.Itoa(int(19200+lastPort.Add(1)))}
	args := []string{"broker", "--listen=" + b.address, "--advertise=" + b.address}
	for _, topic := range topics {
		args = append(args, "--topic="+topic)
	}
	c := exec.Command(kafkaProgram, args...)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "broker ready") {
		t.Fatalf("the broker said %q, %v", line, err)
	}
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewRoundRobinPartitioner
	if b.client, err = sarama.NewClient([]string{b.address}, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.client.Close() })
	return b
}

// produce writes n messages to the topic, dealt over its partitions.
func (b *broker) produce(t *testing.T, topic string, n int) {
	t.Helper()
	producer, err := sarama.NewSyncProducerFromClient(b.client)
	if err != nil {
		t.Fatal(err)
	}
	messages := make([]*sarama.ProducerMessage, n)
	for i := range messages {
		messages[i] = &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(strconv.Itoa(i))}
	}
	if err := producer.SendMessages(messages); err != nil {
		t.Fatal(err)
	}
}

// committed sums the group's committed offsets over the topic.
func (b *broker) committed(group, topic string) (int64, error) {
	admin, err := sarama.NewClusterAdminFromClient(b.client)
	if err != nil {
		return 0, err
	}
	partitions, err := b.client.Partitions(topic)
	if err != nil {
		return 0, err
	}
	offsets, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: partitions})
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, p := range partitions {
		if block := offsets.GetBlock(topic, p); block != nil && block.Offset > 0 {
			sum += block.Offset
		}
	}
	return sum, nil
}

// namespace makes a namespace that enforces the restricted profile, and removes it at the end.
func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "e2e-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := kube.Create(context.Background(), ns); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = kubectlRun("delete", "namespace", ns.Name, "--timeout=120s") })
	return ns.Name
}

// group is a KafkaConsumerGroup of the reference worker.
func group(ns, name string, b *broker, serviceTime string, mods ...func(*v1alpha1.KafkaConsumerGroup)) *v1alpha1.KafkaConsumerGroup {
	g := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	g.Spec = v1alpha1.KafkaConsumerGroupSpec{
		Kafka:   v1alpha1.KafkaSource{Connection: v1alpha1.Connection{BootstrapServers: []v1alpha1.BootstrapServer{v1alpha1.BootstrapServer(b.address)}}},
		GroupID: name, Topics: []v1alpha1.TopicName{"orders"},
		Consumer: v1alpha1.ConsumerSpec{MaxProcessingTime: v1alpha1.Duration{Duration: 1e9}},
		Scaling:  v1alpha1.ScalingSpec{LagTarget: &v1alpha1.LagTarget{MessagesPerReplica: 100}},
		Workload: v1alpha1.Workload{Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"example.com/team": "checkout"}},
			Spec:       workerPod(serviceTime),
		}},
	}
	for _, mod := range mods {
		mod(g)
	}
	return g
}

func workerPod(serviceTime string) corev1.PodSpec {
	return corev1.PodSpec{
		TerminationGracePeriodSeconds: ptr.To(int64(10)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: "worker", Image: workerImage(), ImagePullPolicy: corev1.PullIfNotPresent,
			Env: []corev1.EnvVar{{Name: "WORKER_SERVICE_TIME", Value: serviceTime}},
			ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
				HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr8080}}},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := kube.Create(context.Background(), o); err != nil {
		t.Fatal(err)
	}
}

// wantReplicas waits until the Deployment asks for at least low and at most high workers.
func wantReplicas(t *testing.T, g *v1alpha1.KafkaConsumerGroup, low, high int32) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var d appsv1.Deployment
		if err := kube.Get(ctx, client.ObjectKeyFromObject(g), &d); err != nil {
			return err
		}
		if n := *d.Spec.Replicas; n < low || n > high {
			return fmt.Errorf("%d replicas, want %d to %d: %s", n, low, high, why(g))
		}
		return nil
	})
}

// wantCommitted waits until the group has committed n messages.
func wantCommitted(t *testing.T, b *broker, g *v1alpha1.KafkaConsumerGroup, n int64) {
	t.Helper()
	eventually(t, func(context.Context) error {
		got, err := b.committed(g.Spec.GroupID, "orders")
		if err == nil && got != n {
			err = fmt.Errorf("%d messages committed, want %d: %s", got, n, why(g))
		}
		return err
	})
}

func why(g *v1alpha1.KafkaConsumerGroup) string {
	out, _ := kubectlRun("-n", g.Namespace, "get", "kcg", g.Name, "-o", "jsonpath={.status.scaling.message} {.status.conditions}")
	return out
}
