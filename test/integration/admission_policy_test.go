package integration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// policyManifest is a KafkaProducerPolicy as a user writes it, for all clients.
func policyManifest(ns, name string, spec fields) *unstructured.Unstructured {
	content := fields{
		"kafka": fields{"bootstrapServers": list("kafka:9092")}, "topics": list("orders"), "clients": list("sarama", "java", "librdkafka"),
	}
	maps.Copy(content, runtime.DeepCopyJSON(spec))
	maps.DeleteFunc(content, func(_ string, value any) bool { return value == nil })
	u := &unstructured.Unstructured{Object: fields{"spec": content}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("KafkaProducerPolicy"))
	u.SetNamespace(ns)
	u.SetName(name)
	return u
}

func readPolicy(t *testing.T, u *unstructured.Unstructured) v1alpha1.KafkaProducerPolicy {
	t.Helper()
	var policy v1alpha1.KafkaProducerPolicy
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &policy); err != nil {
		t.Fatalf("accepted, and can't be read: %v", err)
	}
	return policy
}

// TestAdmissionOfPolicy: what no client takes is refused with the field and what to do.
func TestAdmissionOfPolicy(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	txn := fields{"id": "orders-$(POD_NAME)"}
	cases := map[string]struct {
		reason string
		spec   fields
		words  []string // of the error; nil: it is accepted
	}{
		"All": {"a whole spec", fields{
			"durability": "AtLeastOnce", "acks": "all", "idempotence": true, "stopOnError": true, "retryBudget": "3m", "deliveryTimeout": "4m",
			"requestTimeout": "8s", "responseTimeout": "12s", "maxInFlight": int64(1), "partitioner": "crc32", "compression": "zstd", "compressionLevel": int64(3),
			"batch":           fields{"linger": "5ms", "messages": int64(100), "bytes": int64(65536)},
			"maxMessageBytes": int64(900_000), "transaction": fields{"id": "orders-$(POD_NAME)", "timeout": "40s"}, "requireKey": true,
			"selector": fields{"matchLabels": fields{"app": "shop"}}, "enforcement": "Deny",
		}, nil},
		"NoTopics":       {"of what?", fields{"topics": nil}, []string{"spec.topics", "by one of the two"}},
		"BothTopics":     {"of which?", fields{"topicPattern": "orders-.*"}, []string{"spec.topics", "by one of the two"}},
		"Pattern":        {"instead", fields{"topics": nil, "topicPattern": "orders-.*"}, nil},
		"PatternBroken":  {"no expression", fields{"topics": nil, "topicPattern": "("}, []string{"spec.topicPattern", "RE2"}},
		"Durability":     {"a typo", fields{"durability": "lossless"}, []string{"spec.durability", `"Lossless", "AtLeastOnce", "BestEffort"`}},
		"Acks":           {"Kafka's word", fields{"acks": "-1"}, []string{"spec.acks", `"all", "leader", "none"`}},
		"AcksLeader":     {"over the class", fields{"acks": "leader"}, nil},
		"AcksIdempotent": {"both are said", fields{"acks": "leader", "idempotence": true}, []string{"spec.idempotence", "needs acks: all", "no client starts"}},
		"BestIdempotent": {"the class has acks: leader", fields{"durability": "BestEffort", "idempotence": true}, []string{"spec.idempotence", "but with durability BestEffort"}},
		"InFlight":       {"the brokers remember five", fields{"maxInFlight": int64(6)}, []string{"spec.maxInFlight", "not be above 5"}},
		"InFlightFive":   {"for java and librdkafka", fields{"maxInFlight": int64(5)}, nil},
		"InFlightOften":  {"without idempotence", fields{"durability": "AtLeastOnce", "maxInFlight": int64(100)}, nil},
		"InFlightNone":   {"no request at all", fields{"maxInFlight": int64(0)}, []string{"spec.maxInFlight", "greater than or equal to 1"}},
		"Transaction":    {"as the class allows", fields{"transaction": txn}, nil},
		"TxnAtLeastOnce": {"the class has no idempotence", fields{"durability": "AtLeastOnce", "transaction": txn}, []string{"spec.transaction", "needs idempotence"}},
		"TxnWithout":     {"both are said", fields{"idempotence": false, "transaction": txn}, []string{"spec.transaction", "needs idempotence"}},
		"TxnVariable":    {"no other variable is known", fields{"transaction": fields{"id": "a-$(NODE)"}}, []string{"spec.transaction.id", "POD_NAME"}},
		"Gzip":           {"has nine", fields{"compression": "gzip", "compressionLevel": int64(10)}, []string{"spec.compressionLevel", "at most 9"}},
		"BudgetNumber":   {"no unit", fields{"retryBudget": "120"}, []string{"spec.retryBudget", "such as 500ms"}},
		"Size":           {"smaller than librdkafka takes", fields{"maxMessageBytes": int64(999)}, []string{"spec.maxMessageBytes", "1000"}},
		"Client":         {"its family is meant", fields{"clients": list("confluent-kafka")}, []string{"spec.clients[0]", `"sarama", "java", "librdkafka"`}},
		"NoClient":       {"for whom?", fields{"clients": list()}, []string{"spec.clients", "at least 1"}},
		"Enforcement":    {"a typo", fields{"enforcement": "Block"}, []string{"spec.enforcement", `"Warn", "Deny"`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := policyManifest(ns, strings.ToLower(name), tc.spec)
			wantAdmission(t, tc.reason, kube.Create(context.Background(), u, client.DryRunAll), tc.words)
			if tc.words == nil {
				readPolicy(t, u)
			}
		})
	}
}

