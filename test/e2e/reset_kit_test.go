//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	kafkabroker "github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

// Who asks for a reset, and who approves it.
const (
	requester = "--as=dev"
	approver  = "--as=lead"
)

// resetPartitions is how many partitions are reset.
const resetPartitions = 4

// resetTrial is a group whose offsets are moved, and what is to become of its messages.
type resetTrial struct {
	group   *v1alpha1.KafkaConsumerGroup
	kafka   *kgo.Client
	handled *journal
	courses map[int32]*course
}

// startResetTrial starts Apache Kafka and a group of two workers that report what
// they handle, and the rights of those who ask for a reset and who approve it.
func startResetTrial(t *testing.T) *resetTrial {
	t.Helper()
	address, handled := startApache(t, kafkabroker.Topic{Name: "orders", Partitions: resetPartitions}), newJournal()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	ns := namespace(t)
	for user, role := range map[string]string{"dev": "edit", "lead": "lagrange-kafkaoffsetreset-approve"} {
		mustKubectl(t, "-n", ns, "create", "rolebinding", user, "--clusterrole="+role, "--user="+user)
	}
	trial := &resetTrial{kafka: kafka, handled: handled, courses: map[int32]*course{}}
	for p := range int32(resetPartitions) {
		trial.courses[p] = &course{}
	}
	tallyAddress := serveTally(t, handled)
	trial.group = group(ns, "orders", &broker{address: address}, "20ms", func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Scaling.MinReplicas, g.Spec.Scaling.LagTarget.MessagesPerReplica = 2, 10_000
		worker := &g.Spec.Workload.Template.Spec.Containers[0]
		worker.Env = append(worker.Env, corev1.EnvVar{Name: "WORKER_TALLY_ADDR", Value: tallyAddress})
	})
	create(t, trial.group)
	return trial
}

// startApache starts Apache Kafka where pods reach it, in plain text.
func startApache(t *testing.T, topic kafkabroker.Topic) (address string) {
	t.Helper()
	cluster, err := apache.Start(t.Context(), apache.Options{
		Listeners: []apache.Listener{{Name: "PODS", Listen: []string{net.JoinHostPort(host, "0")}}},
		Topics:    []kafkabroker.Topic{topic}, Progress: os.Stderr,
	})
	if errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close() })
	return cluster.Servers("PODS")[0]
}

// produce writes messages of that age, another number to each partition: first,
// and more to each one after it.
func (r *resetTrial) produce(t *testing.T, age time.Duration, first, more int64) {
	t.Helper()
	var records []*kgo.Record
	for p, c := range r.courses {
		n := first + more*int64(p)
		c.end += n
		for range n {
			records = append(records, &kgo.Record{Topic: "orders", Partition: p, Timestamp: time.Now().Add(-age), Value: []byte("order")})
		}
	}
	if err := r.kafka.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// wantHandled waits until the workers have handled what is to be handled on each
// partition, in that order and nothing else, and have committed its end.
func (r *resetTrial) wantHandled(t *testing.T) {
	t.Helper()
	want, ends := map[int32][]int64{}, map[int32]int64{}
	for p, c := range r.courses {
		want[p], ends[p] = c.offsets(), c.end
	}
	eventually(t, func(ctx context.Context) error {
		if diff := cmp.Diff(want, r.handled.sofar()); diff != "" {
			return fmt.Errorf("handled by partition, -want +got:\n%s\n%s", diff, why(r.group))
		}
		committed, err := r.committed(ctx)
		if diff := cmp.Diff(ends, committed); err == nil && diff != "" {
			err = fmt.Errorf("committed by partition, -want +got:\n%s", diff)
		}
		return err
	})
}

func (r *resetTrial) committed(ctx context.Context) (map[int32]int64, error) {
	offsets, err := kadm.NewClient(r.kafka).FetchOffsets(ctx, r.group.Spec.GroupID)
	committed := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) { committed[o.Partition] = o.At })
	return committed, errors.Join(err, offsets.Error())
}

