package controllers

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

var allClients = []v1alpha1.ProducerClient{v1alpha1.ClientJava, v1alpha1.ClientLibrdkafka, v1alpha1.ClientSarama}

// settingsInForce are those of a policy that compresses so, for the clients.
func settingsInForce(compression v1alpha1.Compression, clients ...v1alpha1.ProducerClient) *v1alpha1.ProducerInForce {
	policy := &v1alpha1.KafkaProducerPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders", Generation: 1}}
	policy.Spec.Durability, policy.Spec.Compression, policy.Spec.Clients = v1alpha1.Lossless, compression, clients
	return newInForce(policy, producerpolicy.Resolve(policy.Spec))
}

// policyWith has settings in force, and is what its condition says.
func policyWith(name string, inForce *v1alpha1.ProducerInForce, accepted metav1.ConditionStatus, reason string) *v1alpha1.KafkaProducerPolicy {
	policy := &v1alpha1.KafkaProducerPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	policy.Status.InForce = inForce
	if accepted != "" {
		meta.SetStatusCondition(&policy.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: accepted, Reason: reason, Message: "said so"})
	}
	return policy
}

func namedPolicy(policy *v1alpha1.KafkaProducerPolicy, given givenFiles) policySeen {
	return policySeen{namespace: "shop", ref: policy.Name, policy: policy, given: given}
}

func given(policy string, inForce *v1alpha1.ProducerInForce) givenFiles {
	return givenFiles{files: renderProducer("shop/"+policy, *inForce), known: true}
}

// TestFilesAreReadBack: after a restart the ConfigMap alone tells what was given.
func TestFilesAreReadBack(t *testing.T) {
	files := renderProducer("shop/orders", *settingsInForce("zstd", allClients...))
	data := merged(files.data(), map[string]string{workerconfig.FileName: "{}"})
	back := givenBy("m", []corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: "other"}}, {ObjectMeta: metav1.ObjectMeta{Name: "m"}, Data: data}})
	if diff := cmp.Diff(givenFiles{files: files, known: true}, back, cmp.AllowUnexported(givenFiles{})); diff != "" || len(files) != 3 {
		t.Errorf("-given +read back:\n%s", diff)
	}
	for _, file := range back.files {
		if one := (producerFileSet{file}); one.policy() != "shop/orders" || one.policyName() != "orders" {
			t.Errorf("%s is of %q, %q", file.Name, one.policy(), one.policyName())
		}
	}
	if got := givenBy("gone", nil); got.known || got.files != nil {
		t.Errorf("of a ConfigMap that is gone: %+v", got)
	}
	if _, hash := headerOf(workerconfig.ProducerFileName, "{"); hash != "" {
		t.Errorf("a file that is none has hash %q", hash)
	}
}

