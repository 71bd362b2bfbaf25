package integration

import (
	"context"
	"maps"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// scram, oauth and aws are complete; the cases take something away or add to it.
func scram(more fields) fields {
	return with(fields{"mechanism": "SCRAM-SHA-512", "secretRef": fields{"name": "user"}}, more)
}

func oauth(more fields) fields {
	return fields{"mechanism": "OAUTHBEARER", "oauth": with(fields{"tokenEndpoint": "https://login.example/token", "secretRef": fields{"name": "client"}}, more)}
}

func aws(more fields) fields {
	return fields{"mechanism": "AWS_MSK_IAM", "aws": with(fields{"region": "eu-central-1"}, more)}
}

// with is the base with more; nil removes.
func with(base, more fields) fields {
	maps.Copy(base, more)
	maps.DeleteFunc(base, func(_ string, value any) bool { return value == nil })
	return base
}

// TestAdmissionConnectionRejects: what no client could use is refused, inline and
// in a KafkaConnection alike.
func TestAdmissionConnectionRejects(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	cases := map[string]struct {
		reason string
		fields fields // below spec.kafka, or the spec of a KafkaConnection
		words  []string
	}{
		"CABoth": {"which of the two?", fields{"tls": fields{"ca": fields{"secretRef": fields{"name": "a"}, "configMapRef": fields{"name": "b"}}}},
			[]string{"tls.ca", "one of secretRef and configMapRef"}},
		"CANeither":   {"nothing is named", fields{"tls": fields{"ca": fields{}}}, []string{"tls.ca", "one of secretRef and configMapRef"}},
		"CAName":      {"no name of an object", fields{"tls": fields{"ca": fields{"secretRef": fields{"name": "A b"}}}}, []string{"tls.ca.secretRef.name", "match"}},
		"HalfAKey":    {"a certificate goes with its key", fields{"tls": fields{"certificate": fields{"secretName": "a", "certificateKey": "b"}}}, []string{"tls.certificate", "go together"}},
		"Mechanism":   {"a habit from other tools", fields{"sasl": scram(fields{"mechanism": "scram_sha512"})}, []string{"sasl.mechanism", `"SCRAM-SHA-512"`}},
		"NoPassword":  {"nothing to prove it with", fields{"sasl": fields{"mechanism": "PLAIN", "username": "me"}}, []string{"sasl.secretRef", "the Secret that holds the password"}},
		"UserTwice":   {"which of the two?", fields{"sasl": scram(fields{"username": "me", "secretRef": fields{"name": "user", "usernameKey": "user"}})}, []string{"sasl.username", "not by both"}},
		"NoOAuth":     {"no endpoint", fields{"sasl": fields{"mechanism": "OAUTHBEARER"}}, []string{"sasl.oauth", "needs it"}},
		"StrayOAuth":  {"would be ignored", fields{"sasl": scram(oauth(nil)), "tls": fields{}}, []string{"secretRef", "oauth and aws name a Secret of their own"}},
		"OAuthScram":  {"would be ignored", fields{"sasl": scram(fields{"oauth": oauth(nil)["oauth"]})}, []string{"sasl.oauth", "OAUTHBEARER"}},
		"Endpoint":    {"the secret would go in the clear", fields{"sasl": oauth(fields{"tokenEndpoint": "http://login.example/token"})}, []string{"sasl.oauth.tokenEndpoint", "match"}},
		"ClientTwice": {"which of the two?", fields{"sasl": oauth(fields{"clientID": "me", "secretRef": fields{"name": "client", "clientIDKey": "id"}})}, []string{"sasl.oauth.clientID", "not by both"}},
		"NoClient":    {"nothing to prove it with", fields{"sasl": oauth(fields{"secretRef": nil})}, []string{"sasl.oauth.secretRef", "Required"}},
		"NoAWS":       {"no region", fields{"sasl": fields{"mechanism": "AWS_MSK_IAM"}, "tls": fields{}}, []string{"sasl.aws", "needs it"}},
		"AWSPlain":    {"MSK signs over TLS only", fields{"sasl": aws(nil)}, []string{"tls", "only spoken over TLS"}},
		"Role":        {"no role", fields{"tls": fields{}, "sasl": aws(fields{"roleARN": "admin"})}, []string{"sasl.aws.roleARN", "match"}},
		"Version":     {"older than what is supported", fields{"version": "2.8.0"}, []string{"version", "3.0.0 or newer"}},
		"ClusterID":   {"not set is not empty", fields{"clusterID": ""}, []string{"clusterID", "at least 1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inline := fields{}
			for field, value := range tc.fields {
				inline["spec.kafka."+field] = value
			}
			refused(t, tc.reason, manifest(t, ns, inline), append(tc.words, "spec.kafka"))
			refused(t, tc.reason, connectionManifest(ns, with(fields{"bootstrapServers": list("kafka.example:9092")}, tc.fields)), tc.words)
		})
	}
}

func refused(t *testing.T, reason string, u *unstructured.Unstructured, words []string) {
	t.Helper()
	err := kube.Create(context.Background(), u, client.DryRunAll)
	if err == nil {
		t.Fatalf("%s: the %s was accepted", reason, u.GetKind())
	}
	if lacks := mentions(err.Error(), words...); lacks != nil {
		t.Errorf("%s: %s: %v", reason, u.GetKind(), lacks)
	}
}

func connectionManifest(ns string, spec fields) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: fields{"spec": spec}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("KafkaConnection"))
	u.SetNamespace(ns)
	u.SetName("admitted")
	return u
}