// members are the ids that the broker has given the group's members.
func (r *resetTrial) members(t *testing.T) []string {
	t.Helper()
	described, err := kadm.NewClient(r.kafka).DescribeGroups(t.Context(), r.group.Spec.GroupID)
	if err = errors.Join(err, described.Error()); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range described[r.group.Spec.GroupID].Members {
		ids = append(ids, m.MemberID)
	}
	slices.Sort(ids)
	return ids
}

// manifest is a KafkaOffsetReset of the group as a file.
func (r *resetTrial) manifest(t *testing.T, name string, spec ...string) string {
	t.Helper()
	head := "apiVersion: kafka.lagrange.dev/v1alpha1\nkind: KafkaOffsetReset\nmetadata: {name: " + name + "}\n"
	lines := append([]string{"spec:", "groupRef: {name: orders}"}, spec...)
	path := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(path, []byte(head+strings.Join(lines, "\n  ")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (r *resetTrial) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out := mustKubectl(t, append([]string{"-n", r.group.Namespace}, args...)...)
	t.Logf("$ kubectl %s\n%s", strings.Join(args, " "), out)
	return out
}

// wantRefusal sees kubectl refused, with these words.
func (r *resetTrial) wantRefusal(t *testing.T, says string, args ...string) {
	t.Helper()
	out, err := kubectlRun(append([]string{"-n", r.group.Namespace}, args...)...)
	t.Logf("$ kubectl %s\n%s", strings.Join(args, " "), out)
	if err == nil || !strings.Contains(out, says) {
		t.Errorf("kubectl %s: %v; want a refusal that says %q:\n%s", strings.Join(args, " "), err, says, out)
	}
}

// get is the reset as the API server has it.
func (r *resetTrial) get(t *testing.T, name string) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	var reset v1alpha1.KafkaOffsetReset
	if err := kube.Get(t.Context(), client.ObjectKey{Namespace: r.group.Namespace, Name: name}, &reset); err != nil {
		t.Fatal(err)
	}
	return &reset
}

// plan asks for a reset and waits for its plan, which kubectl shows.
func (r *resetTrial) plan(t *testing.T, name string, spec ...string) v1alpha1.ResetPlan {
	t.Helper()
	r.kubectl(t, "apply", requester, "-f", r.manifest(t, name, append(spec, "verifyFor: 2s")...))
	r.kubectl(t, "wait", requester, "--for=jsonpath={.status.phase}=Planned", "kor/"+name, "--timeout=60s")
	plan := *r.get(t, name).Status.Plan
	table := r.kubectl(t, "get", requester, "kor", name)
	for _, word := range []string{"orders", "Planned", plan.Hash, strconv.Itoa(int(plan.Moved)), strconv.FormatInt(plan.Distance, 10)} {
		if !slices.Contains(strings.Fields(table), word) {
			t.Errorf("kubectl get kor does not show %q:\n%s", word, table)
		}
	}
	return plan
}

// approve lets the plan run.
func (r *resetTrial) approve(t *testing.T, name string, plan v1alpha1.ResetPlan) {
	t.Helper()
	r.kubectl(t, "patch", approver, "kor", name, "--type=merge", "-p", approval(plan.Hash))
}

func approval(hash string) string { return fmt.Sprintf(`{"spec":{"approved":%q}}`, hash) }

// succeeded waits for the end of a reset and notes where it took the offsets.
func (r *resetTrial) succeeded(t *testing.T, name string, w *resetWatch) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	r.kubectl(t, "wait", requester, "--for=jsonpath={.status.phase}=Succeeded", "kor/"+name, "--timeout=120s")
	w.awaitPhase(t, v1alpha1.PhaseSucceeded)
	t.Logf("$ kubectl get kor %s -w -o wide\n%s", name, w.said())
	reset := r.get(t, name)
	before := map[int32]int64{}
	for _, o := range reset.Status.Snapshot.Items {
		before[o.Partition] = *o.Offset
	}
	for _, row := range reset.Status.Plan.Rows.Items {
		r.courses[row.Partition].moved(before[row.Partition], *row.Target)
	}
	return reset
}
