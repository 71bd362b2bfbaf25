//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	kafkabroker "github.com/lagrange-operator/lagrange/hack/kafka/broker"
	"github.com/lagrange-operator/lagrange/internal/testcerts"
)

const (
	// A worker handles 50 messages a second (20 ms each). Three of them hold a
	// backlog of 6,750, which asks for three: 3,000 for each. Below 6,000 it
	// would be two, above 9,000 six, which is 15 s of messages that nobody handles.
	rotatedServiceTime = "20ms"
	rotatedWorkers     = 3
	rotatedPace        = 150
	rotatedTarget      = 3000
	rotatedBacklog     = 6750

	oldPassword, newPassword = "of-yesterday-4711", "of-today-4712"

	// swapWithin is how soon a changed Secret is in use.
	swapWithin = 30 * time.Second
	// flowing is more than a broker says to who is refused: a TLS handshake and
	// its refusal are less than 4 KiB. A worker fetches 50 KiB a second.
	flowing = 64 << 10
)

// TestRotation: a password and a client certificate are changed under load. No
// pod is touched, no count changes, samples keep coming, every message is
// handled, and in the end everyone who connects anew does it with what is new.
func TestRotation(t *testing.T) {
	if os.Getenv("CLUSTER") != "" {
		t.Skip("SKIPPED: only on the local cluster does this machine see who connects, and what is mounted")
	}
	ns := namespace(t)
	kafka := startSecured(t, oldPassword, kafkabroker.Topic{Name: "orders", Partitions: 6})
	work := startLoad(t, kafka.cluster.Admin(), &load{topic: "orders", pace: rotatedPace, backlog: rotatedBacklog})
	first, next := kafka.certificate(t, 0), kafka.certificate(t, 1)
	g := rotatedGroup(t, ns, kafka, work, first)
	eventually(t, func(context.Context) error {
		if n := work.handled.Counts().Workers; n != rotatedWorkers {
			return fmt.Errorf("%d workers have handled something, want %d: %s", n, rotatedWorkers, why(g))
		}
		return nil
	})
	stopLoad := work.run()
	mustKubectl(t, "-n", ns, "wait", "--for=condition=Ready", "kcg/billing", "kconn/main", "--timeout=60s")

	r := &rotated{kafka: kafka, group: g, workers: podsOf(t, g), manager: managerPod(t), vigil: keepVigil(t, g)}
	r.baseline(t)
	r.rotate(t, rotation{
		name: "password", secret: "billing", data: map[string]string{"password": newPassword}, file: "password",
		before: func() { kafka.setPassword(t, newPassword) },
		old:    func() error { return kafka.login(oldPassword, first) },
		now:    func() error { return kafka.login(newPassword, first) },
	})
	r.rotate(t, rotation{
		name: "certificate", secret: "billing-tls", data: map[string]string{"tls.crt": next.Certificate, "tls.key": next.Key}, file: "tls.crt",
		after: func() { kafka.trustNextAlone(t) },
		old:   func() error { return kafka.login(newPassword, first) },
		now:   func() error { return kafka.login(newPassword, next) },
	})
	r.vigil.end(t)
	r.wantSecrecy(t, oldPassword, newPassword, first.Key, next.Key)

	if err := stopLoad(); err != nil {
		t.Fatal(err)
	}
	mustKubectl(t, "-n", ns, "patch", "kcg", "billing", "--type=merge", "-p", `{"spec":{"scaling":{"minReplicas":6}}}`) // soon over
	eventually(t, func(context.Context) error {
		if missing := work.produced() - work.handled.Counts().Distinct; missing > 0 {
			return fmt.Errorf("%d messages are not handled: %s", missing, why(g))
		}
		return nil
	})
	if diff := cmp.Diff(work.byPartition(), work.handled.Distinct("orders")); diff != "" {
		t.Errorf("acknowledged and handled by partition, -acknowledged +handled:\n%s", diff)
	}
	t.Logf("%d messages, handled: %+v", work.produced(), work.handled.Counts())
}

// rotatedGroup makes the group, and a KafkaConnection that names Secrets as
// Strimzi (for the cluster's CA and a KafkaUser with SCRAM) and cert-manager
// write them.
func rotatedGroup(t *testing.T, ns string, kafka *secured, work *load, pair testcerts.Pair) *v1alpha1.KafkaConsumerGroup {
	t.Helper()
	for name, data := range map[string]map[string]string{
		"main-cluster-ca-cert": {"ca.crt": kafka.brokers.PEM},
		"billing":              {"password": oldPassword},
		"billing-tls":          {"ca.crt": kafka.clients[0].PEM, "tls.crt": pair.Certificate, "tls.key": pair.Key},
	} {
		create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, StringData: data})
	}
	connection := &v1alpha1.KafkaConnection{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "main"}}
	connection.Spec.Connection = v1alpha1.Connection{
		BootstrapServers: []v1alpha1.BootstrapServer{v1alpha1.BootstrapServer(kafka.address())},
		TLS: &v1alpha1.TLSSpec{
			CA:          &v1alpha1.CASource{SecretRef: &v1alpha1.CAReference{Name: "main-cluster-ca-cert"}},
			Certificate: &v1alpha1.ClientCertificate{SecretName: "billing-tls"},
		},
		SASL: &v1alpha1.SASLSpec{
			Mechanism: v1alpha1.SASLScramSHA512, Username: userName, SecretRef: &v1alpha1.PasswordReference{Name: "billing"},
		},
	}
	create(t, connection)
	g := group(ns, "billing", &broker{}, rotatedServiceTime, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Kafka = v1alpha1.KafkaSource{ConnectionRef: &v1alpha1.ConnectionReference{Name: "main"}}
		g.Spec.Scaling.LagTarget.MessagesPerReplica = rotatedTarget
		worker := &g.Spec.Workload.Template.Spec.Containers[0]
		worker.Env = append(worker.Env, corev1.EnvVar{Name: "WORKER_TALLY_ADDR", Value: work.tallyAddress})
	})
	create(t, g)
	return g
}