// TestWhatWorkersAreGiven: what is in force, once, and never in a reset.
func TestWhatWorkersAreGiven(t *testing.T) {
	zstd, lz4, all := settingsInForce("zstd"), settingsInForce("lz4"), settingsInForce("zstd", allClients...)
	orders := policyWith("orders", zstd, yes, v1alpha1.ReasonNoErrors)
	missing, nothing := policySeen{namespace: "shop", ref: "orders", given: given("other", lz4)}, givenFiles{known: true}
	busy := resetDecision{active: &v1alpha1.ActiveReset{Name: "r"}, stops: "r"}
	cases := map[string]struct {
		reason string
		seen   policySeen
		reset  resetDecision
		want   producerFileSet
		policy string
		held   bool
	}{
		"First":        {"the first workers", namedPolicy(orders, givenFiles{}), resetDecision{}, given("orders", zstd).files, "orders", false},
		"Changed":      {"other settings", namedPolicy(orders, given("orders", lz4)), resetDecision{}, given("orders", zstd).files, "orders", false},
		"Named":        {"a group that had no policy", namedPolicy(orders, nothing), resetDecision{}, given("orders", zstd).files, "orders", false},
		"Same":         {"nothing has changed", namedPolicy(orders, given("orders", zstd)), resetDecision{}, given("orders", zstd).files, "orders", false},
		"SameOfOther":  {"another policy with the same settings is no reason to roll", namedPolicy(orders, given("other", zstd)), resetDecision{}, given("other", zstd).files, "orders", false},
		"SameOfAll":    {"whatever the client", namedPolicy(policyWith("orders", all, yes, ""), given("other", loosely(all))), resetDecision{}, given("other", loosely(all)).files, "orders", false},
		"TamperedAll":  {"and is without what somebody put into them", namedPolicy(policyWith("orders", all, yes, ""), tampered(given("other", loosely(all)))), resetDecision{}, given("other", loosely(all)).files, "orders", false},
		"MoreClients":  {"a file more is", namedPolicy(policyWith("orders", settingsInForce("zstd", allClients...), yes, ""), given("orders", zstd)), resetDecision{}, renderProducer("shop/orders", *settingsInForce("zstd", allClients...)), "orders", false},
		"Missing":      {"workers keep what they have, and whose it is", missing, resetDecision{}, given("other", lz4).files, "other", false},
		"NoneInForce":  {"the same", namedPolicy(policyWith("orders", nil, no, v1alpha1.ReasonDeniedWithoutPredecessor), given("orders", lz4)), resetDecision{}, given("orders", lz4).files, "orders", false},
		"NeverHad":     {"workers without a policy go on without", namedPolicy(policyWith("orders", nil, "", ""), nothing), resetDecision{}, nil, "", false},
		"NoRef":        {"no policy is named any more", policySeen{namespace: "shop", given: given("orders", zstd)}, resetDecision{}, nil, "", false},
		"Reset":        {"a reset has the group", namedPolicy(orders, given("orders", lz4)), busy, given("orders", lz4).files, "orders", true},
		"Granted":      {"one is given it just now", namedPolicy(orders, given("orders", lz4)), resetDecision{active: busy.active, granted: true}, given("orders", lz4).files, "orders", true},
		"Unfinished":   {"one has left offsets unfinished", namedPolicy(orders, given("orders", lz4)), resetDecision{unfinished: &v1alpha1.UnfinishedReset{Name: "r"}}, given("orders", lz4).files, "orders", true},
		"ResetSame":    {"and nothing waits", namedPolicy(orders, given("orders", zstd)), busy, given("orders", zstd).files, "orders", false},
		"ResetNoRef":   {"taken away meanwhile", policySeen{namespace: "shop", given: given("orders", zstd)}, busy, given("orders", zstd).files, "orders", true},
		"ResetFirst":   {"there is nothing to keep", namedPolicy(orders, givenFiles{}), busy, given("orders", zstd).files, "orders", false},
		"Released":     {"the workers start with what is in force", namedPolicy(orders, given("orders", lz4)), resetDecision{released: busy.active}, given("orders", zstd).files, "orders", false},
		"TamperedSame": {"what somebody put into the ConfigMap is not passed on", namedPolicy(orders, tampered(given("other", zstd))), resetDecision{}, given("other", zstd).files, "orders", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := decideProducer(tc.seen, tc.reset)
			if diff := cmp.Diff(tc.want, got.files); diff != "" || got.policy != tc.policy || got.held != tc.held {
				t.Errorf("%s: of %q, held %t; want %q, %t\n-want +got:\n%s", tc.reason, got.policy, got.held, tc.policy, tc.held, diff)
			}
		})
	}
}

// loosely is the same settings under another durability, which only the headers tell.
func loosely(inForce *v1alpha1.ProducerInForce) *v1alpha1.ProducerInForce {
	same := inForce.DeepCopy()
	same.Settings.Durability = v1alpha1.AtLeastOnce
	return same
}

func tampered(given givenFiles) givenFiles {
	for i := range given.files {
		before := given.files[i].Content
		if given.files[i].Content = strings.Replace(before, "zstd", "none", 1); given.files[i].Content == before {
			panic("nothing to tamper with in " + before)
		}
	}
	return given
}

