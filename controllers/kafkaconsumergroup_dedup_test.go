package controllers

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// TestDedupNamespace: the name of each pass, which dedup.Store takes up to 64 characters of.
func TestDedupNamespace(t *testing.T) {
	chat := &v1alpha1.DedupSpec{Namespace: "chat"}
	for pass, want := range map[int32]string{0: "chat", 1: "chat", 2: "chat/2", 13: "chat/13"} {
		if got := dedupNamespace(chat, pass); got != want {
			t.Errorf("pass %d: %q, want %q", pass, got, want)
		}
	}
	if got := dedupNamespace(nil, 2); got != "" {
		t.Errorf("%q of a group that names none", got)
	}
	longest := dedupNamespace(&v1alpha1.DedupSpec{Namespace: strings.Repeat("n", 53)}, math.MaxInt32)
	if !regexp.MustCompile(`^[A-Za-z0-9_./:-]{64}$`).MatchString(longest) {
		t.Errorf("%q has %d characters, want 64", longest, len(longest))
	}
}

func annotated(pass string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{dedupPass: pass}}}
}

func withPass(pass int32) v1alpha1.KafkaOffsetReset {
	reset := resetIn(v1alpha1.PhaseSucceeded, "a", 0)
	reset.Status.Dedup = &v1alpha1.ResetDedup{Pass: pass}
	return *reset
}

