package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// connection is a KafkaConnection to the brokers.
func connection(ns, name string, mod func(*v1alpha1.KafkaConnectionSpec)) *v1alpha1.KafkaConnection {
	c := &v1alpha1.KafkaConnection{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	mod(&c.Spec)
	return c
}

// servers sets the bootstrap servers.
func servers(addresses ...string) func(*v1alpha1.KafkaConnectionSpec) {
	return func(s *v1alpha1.KafkaConnectionSpec) {
		s.BootstrapServers = nil
		for _, a := range addresses {
			s.BootstrapServers = append(s.BootstrapServers, v1alpha1.BootstrapServer(a))
		}
	}
}

// by refers the group to a KafkaConnection.
func by(name string) func(*v1alpha1.KafkaConsumerGroup) {
	return func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Kafka = v1alpha1.KafkaSource{ConnectionRef: &v1alpha1.ConnectionReference{Name: v1alpha1.ObjectName(name)}}
	}
}

func changeConnection(t *testing.T, c *v1alpha1.KafkaConnection, mod func(*v1alpha1.KafkaConnectionSpec)) {
	t.Helper()
	eventually(t, func() error {
		if err := kube.Get(context.Background(), client.ObjectKeyFromObject(c), c); err != nil {
			return err
		}
		mod(&c.Spec)
		return kube.Update(context.Background(), c)
	})
}

// wantConnection waits for conditions of a KafkaConnection, as "status reason" by type.
func wantConnection(t *testing.T, c *v1alpha1.KafkaConnection, want map[string]string) v1alpha1.KafkaConnectionStatus {
	t.Helper()
	var now v1alpha1.KafkaConnection
	eventually(t, func() error {
		if err := kube.Get(context.Background(), client.ObjectKeyFromObject(c), &now); err != nil {
			return err
		}
		have := map[string]string{}
		for _, condition := range now.Status.Conditions {
			if _, wanted := want[condition.Type]; wanted && condition.ObservedGeneration == now.Generation {
				have[condition.Type] = string(condition.Status) + " " + condition.Reason
			}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			return fmt.Errorf("conditions, -want +have:\n%s\n%+v", diff, now.Status.Conditions)
		}
		return nil
	})
	return now.Status
}

// TestConnectionRef: groups follow their KafkaConnection: one that comes later,
// one that is changed, one that goes.
func TestConnectionRef(t *testing.T) {
	t.Parallel()
	ns, first, second := namespace(t), startBroker(t, map[string]int32{"orders": 12}), startBroker(t, map[string]int32{"orders": 12}, kfake.ClusterID("second"))
	first.produce(t, "orders", 25)
	second.produce(t, "orders", 50)
	startManager(t, managerOptions{}, ns)
	g := group(ns, "referring", "", by("main"))
	create(t, g)
	missing := wantCondition(t, g, v1alpha1.ConditionConnectionResolved, metav1.ConditionFalse, v1alpha1.ReasonConnectionMissing)
	if lacks := mentions(missing.Message, `KafkaConnection "main"`, "spec.kafka.connectionRef"); lacks != nil {
		t.Error(lacks)
	}
	wantNoDeployment(t, g)

	c := connection(ns, "main", servers(first.address()))
	create(t, c)
	wantReplicas(t, g, 3)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		return same("servers", s.BootstrapServers, first.address())
	})

	changeConnection(t, c, servers(second.address()))
	within(t, 25*time.Second, func() error { // sooner than the look without any news, every 30 s
		d, err := deployment(g)
		if err != nil {
			return err
		}
		return same("replicas", *d.Spec.Replicas, 6)
	})
	if got := workerFile(t, g).BootstrapServers; !cmp.Equal(got, []string{second.address()}) {
		t.Errorf("the workers are told %v, want %v", got, second.address())
	}
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("cluster", s.ClusterID, "second") })

	if err := kube.Delete(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	wantCondition(t, g, v1alpha1.ConditionConnectionResolved, metav1.ConditionFalse, v1alpha1.ReasonConnectionMissing)
	second.produce(t, "orders", 50)
	wantReplicas(t, g, 12)
}