// TestPolicyVerdict: what the condition says, and what the first workers wait for.
func TestPolicyVerdict(t *testing.T) {
	zstd := settingsInForce("zstd")
	old := given("orders", settingsInForce("lz4"))
	accepted := namedPolicy(policyWith("orders", zstd, yes, v1alpha1.ReasonNoErrors), old)
	denied := namedPolicy(policyWith("orders", zstd, no, v1alpha1.ReasonDenied), old)
	cases := map[string]struct {
		reason  string
		seen    policySeen
		reset   resetDecision
		want    verdict
		waits   bool
		message string
		// taken, waitsFor and done are why nothing is applied.
		taken, waitsFor *blocked
		done            applyResult
	}{
		"Accepted":    {reason: "all is well", seen: namedPolicy(policyWith("orders", zstd, yes, v1alpha1.ReasonNoErrors), old), want: verdict{status: yes, reason: v1alpha1.ReasonNoErrors}, message: "are given what"},
		"Denied":      {reason: "its newest generation is not in force", seen: namedPolicy(policyWith("orders", zstd, no, v1alpha1.ReasonDenied), old), want: verdict{status: no, reason: v1alpha1.ReasonDenied}, message: "said so; the workers have what was in force before"},
		"NotChecked":  {reason: "nor known to be", seen: namedPolicy(policyWith("orders", zstd, notSeen, v1alpha1.ReasonNotChecked), old), want: verdict{status: notSeen, reason: v1alpha1.ReasonNotChecked}, message: "in force before"},
		"Missing":     {reason: "workers run", seen: policySeen{namespace: "shop", ref: "orders", given: old}, want: verdict{status: no, reason: v1alpha1.ReasonPolicyMissing}, message: "keep the settings"},
		"NeverHad":    {reason: "and had none", seen: policySeen{namespace: "shop", ref: "orders", given: givenFiles{known: true}}, want: verdict{status: no, reason: v1alpha1.ReasonPolicyMissing}, message: "go on without"},
		"MissingYet":  {reason: "no worker runs", seen: policySeen{namespace: "shop", ref: "orders"}, want: verdict{status: no, reason: v1alpha1.ReasonPolicyMissing}, waits: true, message: "no worker is started"},
		"NotLooked":   {reason: "its controller has not seen it", seen: namedPolicy(policyWith("orders", nil, "", ""), givenFiles{}), want: verdict{status: notSeen, reason: v1alpha1.ReasonNotChecked}, waits: true, message: "not been looked at"},
		"DeniedFirst": {reason: "nothing was accepted ever", seen: namedPolicy(policyWith("orders", nil, no, v1alpha1.ReasonDeniedWithoutPredecessor), givenFiles{}), want: verdict{status: no, reason: v1alpha1.ReasonDeniedWithoutPredecessor}, waits: true, message: "said so; no worker"},
		"Held":        {reason: "by a reset", seen: namedPolicy(policyWith("orders", zstd, yes, v1alpha1.ReasonNoErrors), old), reset: resetDecision{stops: "r"}, want: verdict{status: no, reason: v1alpha1.ReasonPolicyHeld}, message: "when that has ended"},
		"Taken":       {reason: "the Deployment is somebody's", seen: accepted, want: verdict{status: no, reason: v1alpha1.ReasonNameTaken}, message: "not given what", taken: &blocked{v1alpha1.ReasonNameTaken, "it is theirs"}},
		"TakenDenied": {reason: "what the policy says comes first", seen: denied, want: verdict{status: no, reason: v1alpha1.ReasonDenied}, message: "said so; the workers are not given", taken: &blocked{v1alpha1.ReasonNameTaken, "it is theirs"}},
		"Waits":       {reason: "it comes by itself", seen: accepted, want: verdict{status: notSeen, reason: v1alpha1.ReasonClusterNotSeen}, message: "yet: not seen", waitsFor: &blocked{v1alpha1.ReasonClusterNotSeen, "not seen"}},
		"Invalid":     {reason: "the API server takes no such Deployment", seen: accepted, want: verdict{status: no, reason: v1alpha1.ReasonInvalidWorkload}, message: "yet: it is wrong", done: applyResult{invalid: &blocked{v1alpha1.ReasonInvalidWorkload, "it is wrong"}}},
		"Failed":      {reason: "nor this one today", seen: accepted, want: verdict{status: no, reason: v1alpha1.ReasonApplyFailed}, message: "yet: no answer", done: applyResult{failed: true, err: errors.New("no answer")}},
		"GoneAndDone": {reason: "what is kept is kept all the same", seen: policySeen{namespace: "shop", ref: "orders", given: old}, want: verdict{status: no, reason: v1alpha1.ReasonPolicyMissing}, message: "keep the settings", done: applyResult{failed: true, err: errors.New("no answer")}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := policyVerdict(tc.seen, decision{blocked: tc.taken, held: tc.waitsFor, producer: decideProducer(tc.seen, tc.reset)}, tc.done)
			if got.status != tc.want.status || got.reason != tc.want.reason || !strings.Contains(got.message, tc.message) {
				t.Errorf("%s: %+v, want %s %s with %q", tc.reason, got, tc.want.status, tc.want.reason, tc.message)
			}
			if waits := tc.seen.waits(); (waits != nil) != tc.waits || waits != nil && waits.reason != tc.want.reason {
				t.Errorf("%s: the first workers wait for %v", tc.reason, waits)
			}
		})
	}
	if waits := (policySeen{namespace: "shop"}).waits(); waits != nil {
		t.Errorf("a group without a policy waits for %v", waits)
	}
}

