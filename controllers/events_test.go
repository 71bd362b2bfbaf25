package controllers

import (
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func statusWith(desired int32, conditions ...metav1.Condition) v1alpha1.KafkaConsumerGroupStatus {
	s := v1alpha1.KafkaConsumerGroupStatus{DesiredReplicas: desired, Scaling: &v1alpha1.ScalingStatus{Message: "6: lag"}}
	for _, kind := range []string{v1alpha1.ConditionKafkaReachable, v1alpha1.ConditionLagKnown, v1alpha1.ConditionStalled, v1alpha1.ConditionPaused} {
		c := metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Fine"}
		if kind == v1alpha1.ConditionStalled || kind == v1alpha1.ConditionPaused {
			c.Status = metav1.ConditionFalse
		}
		for _, given := range conditions {
			if given.Type == kind {
				c = given
			}
		}
		s.Conditions = append(s.Conditions, c)
	}
	return s
}

func TestEventsOf(t *testing.T) {
	away := metav1.Condition{Type: v1alpha1.ConditionKafkaReachable, Status: metav1.ConditionFalse, Reason: "Unreachable", Message: "no"}
	notYet := metav1.Condition{Type: v1alpha1.ConditionKafkaReachable, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotSampled}
	warned := statusWith(2)
	warned.Warnings = []string{"short grace"}
	cases := map[string]struct {
		reason        string
		before, after v1alpha1.KafkaConsumerGroupStatus
		want          []string
	}{
		"Nothing":      {"no change is no event", statusWith(2), statusWith(2), nil},
		"FirstLook":    {"what is fine from the start is no news", v1alpha1.KafkaConsumerGroupStatus{DesiredReplicas: 2}, statusWith(2), nil},
		"FirstLookBad": {"what is wrong from the start is", v1alpha1.KafkaConsumerGroupStatus{DesiredReplicas: 2}, statusWith(2, away), []string{"Warning Unreachable"}},
		"NotSampled":   {"the time before the first sample is neither", statusWith(2, notYet), statusWith(2), nil},
		"Scaled":       {"a change of replicas tells why", statusWith(2), statusWith(6), []string{"Normal Scaled"}},
		"WentAway":     {"a warning", statusWith(2), statusWith(2, away), []string{"Warning Unreachable"}},
		"CameBack":     {"and its end", statusWith(2, away), statusWith(2), []string{"Normal Fine"}},
		"Warned":       {"a new warning, once", statusWith(2), warned, []string{"Warning Warning"}},
		"StillWarned":  {"not again", warned, warned, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range eventsOf(tc.before, tc.after) {
				got = append(got, e.kind+" "+e.reason)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestReloadEvents: each reload of credentials is told, also one after another,
// and a restart tells none again.
func TestReloadEvents(t *testing.T) {
	reloaded := func(at string) *metav1.Condition {
		return &metav1.Condition{Type: v1alpha1.ConditionConnectionResolved, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonCredentialsReloaded, Message: "read anew at " + at}
	}
	cases := map[string]struct {
		reason        string
		before, after *metav1.Condition
		want          bool
	}{
		"First":  {"the first", &metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonResolved}, reloaded("12:00"), true},
		"Second": {"and the next", reloaded("12:00"), reloaded("12:05"), true},
		"Same":   {"not twice", reloaded("12:05"), reloaded("12:05"), false},
		"Gone":   {"a connection that names nothing any more", reloaded("12:05"), nil, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if e, got := conditionEvent(tc.before, tc.after); got != tc.want || (got && e.kind != "Normal") {
				t.Errorf("%s: %v %+v, want %v", tc.reason, got, e, tc.want)
			}
		})
	}
}

// TestConnectionEventsWarn: what a KafkaConnection can't do is no normal event.
func TestConnectionEventsWarn(t *testing.T) {
	for _, kind := range []string{v1alpha1.ConditionReachable, v1alpha1.ConditionAuthenticated} {
		before := &metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Fine"}
		after := &metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: "Refused"}
		if e, told := conditionEvent(before, after); !told || e.kind != "Warning" {
			t.Errorf("%s is False: %+v, want a warning", kind, e)
		}
		if e, told := conditionEvent(after, before); !told || e.kind != "Normal" {
			t.Errorf("%s is True again: %+v, want a normal event", kind, e)
		}
	}
}

// TestLogged: the log has what a person looks for in it, and not each event.
func TestLogged(t *testing.T) {
	away := metav1.Condition{Type: v1alpha1.ConditionKafkaReachable, Status: metav1.ConditionFalse, Reason: "Unreachable"}
	stalled := metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: "AuthenticationFailed", Message: "refused"}
	var lines []string
	ctx := log.IntoContext(t.Context(), funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{}))
	for _, e := range eventsOf(statusWith(2), statusWith(6, away, stalled)) {
		e.log(ctx)
	}
	want := []string{
		`"level"=0 "msg"="from 2 to 6: lag" "reason"="Scaled"`,
		`"level"=0 "msg"="Stalled is True: refused" "reason"="AuthenticationFailed"`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