// TestConnectionDuplicate: two groups of one id on one cluster are told apart
// from two on different ones also when both refer to a KafkaConnection.
func TestConnectionDuplicate(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	create(t, connection(ns, "main", servers(kafka.address())))
	elder, younger := group(ns, "elder", "", by("main")), group(ns, "younger", "", by("main"))
	elder.Spec.GroupID, younger.Spec.GroupID = "billing", "billing"
	create(t, elder)
	wantReplicas(t, elder, 1)
	createYounger(t, younger, elder)
	wantCondition(t, younger, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonDuplicateGroup)
	wantNoDeployment(t, younger)
}

// TestConnectionConditions: a KafkaConnection tells how far it gets.
func TestConnectionConditions(t *testing.T) {
	t.Parallel()
	ns, c := namespace(t), newCertificates(t)
	plain := startBroker(t, map[string]int32{"orders": 1}, kfake.NumBrokers(3))
	secured := startScram(t, c, map[string]int32{"orders": 1}, kfake.Superuser("PLAIN", "billing", "s3cret"))
	secured.refusePlain("billing", "s3cret")
	startManager(t, managerOptions{}, ns)

	open := connection(ns, "open", servers(plain.address()))
	create(t, open)
	status := wantConnection(t, open, map[string]string{
		v1alpha1.ConditionReady: "True Connected", v1alpha1.ConditionReachable: "True BrokersAnswer",
		v1alpha1.ConditionAuthenticated: "True Anonymous", v1alpha1.ConditionConnectionResolved: "True Resolved", v1alpha1.ConditionStalled: "False NothingStalled",
	})
	if status.ClusterID != "TestConnectionConditions" || status.BrokerCount != 3 || len(status.Brokers) != 3 || status.ObservedAt == nil || status.BootstrapServers != plain.address() {
		t.Errorf("status %+v, want the cluster's id and its three brokers", status)
	}
	if b := status.Brokers[0]; b.Address == "" || b.Version == "" {
		t.Errorf("broker %+v, want address and version", b)
	}

	away := connection(ns, "away", servers("127.0.0.1:1"))
	create(t, away)
	wantConnection(t, away, map[string]string{
		v1alpha1.ConditionReady: "False Unreachable", v1alpha1.ConditionReachable: "False Unreachable",
		v1alpha1.ConditionAuthenticated: "Unknown Unreachable", v1alpha1.ConditionStalled: "False NothingStalled",
	})

	closed := connection(ns, "closed", servers(secured.address()))
	closed.Spec.TLS, closed.Spec.SASL = scramSpec()
	closed.Spec.SASL.Mechanism = v1alpha1.SASLPlain
	create(t, closed)
	missing := wantConnection(t, closed, map[string]string{
		v1alpha1.ConditionReady: "False CredentialsMissing", v1alpha1.ConditionConnectionResolved: "False CredentialsMissing",
		v1alpha1.ConditionReachable: "Unknown CredentialsMissing", v1alpha1.ConditionStalled: "True CredentialsMissing",
	})
	if missing.BootstrapServers != secured.address() {
		t.Errorf("servers %q while a Secret is missing, want those of the spec", missing.BootstrapServers)
	}
	secret(t, ns, "ca", map[string]string{"ca.crt": c.cluster.PEM})
	secret(t, ns, "user", map[string]string{"password": "wrong"})
	wantConnection(t, closed, map[string]string{
		v1alpha1.ConditionReady: "False AuthenticationFailed", v1alpha1.ConditionReachable: "True BrokersAnswer",
		v1alpha1.ConditionAuthenticated: "False AuthenticationFailed", v1alpha1.ConditionStalled: "True AuthenticationFailed",
	})
	secret(t, ns, "user", map[string]string{"password": "in\ntwo lines"})
	wantConnection(t, closed, map[string]string{
		v1alpha1.ConditionReady: "False InvalidCredentials", v1alpha1.ConditionReachable: "Unknown InvalidCredentials",
		v1alpha1.ConditionAuthenticated: "False InvalidCredentials", v1alpha1.ConditionStalled: "True InvalidCredentials",
	})
	secret(t, ns, "user", map[string]string{"password": "s3cret"})
	wantConnection(t, closed, map[string]string{
		v1alpha1.ConditionReady: "True Connected", v1alpha1.ConditionAuthenticated: "True Accepted",
		v1alpha1.ConditionConnectionResolved: "True CredentialsReloaded",
	})
}

