package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/testcerts"
)

// certificates are those of one Kafka cluster and of one of its clients.
type certificates struct {
	cluster, clients *testcerts.CA
	server, client   testcerts.Pair
}

func newCertificates(t *testing.T) certificates {
	c := certificates{cluster: testcerts.NewCA(t, "cluster"), clients: testcerts.NewCA(t, "clients")}
	c.server, c.client = c.cluster.Issue(t, testcerts.Leaf{}), c.clients.Issue(t, testcerts.Leaf{Name: "billing"})
	return c
}

// admin is how the test's own client connects.
func (c certificates) admin() kafkaauth.Security {
	return kafkaauth.Security{
		TLS:  kafkaauth.TLS{Enabled: true, CA: c.cluster.PEM},
		SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA512, Username: "admin", Password: "of the test"},
	}
}

// startScram runs a broker that wants TLS, and SASL of users by mechanism, name and password.
func startScram(t *testing.T, c certificates, topics map[string]int32, options ...kfake.Opt) *broker {
	t.Helper()
	options = append(options, kfake.EnableSASL(), kfake.TLS(c.server.Server(t, nil)), kfake.Superuser("SCRAM-SHA-512", "admin", "of the test"))
	return startSecured(t, topics, c.admin(), options...)
}

// startMutual runs a broker that wants a certificate of the clients' authority,
// and tells which serial numbers came.
func startMutual(t *testing.T, c certificates, topics map[string]int32) (*broker, *serials) {
	t.Helper()
	came := &serials{}
	config := c.server.Server(t, c.clients)
	config.VerifyConnection = came.note
	own := c.clients.Issue(t, testcerts.Leaf{Name: "admin"})
	security := kafkaauth.Security{TLS: kafkaauth.TLS{Enabled: true, CA: c.cluster.PEM, Certificate: own.Certificate, Key: own.Key}}
	b := startSecured(t, topics, security, kfake.ListenFn(func(network, address string) (net.Listener, error) {
		return tls.Listen(network, address, config)
	}))
	return b, came
}

// serials are the serial numbers of client certificates that were shown.
type serials struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (s *serials) note(state tls.ConnectionState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[state.PeerCertificates[0].SerialNumber.String()] = true
	return nil
}

func (s *serials) have(t *testing.T, p testcerts.Pair) bool {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[p.TLS(t).Leaf.SerialNumber.String()]
}

// secret makes or changes a Secret.
func secret(t *testing.T, ns, name string, data map[string]string) {
	t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	if err := kube.Get(context.Background(), client.ObjectKeyFromObject(s), s); err == nil {
		s.Data, s.StringData = nil, data
		if err := kube.Update(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		return
	}
	s.StringData = data
	create(t, s)
}

func removeSecret(t *testing.T, ns, name string) {
	t.Helper()
	if err := kube.Delete(context.Background(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}); err != nil {
		t.Fatal(err)
	}
}

// scramSpec is TLS with the cluster's CA from a Secret "ca", and SCRAM by a Secret "user".
func scramSpec() (*v1alpha1.TLSSpec, *v1alpha1.SASLSpec) {
	return &v1alpha1.TLSSpec{CA: &v1alpha1.CASource{SecretRef: &v1alpha1.CAReference{Name: "ca"}}},
		&v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLScramSHA512, Username: "billing", SecretRef: &v1alpha1.PasswordReference{Name: "user"}}
}

func withScram(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Kafka.TLS, g.Spec.Kafka.SASL = scramSpec() }

