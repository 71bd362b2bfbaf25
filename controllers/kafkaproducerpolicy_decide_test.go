package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestTopicsSeen: a topic is remembered as it was first seen, until another has its name.
func TestTopicsSeen(t *testing.T) {
	t.Parallel()
	id := func(n byte) kafka.TopicID { return kafka.TopicID{15: n} }
	hex := func(n string) string { return strings.Repeat("0", 30) + n }
	topic := func(name string, n byte, partitions int32) kafka.TopicConfig {
		return kafka.TopicConfig{Name: name, State: kafka.TopicExists, ID: id(n), Partitions: kafka.Known(partitions)}
	}
	before := []v1alpha1.ProducerTopic{
		{Name: "anew", ID: hex("01"), Partitions: 3}, {Name: "away", ID: hex("02"), Partitions: 3}, {Name: "gone", ID: hex("03"), Partitions: 3},
		{Name: "grown", ID: hex("04"), Partitions: 3}, {Name: "untold", Partitions: 3},
	}
	got, count := topicsSeen(before, map[string]kafka.TopicConfig{
		"anew": topic("anew", 9, 6), "away": {Name: "away", State: kafka.TopicUnread}, "grown": topic("grown", 4, 6), "untold": topic("untold", 5, 6),
		"first": topic("first", 6, 6), "missing": {Name: "missing", State: kafka.TopicMissing},
	})
	want := []v1alpha1.ProducerTopic{
		{Name: "anew", ID: hex("09"), Partitions: 6}, {Name: "away", ID: hex("02"), Partitions: 3}, {Name: "first", ID: hex("06"), Partitions: 6},
		{Name: "grown", ID: hex("04"), Partitions: 3}, {Name: "untold", ID: hex("05"), Partitions: 3},
	}
	if diff := cmp.Diff(want, got); diff != "" || count != 6 {
		t.Errorf("%d topics, -want +have:\n%s", count, diff)
	}
	if back := topicsBefore(got)["anew"]; back.ID != id(9) || back.Partitions != 6 {
		t.Errorf("read back as %+v", back)
	}
}

// TestWorkloadsSeen: the worst come first, and those that did not ask don't count.
func TestWorkloadsSeen(t *testing.T) {
	t.Parallel()
	var all []v1alpha1.ProducerWorkload
	for range maxWorkloads {
		all = append(all, inState(v1alpha1.WorkloadApplied))
	}
	for i := len(stateOrder) - 1; i >= 0; i-- {
		all = append(all, inState(stateOrder[i]))
	}
	got, summary := workloadsSeen(all)
	if len(got) != maxWorkloads || summary != "101/105" {
		t.Errorf("%d listed, %s", len(got), summary)
	}
	for i, state := range stateOrder[:len(stateOrder)-1] { // there is no room for who did not ask
		if got[i].State != state {
			t.Errorf("place %d has %s, want %s", i, got[i].State, state)
		}
	}
	if got, summary := workloadsSeen([]v1alpha1.ProducerWorkload{inState(v1alpha1.WorkloadNotAsked)}); len(got) != 1 || summary != "" {
		t.Errorf("%+v, %q", got, summary)
	}
}

// TestAppliedIsOfWhatIsInForce: the status that puts something else in force does
// not say that workloads run it.
func TestAppliedIsOfWhatIsInForce(t *testing.T) {
	t.Parallel()
	c := checkedPolicy(inState(v1alpha1.WorkloadApplied), inState(v1alpha1.WorkloadConflict), inState(v1alpha1.WorkloadNotAsked))
	inForce := func(hash string) *v1alpha1.ProducerInForce {
		return &v1alpha1.ProducerInForce{Files: []v1alpha1.ProducerFile{{Client: "java", Hash: hash}}}
	}
	c.policy.Status.InForce, c.decided.inForce = inForce("aa"), inForce("aa")
	if s := policyStatus(&c.policy, c.seen, c.decided, c.done); s.WorkloadSummary != "1/2" {
		t.Errorf("nothing has changed: %s, %+v", s.WorkloadSummary, s.Workloads)
	}
	c.decided.inForce = inForce("bb")
	s := policyStatus(&c.policy, c.seen, c.decided, c.done)
	states := []v1alpha1.ProducerWorkloadState{v1alpha1.WorkloadConflict, v1alpha1.WorkloadRolling, v1alpha1.WorkloadNotAsked}
	for i, want := range states {
		if s.Workloads[i].State != want {
			t.Errorf("workload %d is %s, want %s", i, s.Workloads[i].State, want)
		}
	}
	if s.WorkloadSummary != "0/2" || c.done.workloads[0].State != v1alpha1.WorkloadApplied {
		t.Errorf("%s, or the input was changed: %+v", s.WorkloadSummary, c.done.workloads)
	}
}

