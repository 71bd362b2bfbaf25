package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/testcerts"
)

// TestWrongCredentials: what is wrong is named by Secret and key and never by
// its content; the last good lag stays, the workers run on, and all is well once
// it is mended.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	c := newCertificates(t)
	good := map[string]map[string]string{"ca": {"ca.crt": c.cluster.PEM}, "user": {"password": "s3cret-of-billing"}}
	cases := map[string]struct {
		reason string
		change string
		to     map[string]string
		why    string
		words  []string
	}{
		"Password": {"the broker refuses it", "user", map[string]string{"password": "not-the-word"},
			v1alpha1.ReasonAuthenticationFailed, []string{"refused", `Secret "user", key "password"; sasl.username "billing"`}},
		"OtherCA": {"the brokers' certificate is of another authority", "ca", map[string]string{"ca.crt": testcerts.NewCA(t, "other").PEM},
			v1alpha1.ReasonAuthenticationFailed, []string{"not trusted", `Secret "ca", key "ca.crt"`}},
		"NoCertificate": {"not PEM", "ca", map[string]string{"ca.crt": "not-the-word"},
			v1alpha1.ReasonInvalidCredentials, []string{"tls.ca", `Secret "ca", key "ca.crt"`}},
		"LineBreak": {"the usual accident with echo", "user", map[string]string{"password": "s3cret-of-billing\n"},
			v1alpha1.ReasonInvalidCredentials, []string{"line break", `Secret "user", key "password"`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			kafka := startScram(t, c, map[string]int32{"orders": 12}, kfake.Superuser("PLAIN", "billing", "s3cret-of-billing"))
			kafka.refusePlain("billing", "s3cret-of-billing")
			for name, data := range good {
				secret(t, ns, name, data)
			}
			startManager(t, managerOptions{}, ns)
			g := group(ns, "wrong", kafka.address(), withScram, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Kafka.SASL.Mechanism = v1alpha1.SASLPlain })
			kafka.produce(t, "orders", 25)
			create(t, g)
			wantReplicas(t, g, 3)
			wantLag(t, g, 300)

			secret(t, ns, tc.change, tc.to)
			failed := wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionFalse, tc.why)
			if lacks := mentions(failed.Message, tc.words...); lacks != nil {
				t.Errorf("%s: %v", tc.reason, lacks)
			}
			wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, tc.why)
			wantLag(t, g, 300)
			wantReplicas(t, g, 3)

			secret(t, ns, tc.change, good[tc.change])
			wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionTrue, v1alpha1.ReasonBrokersAnswer)
			kafka.commit(t, "wrong", "orders", 25)
			wantReplicas(t, g, 1)
			noSecrets(t, g, "not-the-word", "s3cret-of-billing")
		})
	}
}

// noSecrets checks that none of the words is in the group's status, its events
// or its configuration.
func noSecrets(t *testing.T, g *v1alpha1.KafkaConsumerGroup, words ...string) {
	t.Helper()
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", now.Status)
	var events eventsv1.EventList
	if err := kube.List(context.Background(), &events, client.InNamespace(g.Namespace)); err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Items {
		text += e.Note
	}
	configMaps, err := configMapsOf(g)
	if err != nil {
		t.Fatal(err)
	}
	text += fmt.Sprint(configMaps)
	for _, w := range words {
		if strings.Contains(text, w) {
			t.Errorf("%q was written down", w)
		}
	}
}

// TestSecretGone: a Secret that disappears takes nothing with it. It is named,
// and the connection goes on; when it is back that is told too.
func TestSecretGone(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		change func(t *testing.T, ns string)
		words  string
	}{
		"Secret": {"it is deleted", func(t *testing.T, ns string) { removeSecret(t, ns, "user") }, `Secret "user" does not exist`},
		"Key": {"it has lost the key", func(t *testing.T, ns string) { secret(t, ns, "user", map[string]string{"pass": "x"}) },
			`Secret "user" has no key "password" with content`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, c := namespace(t), newCertificates(t)
			kafka := startScram(t, c, map[string]int32{"orders": 12}, kfake.Superuser("SCRAM-SHA-512", "billing", "s3cret"))
			secret(t, ns, "ca", map[string]string{"ca.crt": c.cluster.PEM})
			secret(t, ns, "user", map[string]string{"password": "s3cret"})
			stop := startManager(t, managerOptions{}, ns)
			g := group(ns, "gone", kafka.address(), withScram)
			create(t, g)
			wantReplicas(t, g, 1)
			wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)

			tc.change(t, ns)
			missing := wantCondition(t, g, v1alpha1.ConditionConnectionResolved, metav1.ConditionFalse, v1alpha1.ReasonCredentialsMissing)
			if lacks := mentions(missing.Message, tc.words, "goes on"); lacks != nil {
				t.Errorf("%s: %v", tc.reason, lacks)
			}
			wantEvent(t, g, corev1.EventTypeWarning, v1alpha1.ReasonCredentialsMissing, tc.words)
			kafka.produce(t, "orders", 25)
			wantReplicas(t, g, 3) // it still follows
			wantLag(t, g, 300)
			wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionTrue, v1alpha1.ReasonBrokersAnswer)

			stop()
			startManager(t, managerOptions{}, ns) // one that has never read the Secret
			wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionFalse, v1alpha1.ReasonCredentialsMissing)
			wantReplicas(t, g, 3)
			wantLag(t, g, 300)

			secret(t, ns, "user", map[string]string{"password": "s3cret"})
			wantCondition(t, g, v1alpha1.ConditionConnectionResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved)
			kafka.commit(t, "gone", "orders", 25)
			wantReplicas(t, g, 1)
		})
	}
}