// user adds a SCRAM user, or gives it another password.
func (b *broker) user(t *testing.T, name, password string) {
	t.Helper()
	results, err := b.admin.UpsertUserScramCredentials([]sarama.AlterUserScramCredentialsUpsert{{
		Name: name, Mechanism: sarama.SCRAM_MECHANISM_SHA_512, Iterations: 4096, Salt: []byte("salt of the test"), Password: []byte(password),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.ErrorCode != sarama.ErrNoError {
			t.Fatal(r.ErrorCode, r.ErrorMessage)
		}
	}
}

// projected are the files that the worker container finds in its folder of
// credentials, as "Secret/name/key".
func projected(t *testing.T, g *v1alpha1.KafkaConsumerGroup) map[string]string {
	t.Helper()
	files := map[string]string{}
	d := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	mounted := func(volume string) bool {
		return slices.ContainsFunc(d.Spec.Template.Spec.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool {
			return m.Name == volume && m.MountPath == workerconfig.CredentialsPath && m.ReadOnly
		})
	}
	for _, v := range d.Spec.Template.Spec.Volumes {
		if v.Projected == nil || !mounted(v.Name) {
			continue
		}
		for _, s := range v.Projected.Sources {
			switch {
			case s.Secret != nil:
				note(files, "Secret/"+s.Secret.Name, s.Secret.Items)
			case s.ConfigMap != nil:
				note(files, "ConfigMap/"+s.ConfigMap.Name, s.ConfigMap.Items)
			}
		}
	}
	return files
}

func note(files map[string]string, object string, items []corev1.KeyToPath) {
	for _, item := range items {
		files[item.Path] = object + "/" + item.Key
	}
}

// refusePlain refuses a user of PLAIN with another password in the way of
// Apache Kafka, which answers; kfake by itself closes the connection.
func (b *broker) refusePlain(user, password string) {
	b.ControlKey(kmsg.SASLAuthenticate.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		request := r.(*kmsg.SASLAuthenticateRequest)
		said := strings.Split(string(request.SASLAuthBytes), "\x00")
		if len(said) != 3 || said[1] != user || said[2] == password {
			return nil, nil, false
		}
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		response.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return response, nil, true
	})
}

// TestSecretLayouts: the Secrets that Strimzi and cert-manager write work as
// they are, for the operator and, as mounted files, for the workers.
func TestSecretLayouts(t *testing.T) {
	t.Parallel()
	c := newCertificates(t)
	at := func(name string) string { return workerconfig.CredentialsPath + "/" + name }
	cases := map[string]struct {
		reason  string
		mutual  bool
		secrets map[string]map[string]string
		kafka   func(*v1alpha1.KafkaSource)
		tls     *workerconfig.TLS
		sasl    *workerconfig.SASL
		files   map[string]string
	}{
		"StrimziScram": {
			reason:  "a KafkaUser's Secret for SCRAM holds no user name; the cluster's CA is a Secret of its own",
			secrets: map[string]map[string]string{"my-cluster-cluster-ca-cert": {"ca.crt": c.cluster.PEM, "ca.password": "x"}, "billing": {"password": "s3cret", "sasl.jaas.config": "org.apache..."}},
			kafka: func(k *v1alpha1.KafkaSource) {
				k.TLS = &v1alpha1.TLSSpec{CA: &v1alpha1.CASource{SecretRef: &v1alpha1.CAReference{Name: "my-cluster-cluster-ca-cert"}}}
				k.SASL = &v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLScramSHA512, Username: "billing", SecretRef: &v1alpha1.PasswordReference{Name: "billing"}}
			},
			tls:   &workerconfig.TLS{CAFile: at("ca.crt")},
			sasl:  &workerconfig.SASL{Mechanism: "SCRAM-SHA-512", Username: "billing", PasswordFile: at("password")},
			files: map[string]string{"ca.crt": "Secret/my-cluster-cluster-ca-cert/ca.crt", "password": "Secret/billing/password"},
		},
		"StrimziTLS": {
			reason: "a KafkaUser's Secret for TLS: ca.crt is that of the clients, not of the brokers",
			mutual: true,
			secrets: map[string]map[string]string{
				"my-cluster-cluster-ca-cert": {"ca.crt": c.cluster.PEM},
				"billing":                    {"ca.crt": c.clients.PEM, "user.crt": c.client.Certificate, "user.key": c.client.Key},
			},
			kafka: func(k *v1alpha1.KafkaSource) {
				k.TLS = &v1alpha1.TLSSpec{
					CA:          &v1alpha1.CASource{SecretRef: &v1alpha1.CAReference{Name: "my-cluster-cluster-ca-cert"}},
					Certificate: &v1alpha1.ClientCertificate{SecretName: "billing"},
				}
			},
			tls: &workerconfig.TLS{CAFile: at("ca.crt"), CertificateFile: at("tls.crt"), KeyFile: at("tls.key")},
			files: map[string]string{
				"ca.crt": "Secret/my-cluster-cluster-ca-cert/ca.crt", "tls.crt": "Secret/billing/user.crt", "tls.key": "Secret/billing/user.key",
			},
		},
		"CertManager": {
			reason:  "one Secret with tls.crt, tls.key and ca.crt",
			mutual:  true,
			secrets: map[string]map[string]string{"billing-tls": {"ca.crt": c.cluster.PEM, "tls.crt": c.client.Certificate, "tls.key": c.client.Key}},
			kafka: func(k *v1alpha1.KafkaSource) {
				k.TLS = &v1alpha1.TLSSpec{
					CA:          &v1alpha1.CASource{SecretRef: &v1alpha1.CAReference{Name: "billing-tls"}},
					Certificate: &v1alpha1.ClientCertificate{SecretName: "billing-tls"},
				}
			},
			tls:   &workerconfig.TLS{CAFile: at("ca.crt"), CertificateFile: at("tls.crt"), KeyFile: at("tls.key")},
			files: map[string]string{"ca.crt": "Secret/billing-tls/ca.crt", "tls.crt": "Secret/billing-tls/tls.crt", "tls.key": "Secret/billing-tls/tls.key"},
		},
		"BasicAuth": {
			reason:  "a Secret of type kubernetes.io/basic-auth, PLAIN, the CA from a ConfigMap as trust-manager writes it",
			secrets: map[string]map[string]string{"basic": {"username": "plain", "password": "s3cret"}},
			kafka: func(k *v1alpha1.KafkaSource) {
				k.TLS = &v1alpha1.TLSSpec{CA: &v1alpha1.CASource{ConfigMapRef: &v1alpha1.CAReference{Name: "trust", Key: "bundle.pem"}}}
				k.SASL = &v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLPlain, SecretRef: &v1alpha1.PasswordReference{Name: "basic"}}
			},
			tls:   &workerconfig.TLS{CAFile: at("ca.crt")},
			sasl:  &workerconfig.SASL{Mechanism: "PLAIN", UsernameFile: at("username"), PasswordFile: at("password")},
			files: map[string]string{"ca.crt": "ConfigMap/trust/bundle.pem", "username": "Secret/basic/username", "password": "Secret/basic/password"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			kafka := startLayout(t, c, tc.mutual)
			for name, data := range tc.secrets {
				secret(t, ns, name, data)
			}
			create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "trust"}, Data: map[string]string{"bundle.pem": c.cluster.PEM}})
			startManager(t, managerOptions{}, ns)
			g := group(ns, "billing", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) { tc.kafka(&g.Spec.Kafka) })
			kafka.produce(t, "orders", 25)
			create(t, g)
			wantReplicas(t, g, 3)
			wantCondition(t, g, v1alpha1.ConditionConnectionResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved)
			file := workerFile(t, g)
			if diff := cmp.Diff(tc.tls, file.TLS); diff != "" {
				t.Errorf("%s: tls, -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.sasl, file.SASL); diff != "" {
				t.Errorf("%s: sasl, -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.files, projected(t, g)); diff != "" {
				t.Errorf("%s: files, -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func startLayout(t *testing.T, c certificates, mutual bool) *broker {
	t.Helper()
	topics := map[string]int32{"orders": 12}
	if mutual {
		b, _ := startMutual(t, c, topics)
		return b
	}
	return startScram(t, c, topics, kfake.Superuser("SCRAM-SHA-512", "billing", "s3cret"), kfake.Superuser("PLAIN", "plain", "s3cret"))
}

// TestPasswordRotated: a changed password is in use soon, and the workers are
// left alone: neither their template nor their configuration changes.
func TestPasswordRotated(t *testing.T) {
	t.Parallel()
	ns, c := namespace(t), newCertificates(t)
	kafka := startScram(t, c, map[string]int32{"orders": 12}, kfake.Superuser("SCRAM-SHA-512", "billing", "old"))
	secret(t, ns, "ca", map[string]string{"ca.crt": c.cluster.PEM})
	secret(t, ns, "user", map[string]string{"password": "old"})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "rotated", kafka.address(), withScram)
	kafka.produce(t, "orders", 25)
	create(t, g)
	wantReplicas(t, g, 3)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	before, lowest := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil }), lowestReplicas(t, g)
	configMaps, err := configMapsOf(g)
	if err != nil {
		t.Fatal(err)
	}

	for _, password := range []string{"new", "newer"} {
		kafka.user(t, "billing", password)
		logins := kafka.count(kmsg.SASLAuthenticate, func(kmsg.Request) bool { return true })
		secret(t, ns, "user", map[string]string{"password": password})
		wantReload(t, g)
		eventually(t, func() error {
			if logins.Load() == 0 {
				return fmt.Errorf("nobody has logged in since the password was changed")
			}
			return nil
		})
		kafka.cycles(t, 3) // by the new client, since the old one is gone
		wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
	}
	after := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	if before.Generation != after.Generation || lowest() != 3 {
		t.Errorf("generation %d, was %d, fewest replicas %d: the workers were touched", after.Generation, before.Generation, lowest())
	}
	now, err := configMapsOf(g)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(configMaps, now); diff != "" {
		t.Errorf("the configuration changed:\n%s", diff)
	}
}