// TestDefaultsOfPolicy: the least that a user can write becomes a complete object.
func TestDefaultsOfPolicy(t *testing.T) {
	t.Parallel()
	u := policyManifest(namespace(t), "least", fields{"clients": nil})
	create(t, u)
	spec := readPolicy(t, u).Spec
	if spec.Durability != v1alpha1.Lossless || spec.Enforcement != v1alpha1.EnforcementWarn || !slices.Equal(spec.Clients, []v1alpha1.ProducerClient{v1alpha1.ClientSarama}) {
		t.Errorf("durability %q, enforcement %q, clients %q", spec.Durability, spec.Enforcement, spec.Clients)
	}
	if diff := cmp.Diff(v1alpha1.ProducerSettings{}, spec.ProducerSettings); diff != "" {
		t.Errorf("what the class sets is written into the spec, where it would stay when the class changes: %s", diff)
	}
}

// TestAdmissionAgreesWithRules: the API server refuses exactly those settings
// that one rule finds no client to take.
func TestAdmissionAgreesWithRules(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	refused := 0
	specs := append(guarantees(), levels()...)
	for i, spec := range specs {
		u := policyManifest(ns, fmt.Sprintf("try-%d", i), spec)
		policy := readPolicy(t, u)
		err := kube.Create(context.Background(), u, client.DryRunAll)
		rule := refusingAll(policy.Spec)
		if (err != nil) != (rule != "") {
			t.Errorf("%v:\nthe API server: %v\nthe rule: %q", spec, err, rule)
		}
		if err != nil {
			refused++
		}
	}
	if refused == 0 || refused == len(specs) {
		t.Errorf("%d of %d are refused: nothing was compared", refused, len(specs))
	}
}

// refusingAll is the rule with which no client takes the settings.
func refusingAll(spec v1alpha1.KafkaProducerPolicySpec) string {
	for _, rule := range producerpolicy.Rules {
		clients := 0
		for _, f := range rule.Check(producerpolicy.Facts{Spec: spec}) {
			if f.Severity == v1alpha1.SeverityError {
				clients++
			}
		}
		if rule.Refuses && clients == len(spec.Clients) {
			return rule.ID
		}
	}
	return ""
}

// guarantees are all combinations of what clients check against each other.
func guarantees() []fields {
	var all []fields
	for _, durability := range []any{nil, "Lossless", "AtLeastOnce", "BestEffort"} {
		for _, acks := range []any{nil, "all", "leader", "none"} {
			for _, idempotence := range []any{nil, true, false} {
				for _, inFlight := range []any{nil, int64(5), int64(6)} {
					for _, transaction := range []any{nil, fields{"id": "a-$(POD_NAME)"}} {
						all = append(all, fields{
							"durability": durability, "acks": acks, "idempotence": idempotence, "maxInFlight": inFlight, "transaction": transaction})
					}
				}
			}
		}
	}
	return all
}

// levels are all codecs with the highest levels of each, and one more.
func levels() []fields {
	var all []fields
	for _, codec := range []any{nil, "none", "gzip", "snappy", "lz4", "zstd"} {
		for _, level := range []any{nil, int64(9), int64(10), int64(12), int64(13), int64(17), int64(18), int64(22)} {
			all = append(all, fields{"compression": codec, "compressionLevel": level})
		}
	}
	return all
}

// TestStatusOfPolicy: the API server takes all that is decided of a policy.
func TestStatusOfPolicy(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for name, spec := range map[string]fields{
		"least":   {},
		"longest": {"retryBudget": "24h", "requestTimeout": "24h", "batch": fields{"linger": "24h"}, "transaction": fields{"id": "a"}},
		"hidden":  {"durability": "BestEffort", "acks": "none", "maxInFlight": int64(1_000_000)},
	} {
		u := policyManifest(ns, name, spec)
		create(t, u)
		policy := readPolicy(t, u)
		facts := producerpolicy.Facts{Spec: policy.Spec, Topics: []kafka.TopicConfig{{Name: "orders", State: kafka.TopicExists}}}
		settings := producerpolicy.Resolve(policy.Spec)
		status := v1alpha1.KafkaProducerPolicyStatus{Effective: &settings, TopicCount: 1, Topics: []v1alpha1.ProducerTopic{{Name: "orders", Partitions: 12}}}
		findings, counts := producerpolicy.Summarise(producerpolicy.Check(facts))
		status.Findings, status.FindingCounts = findings, &counts
		status.InForce = &v1alpha1.ProducerInForce{Generation: policy.Generation, Settings: settings}
		for _, file := range producerpolicy.Render(ns+"/"+name, policy.Spec) {
			status.InForce.Files = append(status.InForce.Files, v1alpha1.ProducerFile{Client: file.Client, Name: file.Name, Hash: file.Hash})
		}
		verdict := producerpolicy.Judge(policy.Spec.Enforcement, status.Findings, nil)
		status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: verdict.Reason, Message: verdict.Message, LastTransitionTime: metav1.Now()}}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
		if err != nil {
			t.Fatal(err)
		}
		u.Object["status"] = content
		if err := kube.Status().Update(context.Background(), u); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(status.Effective, readPolicy(t, u).Status.Effective); diff != "" {
			t.Errorf("%s: stored otherwise: %s", name, diff)
		}
	}
}
