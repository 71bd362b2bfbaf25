package controllers

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// policyFor is a policy that selects the label app, with something in force.
func policyFor(name, app string, mods ...func(*candidate)) candidate {
	c := candidate{name: name, selector: labels.SelectorFromSet(labels.Set{"app": app}), inForce: &v1alpha1.ProducerInForce{}}
	for _, mod := range mods {
		mod(&c)
	}
	return c
}

func nothingInForce(c *candidate) { c.inForce = nil }
func selectsNone(c *candidate)    { c.selector = nil }
func unreadable(c *candidate)     { c.selector, c.unreadable = nil, errBoom }

// shopWorkload has the label app=shop and asks for settings.
func shopWorkload(mods ...func(*metav1.ObjectMeta)) workload {
	o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: "shop", UID: "u", Labels: map[string]string{"app": "shop"},
		Annotations: map[string]string{v1alpha1.AnnotationProducerContainer: "main"},
	}}
	for _, mod := range mods {
		mod(&o.ObjectMeta)
	}
	return workload{deploymentKind, o}
}

func asksNot(o *metav1.ObjectMeta) { o.Annotations = nil }
func going(o *metav1.ObjectMeta)   { o.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
func labelled(key, value string) func(*metav1.ObjectMeta) {
	return func(o *metav1.ObjectMeta) { o.Labels[key] = value }
}

func TestClaimOf(t *testing.T) {
	given, ofGroup := labelled(v1alpha1.LabelProducerPolicy, "orders"), labelled(groupLabel, "billing")
	orders := policyFor("orders", "shop")
	cases := map[string]struct {
		reason   string
		w        workload
		had      bool
		policies []candidate
		act      claimAct
		state    v1alpha1.ProducerWorkloadState
		words    string
	}{
		"Asks":                  {"selected, and it asks", shopWorkload(), false, []candidate{orders}, give, "", ""},
		"AsksNot":               {"selected, and does not ask", shopWorkload(asksNot), false, []candidate{orders}, leave, v1alpha1.WorkloadNotAsked, "annotation"},
		"AsksNoMore":            {"it did", shopWorkload(asksNot, given), true, []candidate{orders}, takeBack, v1alpha1.WorkloadNotAsked, "annotation"},
		"NotSelected":           {"another label", shopWorkload(labelled("app", "till")), false, []candidate{orders}, leave, "", ""},
		"NotSelectedAnyMore":    {"it was", shopWorkload(labelled("app", "till"), given), true, []candidate{orders}, takeBack, "", ""},
		"SelectsNone":           {"the policy selects nothing now", shopWorkload(given), true, []candidate{policyFor("orders", "", selectsNone)}, takeBack, "", ""},
		"PolicyGone":            {"nobody has it", shopWorkload(given), true, nil, takeBack, "", ""},
		"PolicyGoneTakenOver":   {"another policy has it from here on: one roll, not two", shopWorkload(given), true, []candidate{policyFor("other", "shop")}, leave, "", ""},
		"PolicyGoneNextIsEmpty": {"the next has nothing to give", shopWorkload(given), true, []candidate{policyFor("other", "shop", nothingInForce)}, takeBack, "", ""},
		"PolicyGoneNextKeeps": {"the next has nothing to give at the moment, and the workload has its settings", shopWorkload(labelled(v1alpha1.LabelProducerPolicy, "other")), true,
			[]candidate{policyFor("other", "shop", nothingInForce)}, leave, "", ""},
		"Going":              {"the workload is being deleted", shopWorkload(given, going), true, []candidate{orders}, leave, "", ""},
		"Group":              {"a group's, and it asks", shopWorkload(ofGroup), false, []candidate{orders}, leave, v1alpha1.WorkloadConflict, "producerPolicyRef"},
		"GroupAsksNot":       {"a group's is nobody else's matter", shopWorkload(ofGroup, asksNot), false, []candidate{orders}, leave, "", ""},
		"GroupNeverReleased": {"nor is it written when the policy goes", shopWorkload(ofGroup, given), true, nil, leave, "", ""},
		"Elder":              {"an elder has it", shopWorkload(), false, []candidate{policyFor("elder", "shop"), orders}, leave, v1alpha1.WorkloadConflict, `"elder"`},
		"ElderSelectsOthers": {"an elder has others", shopWorkload(), false, []candidate{policyFor("elder", "till"), orders}, give, "", ""},
		"ElderIsEmpty":       {"an elder has nothing in force", shopWorkload(), false, []candidate{policyFor("elder", "shop", nothingInForce), orders}, give, "", ""},
		"Younger":            {"a younger waits", shopWorkload(), false, []candidate{orders, policyFor("younger", "shop")}, give, "", ""},
		"NothingInForce":     {"nothing was accepted yet", shopWorkload(), false, []candidate{policyFor("orders", "shop", nothingInForce)}, leave, v1alpha1.WorkloadNotReporting, "nothing in force"},
		"CreatedAgain":       {"a new policy of the name: what runs stays until something is accepted", shopWorkload(given), true, []candidate{policyFor("orders", "shop", nothingInForce)}, leave, v1alpha1.WorkloadNotReporting, "nothing in force"},
		"Unreadable":         {"the selector can't be read: who has it keeps it", shopWorkload(given), true, []candidate{policyFor("orders", "", unreadable)}, give, "", ""},
		"UnreadableNew":      {"and nobody else gets it", shopWorkload(), false, []candidate{policyFor("orders", "", unreadable)}, leave, "", ""},
		"UnreadableElder":    {"also from an elder", shopWorkload(labelled(v1alpha1.LabelProducerPolicy, "elder")), false, []candidate{policyFor("elder", "", unreadable), orders}, leave, v1alpha1.WorkloadConflict, `"elder"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := claimOf("orders", tc.w, tc.had, tc.policies)
			if got.act != tc.act || got.state != tc.state || !strings.Contains(got.why, tc.words) {
				t.Errorf("%s: %+v, want act %d, %q with %q", tc.reason, got, tc.act, tc.state, tc.words)
			}
		})
	}
}

func TestDecideGiving(t *testing.T) {
	now := time.Unix(10_000, 0)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	refused := func(at time.Time, generation int64) refusedFields {
		return refusedFields{fields: "new", generation: generation, version: "1", at: at, again: refusedAgainAfter, why: "helm has it"}
	}
	filesRefused := refused(ago(30*time.Second), 7)
	filesRefused.again = resync
	live := func(fields string) *liveWorkload {
		return &liveWorkload{fields: fields, generation: 7, containers: []containerSeen{{name: "main"}, {name: "proxy"}}, lastWriter: "helm"}
	}
	cases := map[string]struct {
		reason  string
		m       workloadMemory
		ready   bool
		missing bool
		act     deliveryAct
		words   string
	}{
		"First":              {"it has nothing", workloadMemory{live: live("")}, false, false, actApply, ""},
		"Other":              {"it has other settings", workloadMemory{live: live("old")}, true, false, actApply, ""},
		"InForce":            {"it has them", workloadMemory{live: live("new")}, true, false, actNothing, ""},
		"FilesGone":          {"its ConfigMap is gone", workloadMemory{live: live("new")}, false, false, actApply, ""},
		"NoContainer":        {"there is none of the name", workloadMemory{live: live("old")}, true, true, actRefuse, `"main", "proxy"`},
		"RefusedJustNow":     {"nothing has changed since", workloadMemory{live: live(""), refused: refused(ago(29*time.Second), 7)}, true, false, actWait, "helm has it"},
		"RefusedWritten":     {"it was written, just now", workloadMemory{live: live(""), version: "2", refused: refused(ago(29*time.Second), 7)}, true, false, actWait, "helm has it"},
		"RefusedBefore":      {"it is written all the time", workloadMemory{live: live(""), version: "2", refused: refused(ago(30*time.Second), 7)}, true, false, actApply, ""},
		"RefusedAndStill":    {"nobody has written it since", workloadMemory{live: live(""), version: "1", refused: refused(ago(10*time.Minute-1), 7)}, true, false, actWait, "helm has it"},
		"RefusedLongAgo":     {"what is beside it may have changed", workloadMemory{live: live(""), version: "1", refused: refused(ago(10*time.Minute), 7)}, true, false, actApply, ""},
		"FilesRefused":       {"nor does it tell of its ConfigMap", workloadMemory{live: live(""), version: "1", refused: filesRefused}, true, false, actApply, ""},
		"RefusedOfOther":     {"the workload has changed", workloadMemory{live: live(""), refused: refused(ago(time.Second), 6)}, true, false, actApply, ""},
		"TakenAwayOnce":      {"somebody took it away", workloadMemory{live: live(""), applied: appliedFields{"new", ago(time.Second), 1}}, true, false, actApply, ""},
		"TakenAwayTwice":     {"and again", workloadMemory{live: live(""), applied: appliedFields{"new", ago(time.Second), 2}}, true, false, actWait, `"helm"`},
		"TakenAwayLongAgo":   {"ten minutes ago", workloadMemory{live: live(""), applied: appliedFields{"new", ago(10 * time.Minute), 2}}, true, false, actApply, ""},
		"OthersTakenAway":    {"what is wanted now was never applied", workloadMemory{live: live(""), applied: appliedFields{"old", ago(time.Second), 9}}, true, false, actApply, ""},
		"TakenAwayFilesGone": {"only the ConfigMap is gone: that rolls nothing", workloadMemory{live: live("new"), applied: appliedFields{"new", ago(time.Second), 2}}, false, false, actApply, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			wants := &delivery{container: containerSeen{name: "main"}, found: !tc.missing, fields: "new"}
			got := decideGiving(wants, tc.ready, tc.m, now)
			if got.act != tc.act || !strings.Contains(got.why, tc.words) || (got.why == "") != (tc.words == "") {
				t.Errorf("%s: %+v, want act %d with %q", tc.reason, got, tc.act, tc.words)
			}
		})
	}
}

func TestDecideTakingBack(t *testing.T) {
	now := time.Unix(10_000, 0)
	refused := refusedFields{generation: 7, at: now.Add(-time.Second), why: "another container mounts it"}
	for name, tc := range map[string]struct {
		m    workloadMemory
		want deliveryDecision
	}{
		"Nothing": {workloadMemory{live: &liveWorkload{generation: 7}, refused: refused}, deliveryDecision{}},
		"Owned":   {workloadMemory{live: &liveWorkload{generation: 7, fields: "some"}}, deliveryDecision{act: actRelease}},
		"Refused": {workloadMemory{live: &liveWorkload{generation: 7, fields: "some"}, refused: refused}, deliveryDecision{actWait, refused.why}},
		"Changed": {workloadMemory{live: &liveWorkload{generation: 8, fields: "some"}, refused: refused}, deliveryDecision{act: actRelease}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decideTakingBack(tc.m, now); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestAppliedAgain: how often the same was applied is counted until it has stayed.
func TestAppliedAgain(t *testing.T) {
	var a appliedFields
	at := time.Unix(10_000, 0)
	times := []int{}
	note := func(fields string, after time.Duration) {
		at = at.Add(after)
		a.noteApplied(fields, at)
		times = append(times, a.times)
	}
	note("a", 0)
	note("a", time.Minute)
	note("a", 10*time.Minute) // it was not in force meanwhile
	a.noteInForce(at.Add(9 * time.Minute))
	note("a", 9*time.Minute)
	a.noteInForce(at.Add(10 * time.Minute))
	note("a", 10*time.Minute)
	note("b", time.Minute)
	if diff := cmp.Diff([]int{1, 2, 3, 4, 1, 1}, times); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}

// TestRefusalsAreWhole: what a message is cut to has no half of a character: it
// would come back otherwise than it was written, and be written again.
func TestRefusalsAreWhole(t *testing.T) {
	long := strings.Repeat("a", 599) + "\u00e9"
	err := apierrors.NewBadRequest(long)
	refused, _ := refusalOr(err, "")
	for _, words := range []string{refused, serverWords(err, "shop")} {
		if !utf8.ValidString(words) || !strings.HasSuffix(words, "aaa") {
			t.Errorf("%q", words)
		}
	}
}
