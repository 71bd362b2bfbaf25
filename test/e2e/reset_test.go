//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// resetPhases are the phases of a reset that meets no obstacle, from its plan on.
var resetPhases = []v1alpha1.ResetPhase{
	v1alpha1.PhasePlanned, v1alpha1.PhaseApproved, v1alpha1.PhaseDraining, v1alpha1.PhaseRechecking, v1alpha1.PhaseCommitting,
	v1alpha1.PhaseVerifying, v1alpha1.PhaseResuming, v1alpha1.PhaseSucceeded,
}

// TestOffsetReset is a replay as those on call do it, on Apache Kafka: one who
// may not approve asks for it, one who may approves the plan, and it is rolled
// back. The workers handle again exactly what was planned, in order. The manager
// is killed in the middle of the rollback.
func TestOffsetReset(t *testing.T) {
	trial := startResetTrial(t)
	trial.produce(t, 2*time.Hour, 40, 20)
	old := trial.ends()
	trial.produce(t, 0, 60, 30) // 420 in all
	trial.wantHandled(t)

	replay := trial.wantUndisturbed(t, func() v1alpha1.ResetPlan {
		hourAgo := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		plan := trial.plan(t, "orders-replay", `target: {datetime: "`+hourAgo+`"}`)
		trial.wantApprovalsGuarded(t, "orders-replay", plan)
		return plan
	})
	trial.wantRows(t, replay, old, trial.ends())
	w := trial.watch(t, "orders-replay")
	trial.approve(t, "orders-replay", replay)
	w.awaitPhase(t, v1alpha1.PhaseDraining)
	trial.produce(t, 0, 10, 0) // nobody is there to handle them
	trial.wantGroupHeld(t, "orders-replay")
	trial.wantAllPhases(t, w, trial.succeeded(t, "orders-replay", w))
	trial.wantHandled(t)
	trial.wantReplayed(t, "orders-replay")
	trial.wantEvents(t, "orders-replay")

	rollback := trial.plan(t, "orders-rollback", "target: {rollbackOf: orders-replay}", "resume: false")
	w = trial.watch(t, "orders-rollback")
	trial.approve(t, "orders-rollback", rollback)
	w.awaitPhase(t, v1alpha1.PhaseDraining)
	trial.killManagerUnder(t, "orders-rollback")
	trial.kubectl(t, "annotate", requester, "kor", "orders-rollback", "kafka.lagrange.dev/resume=true")
	trial.wantAllPhases(t, w, trial.succeeded(t, "orders-rollback", w))
	trial.produce(t, 0, 5, 5)
	trial.wantHandled(t)

	trial.kubectl(t, "get", "kcg,kor")
	trial.kubectl(t, "delete", "kor", "--all", "--timeout=60s")
}

// ends are the log end offsets.
func (r *resetTrial) ends() map[int32]int64 {
	ends := map[int32]int64{}
	for p, c := range r.courses {
		ends[p] = c.end
	}
	return ends
}

// wantUndisturbed plans, and sees that nothing of the group has changed some
// cycles later: objects, pods, members, commits.
func (r *resetTrial) wantUndisturbed(t *testing.T, plan func() v1alpha1.ResetPlan) v1alpha1.ResetPlan {
	t.Helper()
	r.kubectl(t, "wait", "--for=condition=Ready", "kcg/orders", "--timeout=60s")
	vigil, members := keepVigil(t, r.group), r.members(t)
	planned := plan()
	vigil.awaitSample(t, time.Now().Add(3*time.Second))
	vigil.end(t)
	if diff := cmp.Diff(members, r.members(t)); diff != "" || len(members) != 2 {
		t.Errorf("the group's members beside a plan, -before +now:\n%s", diff)
	}
	if committed, err := r.committed(t.Context()); err != nil || !cmp.Equal(committed, r.ends()) {
		t.Errorf("beside a plan %v is committed, want %v: %v", committed, r.ends(), err)
	}
	return planned
}

// wantApprovalsGuarded sees who has no right to approve refused, in each way there is.
func (r *resetTrial) wantApprovalsGuarded(t *testing.T, name string, plan v1alpha1.ResetPlan) {
	t.Helper()
	r.wantRefusal(t, fmt.Sprintf("dev does not hold the verb approve on kafkaoffsetresets %q", name),
		"patch", requester, "kor", name, "--type=merge", "-p", approval(plan.Hash))
	r.wantRefusal(t, "lagrange-manager does not hold the verb approve", // nor the manager itself
		"patch", "--as=system:serviceaccount:lagrange-system:lagrange-manager", "kor", name, "--type=merge", "-p", approval(plan.Hash))
	r.wantRefusal(t, "spec.approval: Automatic: dev does not hold the verb approve",
		"apply", requester, "-f", r.manifest(t, "at-once", "target: {earliest: {}}", "approval: Automatic"))
	r.wantRefusal(t, "dev does not hold the verb approve",
		"apply", requester, "-f", r.manifest(t, "approved", "target: {earliest: {}}", "approved: "+plan.Hash))
}