// TestServiceBinding: a Secret as Strimzi's Access Operator writes it says all.
func TestServiceBinding(t *testing.T) {
	t.Parallel()
	c := newCertificates(t)
	file := func(name string) string { return workerconfig.CredentialsPath + "/" + name }
	cases := map[string]struct {
		reason string
		mutual bool
		data   map[string]string
		tls    *workerconfig.TLS
		sasl   *workerconfig.SASL
		files  map[string]string
	}{
		"Scram": {
			reason: "a SCRAM user",
			data: map[string]string{
				"securityProtocol": "SASL_SSL", "security.protocol": "SASL_SSL", "saslMechanism": "SCRAM-SHA-512", "sasl.mechanism": "SCRAM-SHA-512",
				"username": "billing", "password": "s3cret", "sasl.jaas.config": "org.apache...", "ssl.truststore.crt": c.cluster.PEM,
			},
			tls:   &workerconfig.TLS{CAFile: file("ca.crt")},
			sasl:  &workerconfig.SASL{Mechanism: "SCRAM-SHA-512", UsernameFile: file("username"), PasswordFile: file("password")},
			files: map[string]string{"ca.crt": "Secret/binding/ssl.truststore.crt", "username": "Secret/binding/username", "password": "Secret/binding/password"},
		},
		"Mutual": {
			reason: "an mTLS user, in the dotted spelling alone",
			mutual: true,
			data: map[string]string{
				"security.protocol": "SSL", "ssl.truststore.crt": c.cluster.PEM, "ssl.keystore.crt": c.client.Certificate, "ssl.keystore.key": c.client.Key,
			},
			tls: &workerconfig.TLS{CAFile: file("ca.crt"), CertificateFile: file("tls.crt"), KeyFile: file("tls.key")},
			files: map[string]string{
				"ca.crt": "Secret/binding/ssl.truststore.crt", "tls.crt": "Secret/binding/ssl.keystore.crt", "tls.key": "Secret/binding/ssl.keystore.key",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka := namespace(t), startLayout(t, c, tc.mutual)
			kafka.produce(t, "orders", 25)
			startManager(t, managerOptions{}, ns)
			bound := connection(ns, "bound", func(s *v1alpha1.KafkaConnectionSpec) {
				s.ServiceBinding = &v1alpha1.ServiceBinding{SecretName: "binding"}
			})
			create(t, bound)
			g := group(ns, "bound", "", by("bound"))
			create(t, g)
			data := map[string]string{"type": "kafka", "provider": "strimzi", "bootstrap.servers": kafka.address(), "bootstrap-servers": kafka.address(), "bootstrapServers": kafka.address()}
			for key, value := range tc.data {
				data[key] = value
			}
			wantConnection(t, bound, map[string]string{v1alpha1.ConditionReady: "False CredentialsMissing"})
			secret(t, ns, "binding", data)
			wantReplicas(t, g, 3)
			wantConnection(t, bound, map[string]string{v1alpha1.ConditionReady: "True Connected"})
			written := workerFile(t, g)
			if diff := cmp.Diff(tc.tls, written.TLS) + cmp.Diff(tc.sasl, written.SASL) + cmp.Diff(tc.files, projected(t, g)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if !cmp.Equal(written.BootstrapServers, []string{kafka.address()}) {
				t.Errorf("servers %v, want %s", written.BootstrapServers, kafka.address())
			}
		})
	}
}

// TestClusterChanged: another cluster behind the same address is not taken for
// the one before, also not after a restart; nothing is scaled until somebody says
// what is meant.
func TestClusterChanged(t *testing.T) {
	t.Parallel()
	ns, at, clock := namespace(t), reservePort(t), startBroker(t, map[string]int32{"orders": 1})
	stop := startManager(t, managerOptions{}, ns)
	create(t, group(ns, "clock", clock.address()))
	before := at.startBroker(t, map[string]int32{"orders": 12}, kfake.ClusterID("before"))
	before.produce(t, "orders", 25)
	g, c := group(ns, "moved", at.address), connection(ns, "moved", servers(at.address))
	create(t, g)
	create(t, c)
	wantReplicas(t, g, 3)
	wantLag(t, g, 300)
	play(t, g, allAvailable)
	wantConnection(t, c, map[string]string{v1alpha1.ConditionReady: "True Connected"})

	before.Close()
	wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionFalse, v1alpha1.ReasonTimeout) // the port still listens
	other := at.startBroker(t, map[string]int32{"orders": 12}, kfake.ClusterID("other"))
	changed := wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonClusterChanged)
	if lacks := mentions(changed.Message, at.address, `was "before"`, `now is "other"`, "clusterID", "workers that run", "kubectl scale deployment/moved --replicas=0"); lacks != nil {
		t.Error(lacks)
	}
	wantConnection(t, c, map[string]string{v1alpha1.ConditionReady: "False ClusterChanged", v1alpha1.ConditionStalled: "True ClusterChanged"})
	other.produce(t, "orders", 100)
	stop()
	startManager(t, managerOptions{}, ns)
	clock.cycles(t, 5)
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonClusterChanged)
	wantReplicas(t, g, 3)
	wantLag(t, g, 300)
	d := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	if err := kube.Patch(context.Background(), d, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":0}}`))); err != nil {
		t.Fatal(err)
	}
	play(t, g, allAvailable)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("workers", s.Replicas, 0) })
	wantReplicas(t, g, 0) // not put back

	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Kafka.ClusterID = "other" })
	wantReplicas(t, g, 12)
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("cluster", s.ClusterID, "other") })
	changeConnection(t, c, func(s *v1alpha1.KafkaConnectionSpec) { s.ClusterID = "third" })
	wantConnection(t, c, map[string]string{v1alpha1.ConditionReady: "False ClusterChanged"})
}