// wantReload waits until one more reload is told, by the condition and in an
// event of its own.
func wantReload(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	reloaded := wantCondition(t, g, v1alpha1.ConditionConnectionResolved, metav1.ConditionTrue, v1alpha1.ReasonCredentialsReloaded)
	if lacks := mentions(reloaded.Message, `Secret "user"`, "read anew at 20"); lacks != nil {
		t.Error(lacks)
	}
	wantEvent(t, g, corev1.EventTypeNormal, v1alpha1.ReasonCredentialsReloaded, reloaded.Message)
}

// TestCertificateRotated: a changed client certificate is shown to the brokers soon.
func TestCertificateRotated(t *testing.T) {
	t.Parallel()
	ns, c := namespace(t), newCertificates(t)
	kafka, came := startMutual(t, c, map[string]int32{"orders": 12})
	tlsOf := func(p testcerts.Pair) map[string]string {
		return map[string]string{"ca.crt": c.cluster.PEM, "tls.crt": p.Certificate, "tls.key": p.Key}
	}
	secret(t, ns, "tls", tlsOf(c.client))
	startManager(t, managerOptions{}, ns)
	g := group(ns, "rotated", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Kafka.TLS = &v1alpha1.TLSSpec{
			CA:          &v1alpha1.CASource{SecretRef: &v1alpha1.CAReference{Name: "tls"}},
			Certificate: &v1alpha1.ClientCertificate{SecretName: "tls"},
		}
	})
	kafka.produce(t, "orders", 25)
	create(t, g)
	wantReplicas(t, g, 3)
	wantLag(t, g, 300)
	if !came.have(t, c.client) {
		t.Error("the broker has not seen the client's certificate")
	}
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	next := c.clients.Issue(t, testcerts.Leaf{Name: "billing"})
	secret(t, ns, "tls", tlsOf(next))
	eventually(t, func() error {
		if !came.have(t, next) {
			return fmt.Errorf("the broker has not seen the new certificate")
		}
		return nil
	})
	wantCondition(t, g, v1alpha1.ConditionConnectionResolved, metav1.ConditionTrue, v1alpha1.ReasonCredentialsReloaded)
	kafka.commit(t, "rotated", "orders", 25)
	wantReplicas(t, g, 1)
	after := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	if diff := cmp.Diff(before.Spec.Template, after.Spec.Template); diff != "" {
		t.Errorf("the template changed:\n%s", diff)
	}
}
