package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/controllers"
)

// dedupTold is the namespace that a Deployment's workers are told, empty for none.
func dedupTold(d *appsv1.Deployment) string {
	env := d.Spec.Template.Spec.Containers[0].Env
	if i := slices.IndexFunc(env, func(e corev1.EnvVar) bool { return e.Name == workerconfig.EnvDedupNamespace }); i >= 0 {
		return env[i].Value
	}
	return ""
}

func inNamespace(namespace string) func(*v1alpha1.KafkaConsumerGroup) {
	return func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Consumer.Dedup = &v1alpha1.DedupSpec{Namespace: namespace}
	}
}

func newNamespace(r *v1alpha1.KafkaOffsetReset) { r.Spec.Dedup = v1alpha1.DedupNewNamespace }

// deduped is a group with its workers, which are told a namespace.
func deduped(t *testing.T, ns string, b *broker, namespace string) (*v1alpha1.KafkaConsumerGroup, *crew) {
	t.Helper()
	g := group(ns, "chat", b.address(), drainable, inNamespace(namespace))
	b.produce(t, "orders", 10)
	create(t, g)
	workers := playCrew(t, g, b.ListenAddrs())
	workers.wantCommitted(t, 10)
	wantDedup(t, g, 0, namespace)
	return g, workers
}

// wantDedup waits until status, environment and file all tell the namespace of the pass.
func wantDedup(t *testing.T, g *v1alpha1.KafkaConsumerGroup, pass int32, namespace string) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.DedupPass != pass || s.DedupNamespace != namespace {
			return fmt.Errorf("dedup pass %d, namespace %q; want %d and %q", s.DedupPass, s.DedupNamespace, pass, namespace)
		}
		return nil
	})
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	if told := dedupTold(d); told != namespace {
		t.Errorf("the environment says namespace %q, want %q", told, namespace)
	}
	file := workerFile(t, g).Consumer.Dedup
	if file == nil || file.Namespace != namespace {
		t.Errorf("the file says %+v, want namespace %q", file, namespace)
	}
}

// wantNote: the plan has the note.
func wantNote(t *testing.T, r *v1alpha1.KafkaOffsetReset, says string) {
	t.Helper()
	if notes := r.Status.Plan.Notes; !slices.ContainsFunc(notes, func(note string) bool { return strings.HasPrefix(note, says) }) {
		t.Errorf("%s: no note %q in %q", r.Name, says, notes)
	}
}

// carryOut runs a reset from its plan, which has the note, to its end, which says the words.
func carryOut(t *testing.T, r *v1alpha1.KafkaOffsetReset, note, words string) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	create(t, r)
	wantNote(t, wantPhase(t, r, v1alpha1.PhasePlanned), note)
	approve(t, r)
	ended := wantPhase(t, r, v1alpha1.PhaseSucceeded)
	if !strings.HasSuffix(ended.Status.Message, words) {
		t.Errorf("%s ends with %q, want %q", r.Name, ended.Status.Message, words)
	}
	return ended
}

// TestDedupNamespaces: a rewind keeps the namespace, and rolls nothing, unless it
// asks for a new one: then no worker begins in the old one after the commit. A
// rollback has the same choice.
func TestDedupNamespaces(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	startManager(t, managerOptions{}, ns)
	g, workers := deduped(t, ns, b, "chat")

	ended := carryOut(t, reset(g, "kept", toEarliest()),
		`handed to the workers again, and swallowed as duplicates as far as the ids are still stored in dedup namespace "chat": orders-0, orders-1`,
		`; dedup namespace "chat" stays in force`)
	if got := *ended.Status.Dedup; got != (v1alpha1.ResetDedup{Pass: 1, Namespace: "chat"}) {
		t.Errorf("the reset says %+v", got)
	}
	wantDedup(t, g, 0, "chat")
	workers.wantCommitted(t, 10)
	wantConfigMaps(t, g, mounted(wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })))

	ended = carryOut(t, reset(g, "anew", toEarliest(), newNamespace),
		`handed to the workers again, and handled again, in dedup namespace "chat/2": orders-0, orders-1`,
		`; the workers start in dedup namespace "chat/2"`)
	if got := *ended.Status.Dedup; got != (v1alpha1.ResetDedup{Pass: 2, Namespace: "chat/2"}) {
		t.Errorf("the reset says %+v", got)
	}
	wantDedup(t, g, 2, "chat/2")
	wantEvent(t, g, corev1.EventTypeNormal, "DedupNamespace", `the workers are told dedup namespace "chat/2", after "chat"`)
	workers.wantCommitted(t, 10)

	rollback := v1alpha1.ResetTarget{RollbackOf: "anew"}
	carryOut(t, reset(g, "back", rollback), `dedup namespace "chat/2" stays in force`, `; dedup namespace "chat/2" stays in force`)
	carryOut(t, reset(g, "back-anew", rollback, newNamespace), `the workers start in dedup namespace "chat/3", after "chat/2"`, `; the workers start in dedup namespace "chat/3"`)
	wantDedup(t, g, 3, "chat/3")
	if in, want := workers.startedInSoFar(), []string{"chat", "chat", "chat/2", "chat/2", "chat/3"}; !slices.Equal(in, want) {
		t.Errorf("workers were started in %q, want %q", in, want)
	}
}

