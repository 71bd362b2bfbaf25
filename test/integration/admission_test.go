package integration

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// manifest is a group as a user writes it, with the fields set to the values.
// A nil value removes the field.
func manifest(t *testing.T, ns string, fields map[string]any) *unstructured.Unstructured {
	t.Helper()
	g := group(ns, "admitted", "kafka.example:9092")
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(g)
	if err != nil {
		t.Fatal(err)
	}
	delete(content, "status")
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("KafkaConsumerGroup"))
	for path, value := range fields {
		at := strings.Split(path, ".")
		if value == nil {
			unstructured.RemoveNestedField(content, at...)
			continue
		}
		if err := unstructured.SetNestedField(content, value, at...); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// fields are values by dotted path.
type fields = map[string]any

// list is never nil, which would be no list at all.
func list(values ...any) []any { return append([]any{}, values...) }

func containers(names ...string) []any {
	var all []any
	for _, name := range names {
		all = append(all, fields{"name": name, "image": "registry.example/worker:1"})
	}
	return all
}

// TestAdmissionRejects: what can't work is refused with the field and what to do.
func TestAdmissionRejects(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	cases := map[string]struct {
		reason string
		fields fields
		words  []string
	}{
		"NoTopics": {"nothing to consume", fields{"spec.topics": list()}, []string{"spec.topics", "at least 1"}},
		"TopicTwice": {"lag would count twice", fields{"spec.topics": list("orders", "orders")},
			[]string{"spec.topics[1]", "Duplicate"}},
		"TopicDot":       {"Kafka reserves it", fields{"spec.topics": list(".")}, []string{"spec.topics[0]", "can't be named"}},
		"TopicDotDot":    {"Kafka reserves it", fields{"spec.topics": list("..")}, []string{"spec.topics[0]", "can't be named"}},
		"TopicSlash":     {"no Kafka topic has one", fields{"spec.topics": list("a/b")}, []string{"spec.topics[0]", "[a-zA-Z0-9._-]"}},
		"TopicEmpty":     {"no name at all", fields{"spec.topics": list("")}, []string{"spec.topics[0]", "at least 1"}},
		"TopicLong":      {"Kafka's limit is 249", fields{"spec.topics": list(strings.Repeat("a", 250))}, []string{"spec.topics[0]", "249"}},
		"GroupIDEmpty":   {"required", fields{"spec.groupID": ""}, []string{"spec.groupID", "at least 1"}},
		"GroupIDMissing": {"required", fields{"spec.groupID": nil}, []string{"spec.groupID", "Required"}},
		"GroupIDSpace":   {"white space at the end is never meant", fields{"spec.groupID": "billing "}, []string{"spec.groupID", "match"}},
		"GroupIDControl": {"not printable", fields{"spec.groupID": "bil\tling"}, []string{"spec.groupID", "match"}},
		"GroupIDUnicode": {"not ASCII", fields{"spec.groupID": "bücher"}, []string{"spec.groupID", "match"}},
		"GroupIDLong":    {"longer than any tool shows", fields{"spec.groupID": strings.Repeat("a", 250)}, []string{"spec.groupID", "249"}},

		"NoServers":      {"no way in", fields{"spec.kafka.bootstrapServers": list()}, []string{"spec.kafka.bootstrapServers", "at least 1"}},
		"ServerTwice":    {"a set", fields{"spec.kafka.bootstrapServers": list("a:1", "a:1")}, []string{"spec.kafka.bootstrapServers[1]", "Duplicate"}},
		"ServerNoPort":   {"no default port", fields{"spec.kafka.bootstrapServers": list("kafka")}, []string{"spec.kafka.bootstrapServers[0]", "match"}},
		"ServerPort0":    {"not a port", fields{"spec.kafka.bootstrapServers": list("kafka:0")}, []string{"spec.kafka.bootstrapServers[0]", "match"}},
		"ServerPortHigh": {"one above the last port", fields{"spec.kafka.bootstrapServers": list("kafka:65536")}, []string{"spec.kafka.bootstrapServers[0]", "match"}},
		"ServerScheme":   {"a habit from other tools", fields{"spec.kafka.bootstrapServers": list("kafka://kafka:9092")}, []string{"spec.kafka.bootstrapServers[0]", "match"}},
		"ServerList":     {"a comma-separated list is two entries", fields{"spec.kafka.bootstrapServers": list("a:9092,b:9092")}, []string{"spec.kafka.bootstrapServers[0]", "match"}},
		"ServerBareIPv6": {"ambiguous without brackets", fields{"spec.kafka.bootstrapServers": list("::1:9092")}, []string{"spec.kafka.bootstrapServers[0]", "match"}},

		"VersionWord": {"not a version", fields{"spec.kafka.version": "latest"}, []string{"spec.kafka.version", "such as 3.6.0"}},
		"VersionV":    {"Kafka's versions have no v", fields{"spec.kafka.version": "v3.6.0"}, []string{"spec.kafka.version", "such as 3.6.0"}},
		"VersionOld":  {"older than what is supported", fields{"spec.kafka.version": "2.8.0"}, []string{"spec.kafka.version", "3.0.0 or newer"}},

		"NameLong": {"the names made from it would be too long", fields{"metadata.name": strings.Repeat("a", 53)}, []string{"metadata.name", "at most 52"}},
		"NameDots": {"a label value and a ConfigMap's name come from it", fields{"metadata.name": "a.b"}, []string{"metadata.name", "DNS label"}},

		"NoWorkerContainer": {"nobody to give the settings to", fields{"spec.workload.template.spec.containers": containers("app")},
			[]string{"spec.workload.template", `needs a container named "worker"`}},
		"OnlyInitWorker": {"an init container is no worker", fields{
			"spec.workload.template.spec.containers": containers("app"), "spec.workload.template.spec.initContainers": containers("worker"),
		}, []string{"spec.workload.template", `needs a container named "worker"`}},

		"MaxBelowMin": {"no count is allowed", fields{"spec.scaling.minReplicas": int64(3), "spec.scaling.maxReplicas": int64(2)},
			[]string{"spec.scaling.maxReplicas", "must not be smaller than minReplicas"}},
		"MinZero":           {"not yet", fields{"spec.scaling.minReplicas": int64(0)}, []string{"spec.scaling.minReplicas", "greater than or equal to 1"}},
		"MaxZero":           {"that is what pause is for", fields{"spec.scaling.maxReplicas": int64(0)}, []string{"spec.scaling.maxReplicas", "greater than or equal to 1"}},
		"AutoNoTarget":      {"Auto has nothing to follow", fields{"spec.scaling.lagTarget": nil}, []string{"spec.scaling.lagTarget", "required in modes Auto and Recommend"}},
		"RecommendNoTarget": {"nor has Recommend", fields{"spec.scaling.lagTarget": nil, "spec.scaling.mode": "Recommend"}, []string{"spec.scaling.lagTarget", "required in modes Auto and Recommend"}},
		"TargetZero": {"a worker that may carry nothing", fields{"spec.scaling.lagTarget.messagesPerReplica": int64(0)},
			[]string{"spec.scaling.lagTarget.messagesPerReplica", "greater than or equal to 1"}},
		"TargetEmpty": {"nothing to follow either", fields{"spec.scaling.lagTarget": fields{}},
			[]string{"spec.scaling.lagTarget", "set seconds or messagesPerReplica, and not both"}},
		"TargetBoth": {"two would decide", fields{"spec.scaling.lagTarget.seconds": int64(60)},
			[]string{"spec.scaling.lagTarget", "set seconds or messagesPerReplica, and not both"}},
		"SecondsZero": {"no message is handled in no time", fields{"spec.scaling.lagTarget": fields{"seconds": int64(0)}},
			[]string{"spec.scaling.lagTarget.seconds", "greater than or equal to 1"}},
		"SecondsTooMany": {"beyond a day", fields{"spec.scaling.lagTarget": fields{"seconds": int64(86401)}},
			[]string{"spec.scaling.lagTarget.seconds", "less than or equal to 86400"}},
		"HintWithoutSeconds": {"nobody would look at it", fields{"spec.scaling.capacityHint": int64(420)},
			[]string{"spec.scaling.capacityHint", "capacityHint is for lagTarget.seconds"}},
		"HintWithoutTarget": {"in Manual neither", fields{"spec.scaling.mode": "Manual", "spec.replicas": int64(5), "spec.scaling.lagTarget": nil, "spec.scaling.capacityHint": int64(420)},
			[]string{"spec.scaling.capacityHint", "capacityHint is for lagTarget.seconds"}},
		"HintZero": {"a worker that handles nothing", fields{"spec.scaling.lagTarget": fields{"seconds": int64(60)}, "spec.scaling.capacityHint": int64(0)},
			[]string{"spec.scaling.capacityHint", "greater than or equal to 1"}},
		"RiskWithoutSeconds": {"nobody would look at it", fields{"spec.scaling.risk": int64(10)},
			[]string{"spec.scaling.risk", "risk is for lagTarget.seconds"}},
		"RiskZero": {"there is always some", fields{"spec.scaling.lagTarget": fields{"seconds": int64(60)}, "spec.scaling.risk": int64(0)},
			[]string{"spec.scaling.risk", "greater than or equal to 1"}},
		"RiskTooMuch": {"above the target more often than not", fields{"spec.scaling.lagTarget": fields{"seconds": int64(60)}, "spec.scaling.risk": int64(51)},
			[]string{"spec.scaling.risk", "less than or equal to 50"}},
		"PreferWithoutSeconds": {"nobody would look at it", fields{"spec.scaling.prefer": "Cost"},
			[]string{"spec.scaling.prefer", "prefer is for lagTarget.seconds"}},
		"PreferUnknown": {"a typo", fields{"spec.scaling.lagTarget": fields{"seconds": int64(60)}, "spec.scaling.prefer": "Fresh"},
			[]string{"spec.scaling.prefer", `"Cost", "Freshness"`}},
		"AutoReplicas": {"two would decide", fields{"spec.replicas": int64(3)}, []string{"spec.replicas", "remove replicas", "scaling.mode: Manual"}},
		"ManualWithoutReplicas": {"nothing to obey", fields{"spec.scaling.mode": "Manual"},
			[]string{"spec.replicas", "Manual needs replicas of at least 1", "ScaleToZero"}},
		"ModeUnknown": {"a typo", fields{"spec.scaling.mode": "auto"}, []string{"spec.scaling.mode", `"Auto", "Recommend", "Manual"`}},
		"OnUnknownAboveMax": {"a floor above the ceiling", fields{"spec.scaling.maxReplicas": int64(2), "spec.scaling.onUnknown": fields{"minReplicas": int64(3)}},
			[]string{"spec.scaling.onUnknown", "must not be greater than maxReplicas"}},
		"OnUnknownAfterShort": {"less than a poll", fields{"spec.scaling.onUnknown": fields{"minReplicas": int64(3), "after": "10ms"}},
			[]string{"spec.scaling.onUnknown.after", "at least 1s, such as 5m"}},
		"OnUnknownAfterNumber": {"seconds or minutes?", fields{"spec.scaling.onUnknown": fields{"minReplicas": int64(3), "after": "300"}},
			[]string{"spec.scaling.onUnknown.after", "such as 5m"}},

		"ProcessingNumber":   {"no unit", fields{"spec.consumer.maxProcessingTime": "10"}, []string{"spec.consumer.maxProcessingTime", "such as 500ms"}},
		"ProcessingZero":     {"no time at all", fields{"spec.consumer.maxProcessingTime": "0s"}, []string{"spec.consumer.maxProcessingTime", "between 1ms and 24h"}},
		"ProcessingNegative": {"before it began", fields{"spec.consumer.maxProcessingTime": "-1s"}, []string{"spec.consumer.maxProcessingTime", "between 1ms and 24h"}},
		"ProcessingDays":     {"no unit of ours", fields{"spec.consumer.maxProcessingTime": "2d"}, []string{"spec.consumer.maxProcessingTime", "such as 500ms"}},
		"ProcessingTooLong":  {"beyond a day", fields{"spec.consumer.maxProcessingTime": "25h"}, []string{"spec.consumer.maxProcessingTime", "between 1ms and 24h"}},
		"InitialOffset":      {"not a position", fields{"spec.consumer.initialOffset": "newest"}, []string{"spec.consumer.initialOffset", `"earliest", "latest"`}},
		"Assignment":         {"not one of ours", fields{"spec.consumer.assignment": "uniform"}, []string{"spec.consumer.assignment", `"range", "roundRobin", "sticky"`}},
		"PauseMode":          {"a typo", fields{"spec.pause": fields{"mode": "Stop"}}, []string{"spec.pause.mode", `"HoldReplicas", "ScaleToZero"`}},
		"PauseUntilLower":    {"a time that Go does not read", fields{"spec.pause": fields{"until": "2026-03-01t14:00:00z"}}, []string{"spec.pause.until", "should match"}},
		"PauseUntilZone":     {"a zone that Go does not read", fields{"spec.pause": fields{"until": "2026-03-01T14:00:00+99:99"}}, []string{"spec.pause.until", "should match"}},
		"PauseUntil":         {"not a time", fields{"spec.pause": fields{"until": "tomorrow"}}, []string{"spec.pause.until", "date-time"}},
		"MinReadyNegative":   {"before it began", fields{"spec.workload.minReadySeconds": int64(-1)}, []string{"spec.workload.minReadySeconds", "greater than or equal to 0"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := kube.Create(context.Background(), manifest(t, ns, tc.fields), client.DryRunAll)
			if err == nil {
				t.Fatalf("%s: it was accepted", tc.reason)
			}
			if lacks := mentions(err.Error(), tc.words...); lacks != nil {
				t.Errorf("%s: %v", tc.reason, lacks)
			}
		})
	}
}

// TestAdmissionAccepts: what is unusual and right is not refused.
func TestAdmissionAccepts(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	cases := map[string]struct {
		reason string
		fields fields
	}{
		"AsIs":             {"the manifest that the other cases change", nil},
		"TopicLongest":     {"Kafka's limit", fields{"spec.topics": list(strings.Repeat("a", 249))}},
		"TopicThreeDots":   {"only one and two are reserved", fields{"spec.topics": list("...")}},
		"GroupIDPunct":     {"Kafka allows it", fields{"spec.groupID": "team/billing: v2 (eu)"}},
		"GroupIDOne":       {"the shortest", fields{"spec.groupID": "x"}},
		"ServerIPv6":       {"in brackets", fields{"spec.kafka.bootstrapServers": list("[2001:db8::1]:9092")}},
		"ServerIPv4":       {"an address", fields{"spec.kafka.bootstrapServers": list("10.0.0.1:65535", "10.0.0.2:1")}},
		"ServerUnderscore": {"container names have them", fields{"spec.kafka.bootstrapServers": list("kafka_1:9092")}},
		"Version":          {"three parts", fields{"spec.kafka.version": "4.0.0"}},
		"VersionTwoDigits": {"some day", fields{"spec.kafka.version": "10.1.2"}},
		"NameLongest":      {"the limit", fields{"metadata.name": strings.Repeat("a", 52)}},
		"Sidecar":          {"beside the worker", fields{"spec.workload.template.spec.containers": containers("proxy", "worker")}},
		"MinIsMax":         {"a fixed number that may still be paused", fields{"spec.scaling.minReplicas": int64(3), "spec.scaling.maxReplicas": int64(3)}},
		"OnUnknownIsMax":   {"a floor at the ceiling", fields{"spec.scaling.maxReplicas": int64(3), "spec.scaling.onUnknown": fields{"minReplicas": int64(3)}}},
		"Manual":           {"with its replicas", fields{"spec.scaling.mode": "Manual", "spec.replicas": int64(5), "spec.scaling.lagTarget": nil}},
		"Seconds":          {"a lag target in time", fields{"spec.scaling.lagTarget": fields{"seconds": int64(86400)}}},
		"SecondsWithAll": {"what goes with it", fields{
			"spec.scaling.lagTarget": fields{"seconds": int64(1)}, "spec.scaling.capacityHint": int64(1),
			"spec.scaling.risk": int64(50), "spec.scaling.prefer": "Freshness", "spec.scaling.catchUp": "1h",
		}},
		"Compound": {"Go's durations", fields{"spec.consumer.maxProcessingTime": "1m30s"}},
		"Fraction": {"Go's durations", fields{"spec.consumer.maxProcessingTime": "1.5h"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := kube.Create(context.Background(), manifest(t, ns, tc.fields), client.DryRunAll); err != nil {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
}

// TestGroupIDImmutable: another group id would leave the offsets behind.
func TestGroupIDImmutable(t *testing.T) {
	t.Parallel()
	g := group(namespace(t), "fixed", "kafka.example:9092")
	create(t, g)
	g.Spec.GroupID = "other"
	err := kube.Update(context.Background(), g)
	if err == nil {
		t.Fatal("the group id was changed")
	}
	if lacks := mentions(err.Error(), "spec.groupID", "create another KafkaConsumerGroup"); lacks != nil {
		t.Error(lacks)
	}
}

// TestDefaults: the least that a user can write becomes a complete object.
func TestDefaults(t *testing.T) {
	t.Parallel()
	u := manifest(t, namespace(t), fields{
		"spec.scaling":  fields{"lagTarget": fields{"messagesPerReplica": int64(100)}, "onUnknown": fields{"minReplicas": int64(2)}},
		"spec.pause":    fields{},
		"spec.consumer": nil, "spec.replicas": nil,
	})
	if err := kube.Create(context.Background(), u); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"spec.replicas":                   int64(0),
		"spec.consumer.initialOffset":     "earliest",
		"spec.consumer.isolationLevel":    "read_uncommitted",
		"spec.consumer.assignment":        "range",
		"spec.consumer.maxProcessingTime": "10s",
		"spec.scaling.mode":               "Auto",
		"spec.scaling.minReplicas":        int64(1),
		"spec.scaling.onUnknown.after":    "5m",
		"spec.pause.mode":                 "HoldReplicas",
	}
	for path, value := range want {
		if got, _, _ := unstructured.NestedFieldNoCopy(u.Object, strings.Split(path, ".")...); got != value {
			t.Errorf("%s is %v, want %v", path, got, value)
		}
	}
}