// wantRows holds a plan against where the offsets are to go and where they are.
func (r *resetTrial) wantRows(t *testing.T, plan v1alpha1.ResetPlan, targets, committed map[int32]int64) {
	t.Helper()
	distance := int64(0)
	for _, row := range plan.Rows.Items {
		was, to := committed[row.Partition], targets[row.Partition]
		distance += to - was
		got := []*int64{row.Committed, ptr.To(row.End), row.Target, row.Distance}
		if diff := cmp.Diff([]*int64{&was, &was, &to, ptr.To(to - was)}, got); diff != "" {
			t.Errorf("partition %d: committed, end, target, distance, -want +got:\n%s", row.Partition, diff)
		}
	}
	if len(plan.Rows.Items) != resetPartitions || plan.Moved != resetPartitions || plan.Distance != distance {
		t.Errorf("%d rows, %d moved by %d, want %d by %d", len(plan.Rows.Items), plan.Moved, plan.Distance, resetPartitions, distance)
	}
}

// wantGroupHeld sees the group say who has it.
func (r *resetTrial) wantGroupHeld(t *testing.T, name string) {
	t.Helper()
	r.kubectl(t, "wait", "--for=condition="+v1alpha1.ConditionOffsetResetInProgress, "kcg/orders", "--timeout=60s")
	said := r.kubectl(t, "get", "kcg", "orders", "-o", `jsonpath={.status.conditions[?(@.type=="OffsetResetInProgress")].message}`)
	if !strings.Contains(said, name) {
		t.Errorf("OffsetResetInProgress does not name %q: %s", name, said)
	}
}

func (r *resetTrial) wantAllPhases(t *testing.T, w *resetWatch, reset *v1alpha1.KafkaOffsetReset) {
	t.Helper()
	if diff := cmp.Diff(resetPhases, w.phases()); diff != "" {
		t.Errorf("phases of %s, -want +got:\n%s", reset.Name, diff)
	}
	for _, c := range reset.Status.Conditions {
		if bad := c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled; (c.Status == "True") == bad {
			t.Errorf("%s: %s is %s: %s", reset.Name, c.Type, c.Status, c.Message)
		}
	}
}

// wantReplayed waits until kubectl shows that all of it was handled again.
func (r *resetTrial) wantReplayed(t *testing.T, name string) {
	t.Helper()
	eventually(t, func(context.Context) error {
		table, err := kubectlRun("-n", r.group.Namespace, "get", "kor", name)
		if err == nil && !slices.Contains(strings.Fields(table), "100%") {
			err = fmt.Errorf("the replay is not shown as done:\n%s", table)
		}
		return err
	})
	r.kubectl(t, "get", "kor", name)
}

// wantEvents sees an event of each step, and what the group's controller says.
func (r *resetTrial) wantEvents(t *testing.T, name string) {
	t.Helper()
	for object, reasons := range map[string][]v1alpha1.ResetPhase{
		"KafkaOffsetReset/" + name: resetPhases, "KafkaConsumerGroup/orders": {"OffsetResetStarted", "OffsetResetEnded"},
	} {
		kind, name, _ := strings.Cut(object, "/")
		said := r.kubectl(t, "get", "events", "--field-selector=involvedObject.kind="+kind+",involvedObject.name="+name)
		for _, reason := range reasons {
			if !slices.Contains(strings.Fields(said), string(reason)) {
				t.Errorf("no event %s of %s:\n%s", reason, object, said)
			}
		}
	}
}

// killManagerUnder kills the manager while a reset that does not resume has the workers stopped.
func (r *resetTrial) killManagerUnder(t *testing.T, name string) {
	t.Helper()
	if os.Getenv("CLUSTER") != "" {
		t.Log("SKIPPED: only on the local cluster can the manager be killed here")
		return
	}
	before := restarts(t)
	killManager(t)
	if reset := r.get(t, name); !reset.Status.Phase.HoldsWorkers() {
		t.Errorf("the manager was killed in phase %s, in which workers run: %s", reset.Status.Phase, reset.Status.Message)
	}
	eventually(t, func(context.Context) error {
		if now := restarts(t); now <= before {
			return fmt.Errorf("the manager restarted %d times, want more than %d", now, before)
		}
		return nil
	})
}