// TestDedupHeld: with resume: false the new namespace waits with the workers.
func TestDedupHeld(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	startManager(t, managerOptions{}, ns)
	g, workers := deduped(t, ns, b, "chat")
	r := reset(g, "held", toEarliest(), newNamespace, func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Resume = new(false) })
	create(t, r)
	approve(t, r)
	wantTrouble(t, r, v1alpha1.PhaseVerifying, v1alpha1.ConditionVerified, "False", v1alpha1.ReasonResumeHeld, "kafka.lagrange.dev/resume=true")
	wantDedup(t, g, 0, "chat")
	now, err := resetNow(r)
	if err != nil {
		t.Fatal(err)
	}
	before := now.DeepCopy()
	now.Annotations = map[string]string{"kafka.lagrange.dev/resume": "true"}
	if err := kube.Patch(context.Background(), now, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	wantDedup(t, g, 2, "chat/2")
	if in := workers.startedInSoFar(); !slices.Equal(in, []string{"chat", "chat/2"}) {
		t.Errorf("workers were started in %q", in)
	}
}

// TestDedupRefused: nobody would tell the workers of a new namespace.
func TestDedupRefused(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	startManager(t, managerOptions{}, ns)
	g, _ := working(t, ns, "plain", b, 10)
	r := reset(g, "anew", toEarliest(), newNamespace)
	create(t, r)
	now := wantPhase(t, r, v1alpha1.PhaseFailed)
	if now.Status.Outcome.Reason != v1alpha1.ReasonNoDedupNamespace || !strings.Contains(now.Status.Message, `KafkaConsumerGroup "plain" has no consumer.dedup`) {
		t.Errorf("%s: %s", now.Status.Outcome.Reason, now.Status.Message)
	}
	if d, err := deployment(g); err != nil || dedupTold(d) != "" {
		t.Errorf("the workers are told %q, %v", dedupTold(d), err)
	}
}

// TestDedupRemovedSince: the group loses its namespace after the approval.
func TestDedupRemovedSince(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	startManager(t, managerOptions{}, ns)
	g, workers := deduped(t, ns, b, "chat")
	r := reset(g, "anew", toEarliest(), newNamespace)
	create(t, r)
	wantPhase(t, r, v1alpha1.PhasePlanned)
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Consumer.Dedup = nil })
	approve(t, r)
	now := wantPhase(t, r, v1alpha1.PhaseFailed)
	if now.Status.Outcome.Reason != v1alpha1.ReasonNoDedupNamespace {
		t.Errorf("%s: %s", now.Status.Outcome.Reason, now.Status.Message)
	}
	workers.wantCommitted(t, 10)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		return same("the namespace and pass", fmt.Sprint(s.DedupNamespace, s.DedupPass), "0")
	})
}

// TestDedupStatusLost: a restore brings objects back without their status. The
// Deployment still says the pass, and a group that is created anew has it from its
// resets.
func TestDedupStatusLost(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	stop := startManager(t, managerOptions{}, ns)
	g, workers := deduped(t, ns, b, "chat")
	first := carryOut(t, reset(g, "anew", toEarliest(), newNamespace), `handed to the workers again`, `"chat/2"`)
	wantDedup(t, g, 2, "chat/2")
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	stop()
	remove(t, first)
	setStatus(t, g, func(s *v1alpha1.KafkaConsumerGroupStatus) { *s = v1alpha1.KafkaConsumerGroupStatus{} })
	stop = startManager(t, managerOptions{}, ns)
	wantDedup(t, g, 2, "chat/2")
	if now, err := deployment(g); err != nil || mounted(now) != mounted(before) {
		t.Errorf("the workers were rolled from %s to %s, %v", mounted(before), mounted(now), err)
	}

	workers.wantCommitted(t, 10)
	carryOut(t, reset(g, "anew-too", toEarliest(), newNamespace), `handed to the workers again`, `"chat/3"`)
	stop()
	remove(t, g)
	remove(t, before)
	again := group(ns, "chat", b.address(), drainable, inNamespace("chat"))
	create(t, again)
	startManager(t, managerOptions{}, ns)
	wantDedup(t, again, 3, "chat/3")
	workers.wantCommitted(t, 10)
}

// TestGoldenDedup: nor does a new version roll a group that names a namespace.
func TestGoldenDedup(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startManager(t, managerOptions{settings: controllers.DefaultSettings()}, ns)
	g := group(ns, "golden-dedup", "127.0.0.1:1", inNamespace("chat"), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Consumer.MaxProcessingTime = v1alpha1.Duration{Duration: time.Second}
	})
	create(t, g)
	d := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	var configMap corev1.ConfigMap
	if err := kube.Get(context.Background(), client.ObjectKey{Namespace: ns, Name: mounted(d)}, &configMap); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "deployment-dedup.yaml", appliedDeployment(t, d))
	compareGolden(t, "configmap-dedup.yaml", appliedConfigMap(t, &configMap))
}
