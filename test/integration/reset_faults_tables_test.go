package integration

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// table is the one ConfigMap of the reset that holds this.
func table(t *testing.T, r *v1alpha1.KafkaOffsetReset, what string) *corev1.ConfigMap {
	t.Helper()
	var list corev1.ConfigMapList
	if err := kube.List(context.Background(), &list, client.InNamespace(r.Namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if strings.HasPrefix(list.Items[i].Name, r.Name+"-"+what) {
			return &list.Items[i]
		}
	}
	t.Fatalf("no ConfigMap with the %s of %s", what, r.Name)
	return nil
}

// restored creates the ConfigMap again, with this content.
func restored(t *testing.T, configMap *corev1.ConfigMap, content []byte) {
	t.Helper()
	again := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: configMap.Namespace, Name: configMap.Name, Labels: configMap.Labels}}
	again.BinaryData = map[string][]byte{"rows.json.gz": content}
	create(t, again)
}

// TestResetFaultTables: a plan of 301 partitions is kept in ConfigMaps. What is
// altered or gone is not committed: before the commit another plan is made, and
// after it the workers stay stopped until it is there again.
func TestResetFaultTables(t *testing.T) {
	t.Parallel()
	s := standOn(t, startBroker(t, map[string]int32{"orders": 301}), 0)
	r := reset(s.g, "kor", allTo(3)("orders", 301))
	create(t, r)
	planned := wantPhase(t, r, v1alpha1.PhasePlanned).Status.Plan
	if len(planned.Rows.Items) != 0 || len(planned.Rows.ConfigMaps) != 1 || planned.Partitions != 301 {
		t.Fatalf("rows %+v, %d partitions", planned.Rows, planned.Partitions)
	}
	plan := table(t, r, "plan-1")
	remove(t, plan.DeepCopy()) // it is immutable
	restored(t, plan, []byte("no plan"))
	approve(t, r)
	wantTrouble(t, r, v1alpha1.PhasePlanned, v1alpha1.ConditionApproved, "False", v1alpha1.ReasonApprovalMismatch)
	wantReplicas(t, s.g, 1)
	remove(t, table(t, r, "plan-2"))
	approve(t, r)
	wantRevision(t, r, 3)
	eventually(t, func() error { return s.workers.committedEverywhere(301, 10) })

	stop := s.moments.stopAt("after commit")
	approve(t, r)
	var writes *corev1.ConfigMap
	stop.do(t, func() {
		writes = table(t, r, "writes")
		remove(t, writes.DeepCopy())
	})
	wantStalled(t, r, v1alpha1.PhaseVerifying, v1alpha1.ReasonTablesLost, writes.Name)
	wantReplicas(t, s.g, 0)
	restored(t, writes, writes.BinaryData["rows.json.gz"])
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	starts := s.workers.startsSoFar()
	if start := starts[len(starts)-1]; len(start) != 301 || offsetsAre(start, 3, -1) != nil {
		t.Errorf("workers began at %v", start)
	}
}

// kstatusOf is what tools like kubectl wait and Flux make of the reset.
func kstatusOf(t *testing.T, r *v1alpha1.KafkaOffsetReset) string {
	t.Helper()
	now, err := resetNow(r)
	if err != nil {
		t.Fatal(err)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(now)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("KafkaOffsetReset"))
	result, err := status.Compute(u)
	if err != nil {
		t.Fatal(err)
	}
	return string(result.Status)
}

// TestResetFaultKstatus: a plan that waits for approval is done as far as tools are
// concerned; one under way is not, and one that waits for a person has failed.
func TestResetFaultKstatus(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.toThree("kor")
	create(t, r)
	wantPhase(t, r, v1alpha1.PhasePlanned)
	want := func(of *v1alpha1.KafkaOffsetReset, status string) {
		t.Helper()
		if got := kstatusOf(t, of); got != status {
			now, _ := resetNow(of)
			t.Errorf("kstatus %s of phase %s, want %s: %s", got, now.Status.Phase, status, conditionsOf(now))
		}
	}
	want(r, "Current")
	var stops []*moment
	phases := []string{"in Approved", "in Draining", "in Rechecking", "in Committing", "in Verifying", "in Resuming"}
	for _, point := range phases {
		stops = append(stops, s.moments.stopAt(point))
	}
	approve(t, r)
	for _, stop := range stops {
		stop.do(t, func() { want(r, "InProgress") })
	}
	s.wantMoved(t, r)
	want(r, "Current")

	gone := reset(s.g, "gone", v1alpha1.ResetTarget{RollbackOf: "nobody"})
	create(t, gone)
	wantStalled(t, gone, v1alpha1.PhasePlanning, v1alpha1.ReasonRollbackMissing, `"nobody"`)
	want(gone, "Failed")
	failed := reset(s.g, "failed", allTo(99)("orders", 4))
	create(t, failed)
	wantPhase(t, failed, v1alpha1.PhaseFailed)
	want(failed, "Failed")
	cancelled := s.toThree("cancelled", func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Cancel = true })
	create(t, cancelled)
	wantPhase(t, cancelled, v1alpha1.PhaseCancelled)
	want(cancelled, "Current")
}