// TestTopicPattern: the topics that match are consumed, a new one from when it
// is found, without a change of the workers.
func TestTopicPattern(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders-eu": 6, "orders-us": 6, "returns": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "matching", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Topics, g.Spec.TopicPattern = nil, "orders-.*"
		g.Spec.Consumer.Assignment = v1alpha1.AssignRoundRobin
	})
	none := group(ns, "none", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Topics, g.Spec.TopicPattern = nil, "order" })
	kafka.produce(t, "orders-eu", 50)
	kafka.produce(t, "returns", 500)
	create(t, g)
	create(t, none)
	wantReplicas(t, g, 3)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("topics", s.TopicCount, 2) })
	unmatched := wantCondition(t, none, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonTopicMissing)
	if lacks := mentions(unmatched.Message, "no topic matches"); lacks != nil {
		t.Error(lacks)
	}
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	env := map[string]string{}
	for _, e := range before.Spec.Template.Spec.Containers[0].Env {
		env[e.Name] = e.Value
	}
	if _, listed := env[workerconfig.EnvTopics]; listed || env[workerconfig.EnvTopicPattern] != "orders-.*" || workerFile(t, g).TopicPattern != "orders-.*" {
		t.Errorf("the workers are told %v and %+v, want the pattern and no list", env, workerFile(t, g))
	}

	if err := kafka.CreateTopic("orders-ap", 6, nil); err != nil {
		t.Fatal(err)
	}
	within(t, 90*time.Second, func() error { // within a minute, says the field
		now, err := seen(g)
		if err != nil {
			return err
		}
		return same("topics", now.Status.TopicCount, 3)
	})
	kafka.produce(t, "orders-ap", 200)
	wantReplicas(t, g, 18) // 6 of each topic
	after := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	if diff := cmp.Diff(before.Spec.Template, after.Spec.Template); diff != "" {
		t.Errorf("a new topic rolls the pods:\n%s", diff)
	}
}