// TestSecretComesLater: a group that is there before its Secret has no workers
// until it comes, says why and that someone must act, and goes on by itself then.
func TestSecretComesLater(t *testing.T) {
	t.Parallel()
	ns, c := namespace(t), newCertificates(t)
	kafka := startScram(t, c, map[string]int32{"orders": 12}, kfake.Superuser("SCRAM-SHA-512", "billing", "s3cret"))
	startManager(t, managerOptions{}, ns)
	g := group(ns, "early", kafka.address(), withScram)
	create(t, g)
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionKafkaReachable, v1alpha1.ConditionConnectionResolved} {
		missing := wantCondition(t, g, kind, metav1.ConditionFalse, v1alpha1.ReasonCredentialsMissing)
		if lacks := mentions(missing.Message, `Secret "ca" does not exist`); lacks != nil {
			t.Errorf("%s: %v", kind, lacks)
		}
	}
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonCredentialsMissing)
	wantKstatus(t, g, status.FailedStatus)
	wantNoDeployment(t, g)
	secret(t, ns, "ca", map[string]string{"ca.crt": c.cluster.PEM})
	secret(t, ns, "user", map[string]string{"password": "s3cret"})
	wantReplicas(t, g, 1)
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
	wantKstatus(t, g, status.InProgressStatus)
}

// TestAmbientCredentials: the manager's own identity is nobody's without the installer's word.
func TestAmbientCredentials(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startManager(t, managerOptions{}, ns)
	g := group(ns, "ambient", "127.0.0.1:1", func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Kafka.TLS = &v1alpha1.TLSSpec{}
		g.Spec.Kafka.SASL = &v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLAWSMSKIAM, AWS: &v1alpha1.AWSSpec{Region: "eu-central-1"}}
	})
	create(t, g)
	refused := wantCondition(t, g, v1alpha1.ConditionConnectionResolved, metav1.ConditionFalse, v1alpha1.ReasonAmbientNotAllowed)
	if lacks := mentions(refused.Message, "--allow-ambient-credentials", "sasl.aws.secretRef"); lacks != nil {
		t.Error(lacks)
	}
	wantNoDeployment(t, g)
}

// TestAccessDenied: a missing right is named with its topic or group, and the
// number of workers is held.
func TestAccessDenied(t *testing.T) {
	t.Parallel()
	topics := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "*", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationRead, Allow: true}
	groups := kfake.ACL{Resource: kmsg.ACLResourceTypeGroup, Name: "*", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationRead, Allow: true}
	cases := map[string]struct {
		reason string
		acl    kfake.ACL
		words  string
	}{
		"Topic": {"no right to the topic", groups, `"orders"`},
		"Group": {"no right to the group", topics, `"denied"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, c := namespace(t), newCertificates(t)
			kafka := startScram(t, c, map[string]int32{"orders": 12}, kfake.EnableACLs(), kfake.User("SCRAM-SHA-512", "billing", "s3cret", tc.acl))
			kafka.produce(t, "orders", 25)
			secret(t, ns, "ca", map[string]string{"ca.crt": c.cluster.PEM})
			secret(t, ns, "user", map[string]string{"password": "s3cret"})
			startManager(t, managerOptions{}, ns)
			g := group(ns, "denied", kafka.address(), withScram)
			create(t, g)
			denied := wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonUnauthorized)
			if lacks := mentions(denied.Message, tc.words); lacks != nil {
				t.Errorf("%s: %v", tc.reason, lacks)
			}
			wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionTrue, v1alpha1.ReasonBrokersAnswer)
			wantReplicas(t, g, 1)
		})
	}
}
