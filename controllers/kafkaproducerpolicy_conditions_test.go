package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// checkedPolicy is a policy that was looked at and accepted, with these workloads.
func checkedPolicy(workloads ...v1alpha1.ProducerWorkload) policyCase {
	return policyCase{
		seen:    policySnapshot{now: time.Unix(1e9, 0), connection: heldConnection{known: true}, surveyed: true, survey: kafka.ConfigSurvey{Whole: true}},
		decided: policyDecision{verdict: producerpolicy.Verdict{Accepted: true, Reason: v1alpha1.ReasonNoErrors, Message: "in force"}},
		done:    delivered{workloads: workloads},
	}
}

type policyCase struct {
	policy  v1alpha1.KafkaProducerPolicy
	seen    policySnapshot
	decided policyDecision
	done    delivered
}

func (c policyCase) with(mod func(*policyCase)) policyCase {
	mod(&c)
	return c
}

func inState(state v1alpha1.ProducerWorkloadState) v1alpha1.ProducerWorkload {
	return v1alpha1.ProducerWorkload{Kind: "Deployment", Name: strings.ToLower(string(state)), State: state, Message: "because"}
}

// TestPolicyConditions: each state is told by the conditions that it changes.
func TestPolicyConditions(t *testing.T) {
	t.Parallel()
	cut := fmt.Errorf("ask: %w", kafka.ErrUnreachable)
	away := func(c *policyCase) { c.seen.survey.Err = cut }
	unchecked := func(c *policyCase) {
		c.decided = policyDecision{unchecked: &blocked{v1alpha1.ReasonNotChecked, "cut off"}}
	}
	accepted := func(generation int64) func(*policyCase) {
		return func(c *policyCase) {
			c.policy.Generation = 2
			c.policy.Status.InForce = &v1alpha1.ProducerInForce{Generation: generation}
			c.policy.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: yes, Reason: v1alpha1.ReasonErrorsTold, Message: "told", ObservedGeneration: generation}}
		}
	}
	cases := map[string]struct {
		reason string
		policyCase
		want  string // conditions, as Type=Status(Reason)
		words []string
	}{
		"Accepted": {"nothing else to say", checkedPolicy(),
			"KafkaReachable=True(BrokersAnswer) Accepted=True(NoErrors) Stalled=False(NothingStalled) Reconciling=False(Settled) Ready=True(NoErrors)", nil},
		"Denied": {"someone must act", checkedPolicy().with(func(c *policyCase) { c.decided.verdict = producerpolicy.Verdict{Reason: v1alpha1.ReasonDenied} }),
			"KafkaReachable=True(BrokersAnswer) Accepted=False(Denied) Stalled=True(Denied) Reconciling=False(Settled) Ready=False(Denied)", nil},
		"FirstLook": {"waits for the topics", checkedPolicy().with(unchecked).with(func(c *policyCase) { c.seen.surveyed = false }),
			"KafkaReachable=Unknown(NotSampled) Accepted=Unknown(NotChecked) Stalled=False(NothingStalled) Reconciling=True(NotChecked) Ready=False(NotChecked)",
			[]string{"no settings are in force until then"}},
		"AwayBefore": {"what was decided stays", checkedPolicy().with(unchecked).with(away).with(accepted(2)),
			"Accepted=True(ErrorsTold) KafkaReachable=False(Unreachable) Stalled=False(NothingStalled) Reconciling=False(Settled) Ready=True(ErrorsTold)", nil},
		"AwayAfterEdit": {"but not for another spec", checkedPolicy().with(unchecked).with(away).with(accepted(1)),
			"Accepted=Unknown(NotChecked) KafkaReachable=False(Unreachable) Stalled=False(NothingStalled) Reconciling=True(NotChecked) Ready=False(NotChecked)",
			[]string{"cut off", "the settings of generation 1 stay in force"}},
		"Refused": {"another password is somebody's work", checkedPolicy().with(accepted(2)).with(unchecked).with(func(c *policyCase) { c.seen.survey.Err = kafka.ErrAuthentication }),
			"Accepted=True(ErrorsTold) KafkaReachable=False(AuthenticationFailed) Stalled=True(AuthenticationFailed) Reconciling=False(Settled) Ready=False(AuthenticationFailed)", nil},
		"Unresolved": {"a Secret is missing", checkedPolicy().with(unchecked).with(func(c *policyCase) {
			c.seen.surveyed, c.seen.connection = false, heldConnection{problem: &problem{v1alpha1.ReasonCredentialsMissing, "no Secret"}}
		}), "ConnectionResolved=False(CredentialsMissing) KafkaReachable=Unknown(CredentialsMissing) Accepted=Unknown(NotChecked) " +
			"Stalled=True(CredentialsMissing) Reconciling=False(Settled) Ready=False(CredentialsMissing)", nil},
		"OtherCluster": {"it is not taken for the same", checkedPolicy().with(unchecked).with(func(c *policyCase) { c.seen.cluster.changed = &blocked{v1alpha1.ReasonClusterChanged, "x"} }),
			"KafkaReachable=True(BrokersAnswer) Accepted=Unknown(NotChecked) Stalled=True(ClusterChanged) Reconciling=False(Settled) Ready=False(ClusterChanged)", nil},
		"Rolling": {"the worst of the workloads counts", checkedPolicy(inState(v1alpha1.WorkloadApplied), inState(v1alpha1.WorkloadRolling), inState(v1alpha1.WorkloadNotReporting)),
			"KafkaReachable=True(BrokersAnswer) Accepted=True(NoErrors) Applied=False(WorkloadsRolling) Stalled=False(NothingStalled) Reconciling=True(WorkloadsRolling) Ready=False(WorkloadsRolling)",
			[]string{"1/3 workloads", `Deployment "rolling" is Rolling: because`}},
		"NotReporting": {"what says nothing is not doubted", checkedPolicy(inState(v1alpha1.WorkloadNotReporting)),
			"KafkaReachable=True(BrokersAnswer) Accepted=True(NoErrors) Applied=Unknown(WorkloadsNotReporting) Stalled=False(NothingStalled) Reconciling=False(Settled) Ready=True(NoErrors)", nil},
		"Conflict": {"someone must act", checkedPolicy(inState(v1alpha1.WorkloadConflict), inState(v1alpha1.WorkloadRolling)),
			"KafkaReachable=True(BrokersAnswer) Accepted=True(NoErrors) Applied=False(WorkloadConflict) Stalled=True(WorkloadConflict) Reconciling=False(Settled) Ready=False(WorkloadConflict)", nil},
		"Drifted": {"it runs other settings", checkedPolicy(inState(v1alpha1.WorkloadDrifted), inState(v1alpha1.WorkloadRolling)),
			"KafkaReachable=True(BrokersAnswer) Accepted=True(NoErrors) Applied=False(WorkloadsDrifted) Stalled=False(NothingStalled) Reconciling=False(Settled) Ready=False(WorkloadsDrifted)", nil},
		"AllApplied": {"all run it, and who did not ask is no concern", checkedPolicy(inState(v1alpha1.WorkloadNotAsked), inState(v1alpha1.WorkloadApplied)),
			"KafkaReachable=True(BrokersAnswer) Accepted=True(NoErrors) Applied=True(AllApplied) Stalled=False(NothingStalled) Reconciling=False(Settled) Ready=True(NoErrors)", []string{"1/1"}},
		"NotAsked": {"no workload, no condition", checkedPolicy(inState(v1alpha1.WorkloadNotAsked)),
			"KafkaReachable=True(BrokersAnswer) Accepted=True(NoErrors) Stalled=False(NothingStalled) Reconciling=False(Settled) Ready=True(NoErrors)", nil},
		"NotEnabled": {"the installer must act", checkedPolicy().with(func(c *policyCase) { c.done.notEnabled = true }),
			"KafkaReachable=True(BrokersAnswer) Accepted=True(NoErrors) Applied=False(DeliveryNotEnabled) Stalled=True(DeliveryNotEnabled) Reconciling=False(Settled) Ready=False(DeliveryNotEnabled)", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := policyStatus(&tc.policy, tc.seen, tc.decided, tc.done)
			var have, messages []string
			for _, c := range s.Conditions {
				have = append(have, fmt.Sprintf("%s=%s(%s)", c.Type, c.Status, c.Reason))
				messages = append(messages, c.Message)
			}
			if got := strings.Join(have, " "); got != tc.want {
				t.Errorf("%s:\nwant %s\nhave %s", tc.reason, tc.want, got)
			}
			for _, words := range tc.words {
				if !strings.Contains(strings.Join(messages, "\n"), words) {
					t.Errorf("%s: no message says %q: %q", tc.reason, words, messages)
				}
			}
		})
	}
}