// TestFilesInTheTemplate: without files the template is that of before, with a
// variable of the user's own; with the Go runtime's file it has our path.
func TestFilesInTheTemplate(t *testing.T) {
	own := corev1.EnvVar{Name: workerconfig.EnvProducerConfig, Value: "/mine.json"}
	group := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Name: "g"}}
	group.Spec.Workload.Template.Spec.Containers = []corev1.Container{{Name: workerconfig.ContainerName, Env: []corev1.EnvVar{own}}}
	for want, files := range map[string]producerFileSet{
		"/mine.json":                   nil,
		"/etc/lagrange/producer.json":  renderProducer("shop/orders", *settingsInForce("zstd", allClients...)),
		"/mine.json, since it is Java": renderProducer("shop/orders", *settingsInForce("zstd", v1alpha1.ClientJava)),
	} {
		var paths []string
		for _, e := range renderDeployment(group, resolved{}, files, "m", 1, time.Minute).Spec.Template.Spec.Containers[0].Env {
			if e.Name == workerconfig.EnvProducerConfig {
				paths = append(paths, e.Value)
			}
		}
		if want, _, _ = strings.Cut(want, ","); len(paths) != 1 || paths[0] != want {
			t.Errorf("%d files: %q, want %q", len(files), paths, want)
		}
		configMap, err := renderConfigMap(group, resolved{}, files)
		if err != nil {
			t.Fatal(err)
		}
		if len(configMap.Data) != 1+len(files) {
			t.Errorf("%d files make %v", len(files), configMap.Data)
		}
	}
}

// TestEachContentHasAName: ConfigMaps are told apart by the files too.
func TestEachContentHasAName(t *testing.T) {
	group := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Name: "g"}}
	names := map[string]bool{}
	for _, files := range []producerFileSet{
		nil, renderProducer("shop/a", *settingsInForce("zstd")), renderProducer("shop/b", *settingsInForce("zstd")),
		renderProducer("shop/a", *settingsInForce("lz4")), renderProducer("shop/a", *settingsInForce("lz4", allClients...)),
	} {
		configMap, err := renderConfigMap(group, resolved{}, files)
		if err != nil {
			t.Fatal(err)
		}
		names[configMap.Name] = true
	}
	if len(names) != 5 {
		t.Errorf("5 contents have the names %v", names)
	}
}

// TestProducerStatus: the status tells what was applied, and an event that it is another.
func TestProducerStatus(t *testing.T) {
	zstd := settingsInForce("zstd")
	applied := applyResult{configMap: "m"}
	before := v1alpha1.KafkaConsumerGroupStatus{ObservedGeneration: 1}
	after := before
	setProducerPolicy(&after, decision{producer: producerDecision{files: given("orders", zstd).files, policy: "orders"}}, applied)
	if p := after.ProducerPolicy; p == nil || p.Name != "orders" || !cmp.Equal(p.Files, zstd.Files) {
		t.Fatalf("status %+v, want policy orders with %+v", after.ProducerPolicy, zstd.Files)
	}
	if events := producerEvents(before, after); len(events) != 1 || !strings.Contains(events[0].note, `"orders": producer.json with hash `+zstd.Files[0].Hash) {
		t.Errorf("events %v", events)
	}
	same := *after.DeepCopy()
	setProducerPolicy(&same, decision{blocked: &blocked{}}, applyResult{})
	if events := producerEvents(after, same); len(events) != 0 || !cmp.Equal(after.ProducerPolicy, same.ProducerPolicy) {
		t.Errorf("where nothing was applied: %+v, events %v", same.ProducerPolicy, events)
	}
	gone := *after.DeepCopy()
	setProducerPolicy(&gone, decision{}, applied)
	if events := producerEvents(after, gone); gone.ProducerPolicy != nil || len(events) != 1 || !strings.Contains(events[0].note, "no settings") {
		t.Errorf("without a policy: %+v, events %v", gone.ProducerPolicy, events)
	}
	if events := producerEvents(v1alpha1.KafkaConsumerGroupStatus{}, after); len(events) != 0 {
		t.Errorf("a group that is new tells %v", events)
	}
}

// TestPolicyOfAnotherCluster is a warning where both clusters are known.
func TestPolicyOfAnotherCluster(t *testing.T) {
	for name, tc := range map[string]struct {
		of, is string
		want   int
	}{"Other": {"a", "b", 1}, "Same": {"a", "a", 0}, "PolicyUnknown": {"", "b", 0}, "GroupUnknown": {"a", "", 0}} {
		policy := policyWith("orders", nil, "", "")
		policy.Status.ClusterID = tc.of
		seen := groupSnapshot{policy: namedPolicy(policy, givenFiles{}), cluster: clusterSeen{id: tc.is}, sample: kafka.GroupSample{}}
		if got := policyWarnings(seen); len(got) != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
