package controllers

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// endedReset is one that had the consumer group "billing", and ended so long after noon.
func endedReset(phase v1alpha1.ResetPhase, uid string, at time.Duration, begun int32) v1alpha1.KafkaOffsetReset {
	reset := withOutcome(resetIn(phase, uid, 0), phase, begun)
	s := &reset.Status
	s.FinishedAt, s.Draining, s.Plan = &metav1.Time{Time: noon.Add(at)}, &v1alpha1.ResetDraining{}, &v1alpha1.ResetPlan{GroupID: "billing", ClusterID: "prod"}
	return *reset
}

// TestRanResets: what a group remembers that has lost its status: resets that had it,
// the newest first.
func TestRanResets(t *testing.T) {
	group := &v1alpha1.KafkaConsumerGroup{}
	group.Spec.GroupID = "billing"
	refused, other, running := endedReset(v1alpha1.PhaseFailed, "r", 9, 0), endedReset(v1alpha1.PhaseSucceeded, "o", 9, 1), endedReset(v1alpha1.PhaseVerifying, "v", 9, 1)
	refused.Status.Draining, running.Status.FinishedAt = nil, nil
	other.Status.Plan.GroupID = "another"
	elsewhere := endedReset(v1alpha1.PhaseSucceeded, "e", 9, 1)
	elsewhere.Status.Plan.ClusterID = "staging"
	unplanned := endedReset(v1alpha1.PhaseCancelled, "u", 9, 0)
	unplanned.Status.Plan = nil
	resets := []v1alpha1.KafkaOffsetReset{
		endedReset(v1alpha1.PhaseSucceeded, "a", 1, 1), refused, endedReset(v1alpha1.PhaseCancelled, "b", 3, 0), other, elsewhere, running, unplanned, endedReset(v1alpha1.PhaseFailed, "c", 2, 1),
	}
	var got []string
	for _, r := range ranResets(group, "prod", resets) {
		got = append(got, string(r.UID)+" "+r.SpecHash+" "+string(r.Outcome))
		if want := r.UID != "b"; r.Committed != want || r.Name != "reset-"+string(r.UID) || r.At.IsZero() {
			t.Errorf("%+v, committed: want %t", r, want)
		}
	}
	if want := "b hash-b Cancelled, c hash-c Failed, a hash-a Succeeded"; strings.Join(got, ", ") != want {
		t.Errorf("%q, want %s", got, want)
	}
	resets[0].Status.Plan.ClusterID = "" // and of a cluster that was not told
	if ran := ranResets(group, "", resets); len(ran) > 0 {
		t.Errorf("of a cluster that is not known: %+v", ran)
	}
	for range maxResetRecords {
		resets = append(resets, endedReset(v1alpha1.PhaseSucceeded, "z", -time.Hour, 1))
	}
	if n := len(ranResets(group, "prod", resets)); n != maxResetRecords {
		t.Errorf("%d are remembered, want %d", n, maxResetRecords)
	}
}

// TestRecordsAreNotReplaced: what a group remembers is not put together anew.
func TestRecordsAreNotReplaced(t *testing.T) {
	ran := []v1alpha1.ResetRecord{{Name: "ran"}}
	for _, tc := range []struct{ before, want string }{{"", "ran"}, {"known", "known"}} {
		var s v1alpha1.KafkaConsumerGroupStatus
		if tc.before != "" {
			s.Resets = []v1alpha1.ResetRecord{{Name: tc.before}}
		}
		setResets(&s, groupSnapshot{resets: resetSeen{ran: ran}}, decision{}, applyResult{})
		if len(s.Resets) != 1 || s.Resets[0].Name != tc.want {
			t.Errorf("%+v, want %s", s.Resets, tc.want)
		}
	}
}