// TestPolicyEvents: what is new is told once, and what went away.
func TestPolicyEvents(t *testing.T) {
	t.Parallel()
	finding := func(rule string, severity v1alpha1.FindingSeverity, topic string) v1alpha1.ProducerFinding {
		return v1alpha1.ProducerFinding{Rule: rule, Severity: severity, Topic: topic, Message: "m"}
	}
	inForce := func(generation int64, hash string) *v1alpha1.ProducerInForce {
		return &v1alpha1.ProducerInForce{Generation: generation, Files: []v1alpha1.ProducerFile{{Client: "java", Hash: hash}}}
	}
	before := v1alpha1.KafkaProducerPolicyStatus{InForce: inForce(1, "aa"), Findings: []v1alpha1.ProducerFinding{
		finding("a", v1alpha1.SeverityError, "x"), finding("b", v1alpha1.SeverityWarning, ""), finding("d", v1alpha1.SeverityWarning, ""),
	}}
	after := v1alpha1.KafkaProducerPolicyStatus{InForce: inForce(2, "bb"), Findings: []v1alpha1.ProducerFinding{
		finding("a", v1alpha1.SeverityError, "y"), finding("c", v1alpha1.SeverityError, "x"), finding("c", v1alpha1.SeverityError, "y"),
		finding("d", v1alpha1.SeverityError, ""), finding("e", v1alpha1.SeverityInfo, ""), finding("f", v1alpha1.SeverityUnknown, ""),
	}}
	var have []string
	for _, e := range policyEvents(before, after) {
		have = append(have, e.kind+" "+e.reason+": "+e.note)
	}
	want := []string{
		"Normal InForce: the settings of generation 2 are in force: java bb",
		`Warning RulesBroken: broken now: c (topic "x"): m; d: m`,
		"Normal RulesKept: no longer found: b: m",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
	hidden := v1alpha1.KafkaProducerPolicyStatus{InForce: after.InForce, Findings: []v1alpha1.ProducerFinding{
		finding("a", v1alpha1.SeverityUnknown, ""), finding("c", v1alpha1.SeverityUnknown, ""), finding("d", v1alpha1.SeverityUnknown, ""),
	}}
	if again := policyEvents(after, hidden); len(again) != 0 {
		t.Errorf("what can't be checked any more is told as kept: %+v", again)
	}
	milder := after
	milder.Findings = []v1alpha1.ProducerFinding{finding("a", v1alpha1.SeverityWarning, ""), finding("c", v1alpha1.SeverityError, ""), finding("d", v1alpha1.SeverityError, "")}
	if again := policyEvents(after, milder); len(again) != 0 {
		t.Errorf("a rule that is broken less is told: %+v", again)
	}
	before.InForce = inForce(2, "bb")
	if again := policyEvents(after, after); len(again) != 0 {
		t.Errorf("told again: %+v", again)
	}
	after.InForce = inForce(3, "bb")
	if again := policyEvents(before, v1alpha1.KafkaProducerPolicyStatus{InForce: after.InForce, Findings: before.Findings}); len(again) != 0 {
		t.Errorf("the same files of another generation are told: %+v", again)
	}
}

// TestCountsWait: what only counts pods is no news, a state and a verdict are.
func TestCountsWait(t *testing.T) {
	t.Parallel()
	status := func(mods ...func(*v1alpha1.KafkaProducerPolicyStatus)) v1alpha1.KafkaProducerPolicyStatus {
		c := checkedPolicy(inState(v1alpha1.WorkloadRolling), inState(v1alpha1.WorkloadApplied))
		s := policyStatus(&c.policy, c.seen, c.decided, c.done)
		for _, mod := range mods {
			mod(&s)
		}
		return withoutCounts(s)
	}
	cases := map[string]struct {
		mod  func(*v1alpha1.KafkaProducerPolicyStatus)
		news bool
	}{
		"Pods": {func(s *v1alpha1.KafkaProducerPolicyStatus) {
			s.Workloads[0].Applied, s.Workloads[0].Message = 7, "pod x"
		}, false},
		"Summary": {func(s *v1alpha1.KafkaProducerPolicyStatus) { s.WorkloadSummary = "2/3" }, false},
		"State":   {func(s *v1alpha1.KafkaProducerPolicyStatus) { s.Workloads[0].State = v1alpha1.WorkloadDrifted }, true},
		"Verdict": {func(s *v1alpha1.KafkaProducerPolicyStatus) { s.Conditions[1].Message = "another rule" }, true},
		"InForce": {func(s *v1alpha1.KafkaProducerPolicyStatus) { s.InForce = &v1alpha1.ProducerInForce{} }, true},
	}
	for name, tc := range cases {
		if news := !cmp.Equal(status(), status(tc.mod)); news != tc.news {
			t.Errorf("%s is news: %t, want %t", name, news, tc.news)
		}
	}
}