// TestAdmissionOneOf: a connection is said once, and topics in one way.
func TestAdmissionOneOf(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	binding, ref := fields{"secretName": "binding"}, fields{"name": "main"}
	servers := list("kafka.example:9092")
	cases := map[string]struct {
		reason string
		object *unstructured.Unstructured
		words  []string // none: it is accepted
	}{
		"Ref":           {"by name alone", manifest(t, ns, fields{"spec.kafka": fields{"connectionRef": ref}}), nil},
		"RefAndServers": {"which of the two?", manifest(t, ns, fields{"spec.kafka.connectionRef": ref}), []string{"spec.kafka", "bootstrapServers, or connectionRef, and not both"}},
		"RefAndTLS":     {"would be ignored", manifest(t, ns, fields{"spec.kafka": fields{"connectionRef": ref, "tls": fields{}}}), []string{"spec.kafka.connectionRef", "remove version, clusterID, tls and sasl"}},
		"RefAndPin":     {"would be ignored", manifest(t, ns, fields{"spec.kafka": fields{"connectionRef": ref, "clusterID": "x"}}), []string{"spec.kafka.connectionRef", "remove version, clusterID, tls and sasl"}},
		"Neither":       {"no way in", manifest(t, ns, fields{"spec.kafka": fields{}}), []string{"spec.kafka", "bootstrapServers, or connectionRef"}},

		"Binding":           {"with what no binding says", connectionManifest(ns, fields{"serviceBinding": binding, "version": "3.6.0", "clusterID": "x"}), nil},
		"BindingAndServers": {"which of the two?", connectionManifest(ns, fields{"serviceBinding": binding, "bootstrapServers": servers}), []string{"spec", "bootstrapServers, or serviceBinding, and not both"}},
		"BindingAndSASL":    {"which of the two?", connectionManifest(ns, fields{"serviceBinding": binding, "sasl": scram(nil)}), []string{"spec.serviceBinding", "remove tls and sasl"}},
		"Nothing":           {"no way in", connectionManifest(ns, fields{}), []string{"spec", "bootstrapServers, or serviceBinding"}},

		"Pattern":        {"in place of topics", manifest(t, ns, fields{"spec.topics": nil, "spec.topicPattern": "orders-(eu|us)-[0-9]+"}), nil},
		"PatternLongest": {"as long as a topic's name", manifest(t, ns, fields{"spec.topics": nil, "spec.topicPattern": strings.Repeat("a", 249)}), nil},
		"PatternAndList": {"which of the two?", manifest(t, ns, fields{"spec.topicPattern": "orders"}), []string{"spec.topics", "by topics or by topicPattern: by one of the two"}},
		"NoTopics":       {"nothing to consume", manifest(t, ns, fields{"spec.topics": nil}), []string{"spec.topics", "by topics or by topicPattern: by one of the two"}},
		"PatternBroken":  {"no expression", manifest(t, ns, fields{"spec.topics": nil, "spec.topicPattern": "orders-("}), []string{"spec.topicPattern", "missing closing )", "regular expression (RE2)"}},
		"PatternAhead":   {"RE2 has no look-ahead", manifest(t, ns, fields{"spec.topics": nil, "spec.topicPattern": "(?!_).*"}), []string{"spec.topicPattern", "regular expression (RE2)"}},
		"PatternLong":    {"no topic's name is that long", manifest(t, ns, fields{"spec.topics": nil, "spec.topicPattern": strings.Repeat("a", 250)}), []string{"spec.topicPattern", "249"}},
		"PatternEmpty":   {"not set is not empty", manifest(t, ns, fields{"spec.topics": nil, "spec.topicPattern": ""}), []string{"spec.topicPattern", "at least 1"}},
		"Isolation":      {"Java's constant", manifest(t, ns, fields{"spec.consumer.isolationLevel": "READ_COMMITTED"}), []string{"spec.consumer.isolationLevel", `"read_uncommitted", "read_committed"`}},

		"OAuth":     {"complete", manifest(t, ns, fields{"spec.kafka.sasl": oauth(fields{"scopes": list("kafka", "https://example/.default")}), "spec.kafka.tls": fields{}}), nil},
		"AWS":       {"complete", manifest(t, ns, fields{"spec.kafka.sasl": aws(fields{"roleARN": "arn:aws:iam::123456789012:role/kafka"}), "spec.kafka.tls": fields{}}), nil},
		"ScramOpen": {"a listener without TLS", manifest(t, ns, fields{"spec.kafka.sasl": scram(fields{"username": "me"})}), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.words != nil {
				refused(t, tc.reason, tc.object, tc.words)
			} else if err := kube.Create(context.Background(), tc.object, client.DryRunAll); err != nil {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
}