// TestHighestPass: the pass never goes back, whatever is lost.
func TestHighestPass(t *testing.T) {
	cases := map[string]struct {
		reason     string
		status     int32
		deployment *appsv1.Deployment
		owned      ownership
		resets     []v1alpha1.KafkaOffsetReset
		want       int32
	}{
		"First":      {"nobody says anything", 0, nil, ownedByNobody, nil, 1},
		"Status":     {"that is where it is", 3, annotated("2"), ownedByUs, []v1alpha1.KafkaOffsetReset{withPass(2)}, 3},
		"Outcome":    {"a reset has just ended", 2, annotated("2"), ownedByUs, []v1alpha1.KafkaOffsetReset{withPass(3), withPass(1)}, 3},
		"Applied":    {"and its manager was killed before it wrote the status", 2, annotated("3"), ownedByUs, []v1alpha1.KafkaOffsetReset{withPass(3)}, 3},
		"StatusLost": {"the Deployment is left", 0, annotated("4"), ownedByUs, nil, 4},
		"Restored":   {"from a backup, with the Deployment and without owners", 0, annotated("4"), ownedOrphan, nil, 4},
		"Recreated":  {"the group was deleted and applied again", 0, nil, ownedByNobody, []v1alpha1.KafkaOffsetReset{withPass(5), withPass(4)}, 5},
		"Foreign":    {"that is somebody else's", 0, annotated("4"), ownedByOthers, nil, 1},
		"NoNumber":   {"somebody wrote it by hand", 2, annotated("many"), ownedByUs, nil, 2},
		"Negative":   {"the same", 0, annotated("-7"), ownedByUs, nil, 1},
		"TooLarge":   {"the same", 0, annotated("99999999999"), ownedByUs, nil, 1},
		"Silent":     {"resets of groups without it say nothing", 2, annotated("2"), ownedByUs, []v1alpha1.KafkaOffsetReset{*resetIn(v1alpha1.PhaseSucceeded, "b", 0)}, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			seen := groupSnapshot{deployment: tc.deployment, owned: tc.owned}
			if got := highestPass(v1alpha1.KafkaConsumerGroupStatus{DedupPass: tc.status}, seen, tc.resets...); got != tc.want {
				t.Errorf("%s: %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

// TestPassInTheTemplate: only the groups that name a namespace are rolled by
// another pass, and those by nothing else than that.
func TestPassInTheTemplate(t *testing.T) {
	chat := &v1alpha1.DedupSpec{Namespace: "chat"}
	render := func(dedup *v1alpha1.DedupSpec, pass int32) (file string, d *appsv1.Deployment, env map[string]string) {
		group, _, _, _, _ := healthy()
		group.Spec.Consumer.Dedup = dedup
		group.Spec.Workload.Template.Spec.Containers = []corev1.Container{{Name: workerconfig.ContainerName}}
		group.Spec.Workload.Metadata = &v1alpha1.WorkloadMetadata{Annotations: map[string]string{dedupPass: "9", "note": "mine"}}
		told := inPass(group, pass)
		configMap, err := renderConfigMap(told, resolved{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		d = renderDeployment(told, resolved{}, nil, "the-config-map", 3, time.Minute)
		notePass(d, pass)
		env = map[string]string{}
		for _, e := range d.Spec.Template.Spec.Containers[0].Env {
			env[e.Name] = e.Value
		}
		if chat.Namespace != "chat" {
			t.Fatalf("the group itself was changed: %+v", chat)
		}
		return configMap.Data[workerconfig.FileName], d, env
	}
	plain, without, env := render(nil, 1)
	if _, told := env[workerconfig.EnvDedupNamespace]; told || strings.Contains(plain, "dedup") {
		t.Errorf("the workers of a group without it are told %v and %s", env, plain)
	}
	again, later, _ := render(nil, 7)
	if again != plain || !cmp.Equal(later.Spec, without.Spec) {
		t.Error("another pass rolls a group that names no namespace")
	}
	for pass, want := range map[int32]string{1: "chat", 2: "chat/2"} {
		file, d, env := render(chat, pass)
		if env[workerconfig.EnvDedupNamespace] != want || !strings.Contains(file, `"namespace": "`+want+`"`) {
			t.Errorf("pass %d: the workers are told %q and %s, want %q", pass, env[workerconfig.EnvDedupNamespace], file, want)
		}
		if wantNote := map[int32]string{2: "2"}[pass]; d.Annotations[dedupPass] != wantNote || d.Annotations["note"] != "mine" {
			t.Errorf("pass %d: annotations %v, want the pass %q", pass, d.Annotations, wantNote)
		}
	}
}

// TestDedupInStatus: the pass is told as soon as it is known, the namespace once the workers get it.
func TestDedupInStatus(t *testing.T) {
	group, before, seen, d, done := healthy()
	group.Spec.Consumer.Dedup = &v1alpha1.DedupSpec{Namespace: "chat"}
	before.ObservedGeneration = 3
	r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}
	report := func(pass int32) v1alpha1.KafkaConsumerGroupStatus {
		seen.resets.pass = pass
		return r.statusOf(group, before, seen, d, done)
	}
	want := func(s v1alpha1.KafkaConsumerGroupStatus, pass int32, namespace string, events ...string) {
		t.Helper()
		if s.DedupPass != pass || s.DedupNamespace != namespace {
			t.Errorf("pass %d, namespace %q; want %d and %q", s.DedupPass, s.DedupNamespace, pass, namespace)
		}
		var notes []string
		for _, e := range eventsOf(before, s) {
			if e.reason == "DedupNamespace" {
				notes = append(notes, e.note)
			}
		}
		if !slices.Equal(notes, events) {
			t.Errorf("events %q, want %q", notes, events)
		}
		before = s
	}
	want(report(1), 0, "chat", `the workers are told dedup namespace "chat"`)
	want(report(1), 0, "chat")
	done.failed, done.err = true, errBoom
	want(report(2), 2, "chat")
	done.failed, done.err = false, nil
	want(report(2), 2, "chat/2", `the workers are told dedup namespace "chat/2", after "chat": nothing counts as handled in it yet`)
	group.Spec.Consumer.Dedup = nil
	want(report(2), 2, "", `the workers are told of no dedup namespace any more, it was "chat/2"`)
	if next := before; !resetsDiffer(v1alpha1.KafkaConsumerGroupStatus{}, v1alpha1.KafkaConsumerGroupStatus{DedupPass: next.DedupPass}) {
		t.Error("another pass is written over whatever somebody else has written")
	}
}

// TestSettleDedup: which pass follows, and when that is not known.
func TestSettleDedup(t *testing.T) {
	chat := &v1alpha1.DedupSpec{Namespace: "chat"}
	cases := map[string]struct {
		reason string
		policy v1alpha1.DedupPolicy
		spec   *v1alpha1.DedupSpec
		pass   int32
		lost   bool
		want   *v1alpha1.ResetDedup
		words  string
	}{
		"None":    {"nothing to say", v1alpha1.DedupKeep, nil, 0, false, nil, ""},
		"Keep":    {"the first", v1alpha1.DedupKeep, chat, 0, false, &v1alpha1.ResetDedup{Pass: 1, Namespace: "chat"}, `; dedup namespace "chat" stays in force`},
		"Unset":   {"an older object", "", chat, 2, false, &v1alpha1.ResetDedup{Pass: 2, Namespace: "chat/2"}, `; dedup namespace "chat/2" stays in force`},
		"New":     {"after the first", v1alpha1.DedupNewNamespace, chat, 0, false, &v1alpha1.ResetDedup{Pass: 2, Namespace: "chat/2"}, `; the workers start in dedup namespace "chat/2"`},
		"Next":    {"after that", v1alpha1.DedupNewNamespace, chat, 2, false, &v1alpha1.ResetDedup{Pass: 3, Namespace: "chat/3"}, `; the workers start in dedup namespace "chat/3"`},
		"Removed": {"since the recheck; it was approved", v1alpha1.DedupNewNamespace, nil, 2, false, &v1alpha1.ResetDedup{Pass: 3}, `; consumer.dedup was removed since, and the workers are told of no dedup namespace`},
		"Lost":    {"the group's status is gone, and the pass with it", v1alpha1.DedupNewNamespace, chat, 0, true, nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			reset := resetIn(v1alpha1.PhaseVerifying, "a", 0)
			reset.Spec.Dedup = tc.policy
			group, _, _, _, _ := healthy()
			group.Spec.Consumer.Dedup, group.Status.DedupPass = tc.spec, tc.pass
			if !tc.lost {
				group.Status.ActiveReset = activeOf(reset)
			}
			turn := &resetTurn{reset: reset, group: group}
			if why := turn.passUnknown(); (why != nil) != tc.lost {
				t.Fatalf("%s: %+v", tc.reason, why)
			}
			if tc.lost {
				return
			}
			words := turn.settleDedup()
			if diff := cmp.Diff(tc.want, turn.status.Dedup); diff != "" || words != tc.words {
				t.Errorf("%s: %q, want %q; -want +got\n%s", tc.reason, words, tc.words, diff)
			}
		})
	}
}