// TestPolicyConditionsGo: a condition goes with what it was about.
func TestPolicyConditionsGo(t *testing.T) {
	t.Parallel()
	c := checkedPolicy()
	for _, kind := range []string{v1alpha1.ConditionApplied, v1alpha1.ConditionConnectionResolved} {
		c.policy.Status.Conditions = []metav1.Condition{{Type: kind, Status: no}}
		if s := policyStatus(&c.policy, c.seen, c.decided, c.done); meta.FindStatusCondition(s.Conditions, kind) != nil {
			t.Errorf("%s stays", kind)
		}
	}
}

// TestUnchecked: topics that were read once as a whole may be judged, whatever
// comes after; anything less may not.
func TestUnchecked(t *testing.T) {
	t.Parallel()
	known, cut := heldConnection{known: true}, errors.New("cut off")
	readBefore := policySnapshot{connection: known, surveyed: true, survey: kafka.ConfigSurvey{Whole: true, Err: cut}}
	if got := readBefore.unchecked(false); got == nil || !strings.Contains(got.message, "cut off") {
		t.Errorf("a spec of which nothing was decided is judged by what was read before: %+v", got)
	}
	cases := map[string]struct {
		reason string
		seen   policySnapshot
		words  string // "" for checked
	}{
		"Whole":       {"all was read", policySnapshot{connection: known, surveyed: true, survey: kafka.ConfigSurvey{Whole: true}}, ""},
		"WholeBefore": {"it was read before", readBefore, ""},
		"Outdated": {"it was read where the spec does not lead any more", policySnapshot{
			connection: heldConnection{known: true, outdated: true, problem: &problem{"x", "no KafkaConnection"}}, surveyed: true, survey: kafka.ConfigSurvey{Whole: true},
		}, "no KafkaConnection"},
		"Unresolved": {"the spec still leads there", policySnapshot{
			connection: heldConnection{known: true, problem: &problem{"x", "no Secret"}}, surveyed: true, survey: kafka.ConfigSurvey{Whole: true},
		}, ""},
		"NeverReached": {"nothing is known", policySnapshot{connection: known, surveyed: true, survey: kafka.ConfigSurvey{Err: cut}}, "cut off"},
		"Passing":      {"more may be known soon", policySnapshot{connection: known, surveyed: true, survey: kafka.ConfigSurvey{Passing: cut}}, "cut off"},
		"NotYet":       {"nobody has looked", policySnapshot{connection: known}, "first look"},
		"NoSecret":     {"nobody can look", policySnapshot{connection: heldConnection{problem: &problem{"x", "no Secret"}}}, "no Secret"},
		"Pending": {"another cluster is meant", policySnapshot{connection: known, surveyed: true, survey: kafka.ConfigSurvey{Whole: true},
			cluster: clusterSeen{pending: &blocked{"x", "not seen"}}}, "not seen"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tc.seen.unchecked(true)
			if (got == nil) != (tc.words == "") || (got != nil && !strings.Contains(got.message, tc.words)) {
				t.Errorf("%s: %+v, want %q", tc.reason, got, tc.words)
			}
		})
	}
}
