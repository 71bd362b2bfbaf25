//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// rotated is a group whose credentials are changed.
type rotated struct {
	kafka   *secured
	group   *v1alpha1.KafkaConsumerGroup
	workers []corev1.Pod
	manager corev1.Pod
	vigil   *vigil
}

// rotation is one change of what a Secret holds.
type rotation struct {
	name   string
	secret string
	data   map[string]string
	file   string // one of the files that it is mounted as, of the name of its key
	// before and after are done at the broker, before the Secret is changed and
	// when what is new is in use everywhere. Nil for nothing.
	before, after func()
	// old and now log in with what was, and with what is.
	old, now func() error
}

// baseline sees samples come before anything is changed.
func (r *rotated) baseline(t *testing.T) {
	t.Helper()
	began := time.Now()
	r.vigil.awaitSample(t, began.Add(10*time.Second))
	r.wantSamples(t, "before", began)
}

func (r *rotated) rotate(t *testing.T, change rotation) {
	t.Helper()
	began, said := time.Now(), r.resolved(t)
	if change.before != nil {
		change.before()
	}
	r.change(t, change)
	changed := time.Now()
	swapped := r.awaitSwap(t, changed)
	r.awaitReload(t, said)
	mounted := r.awaitFiles(t, change)
	if change.after != nil {
		change.after()
	}
	r.kafka.wantRefused(t, change.old, change.now)
	cut := time.Now()
	r.kafka.hangUp()
	flows := r.awaitFlow(t, cut)
	r.vigil.awaitSample(t, time.Now())
	r.wantSamples(t, change.name, began)
	if took := swapped.Sub(changed); took > swapWithin {
		t.Errorf("%s: the manager used the new one %.1fs after the Secret had it, want at most %s", change.name, took.Seconds(), swapWithin)
	}
	t.Logf("%s: after the Secret's change the manager's client was swapped in %.1fs and the workers' files in %.1fs; cut off, all fetched again in %.1fs",
		change.name, swapped.Sub(changed).Seconds(), mounted.Sub(changed).Seconds(), flows.Sub(cut).Seconds())
}

// wantSamples wants no sample older than two cycles.
func (r *rotated) wantSamples(t *testing.T, when string, since time.Time) {
	t.Helper()
	oldest, looks := r.vigil.oldest(since)
	if most := 2 * r.pollInterval(t); oldest > most || looks == 0 {
		t.Errorf("%s: the newest sample was %.2fs old, want at most %s at each of %d looks", when, oldest.Seconds(), most, looks)
	}
	t.Logf("%s: the newest sample was at most %.2fs old, at %d looks", when, oldest.Seconds(), looks)
}

func (r *rotated) pollInterval(t *testing.T) time.Duration {
	t.Helper()
	for _, arg := range r.manager.Spec.Containers[0].Args {
		if value, found := strings.CutPrefix(arg, "--poll-interval="); found {
			interval, err := time.ParseDuration(value)
			if err != nil {
				t.Fatal(err)
			}
			return interval
		}
	}
	t.Fatal("the manager has no --poll-interval")
	return 0
}

func (r *rotated) change(t *testing.T, change rotation) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.group.Namespace, Name: change.secret}}
	patch := &corev1.Secret{ObjectMeta: secret.ObjectMeta, StringData: change.data}
	if err := kube.Patch(context.Background(), patch, client.MergeFrom(secret)); err != nil {
		t.Fatal(err)
	}
}

// awaitSwap waits until the manager has no connection any more from before.
func (r *rotated) awaitSwap(t *testing.T, since time.Time) time.Time {
	t.Helper()
	eventually(t, func(context.Context) error {
		if before, after := r.kafka.open(r.manager.Status.PodIP, since, 0); before > 0 || after == 0 {
			return fmt.Errorf("the manager has %d old and %d new connections: %s", before, after, why(r.group))
		}
		return nil
	})
	return time.Now()
}

// reloadable are the objects that tell of a reload.
var reloadable = []string{"kcg/billing", "kconn/main"}

// resolved is what they say of what they have read.
func (r *rotated) resolved(t *testing.T) (said []string) {
	t.Helper()
	for _, object := range reloadable {
		said = append(said, mustKubectl(t, "-n", r.group.Namespace, "get", object,
			"-o", `jsonpath={.status.conditions[?(@.type=="ConnectionResolved")]}`))
	}
	return said
}

// awaitReload waits until both say something else than before, and that it is a reload.
func (r *rotated) awaitReload(t *testing.T, before []string) {
	t.Helper()
	eventually(t, func(context.Context) error {
		for i, now := range r.resolved(t) {
			if now == before[i] || !strings.Contains(now, v1alpha1.ReasonCredentialsReloaded) {
				return fmt.Errorf("%s tells of no reload: %s", reloadable[i], now)
			}
		}
		return nil
	})
}

// awaitFiles waits until each worker sees the new content. It takes the kubelet
// up to a minute and a half to bring it there.
func (r *rotated) awaitFiles(t *testing.T, change rotation) time.Time {
	t.Helper()
	for _, pod := range r.workers {
		eventually(t, func(context.Context) error {
			content, err := os.ReadFile(mounted(t, pod, change.file))
			if err == nil && string(content) != change.data[change.file] {
				err = fmt.Errorf("pod %s has the old file %q", pod.Name, change.file)
			}
			return err
		})
	}
	return time.Now()
}

// mounted is where this machine sees a file of a worker's credentials: a pod's
// processes are in its control group, and their files below /proc.
func mounted(t *testing.T, pod corev1.Pod, file string) string {
	t.Helper()
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(groups, func(path string) bool {
		group, _ := os.ReadFile(path)
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		return strings.Contains(string(group), string(pod.UID)) && strings.HasPrefix(string(command), "/worker\x00")
	})
	if i < 0 {
		t.Fatalf("pod %s has no process", pod.Name)
	}
	return filepath.Join(filepath.Dir(groups[i]), "root", workerconfig.CredentialsPath, file)
}

// awaitFlow waits until the manager and each worker have connected again, and
// are not refused.
func (r *rotated) awaitFlow(t *testing.T, since time.Time) time.Time {
	t.Helper()
	r.vigil.awaitSample(t, since)
	for _, pod := range r.workers {
		eventually(t, func(context.Context) error {
			if _, after := r.kafka.open(pod.Status.PodIP, since, flowing); after == 0 {
				return errors.New("pod " + pod.Name + " fetches nothing on new connections")
			}
			return nil
		})
	}
	return time.Now()
}

// wantSecrecy looks for the secrets where everyone may read.
func (r *rotated) wantSecrecy(t *testing.T, secrets ...string) {
	t.Helper()
	said := mustKubectl(t, "-n", "lagrange-system", "logs", r.manager.Name)
	said += mustKubectl(t, "-n", r.group.Namespace, "get", "kcg,kconn,deployments,pods,configmaps,events", "-o", "yaml")
	for _, pod := range r.workers {
		said += mustKubectl(t, "-n", r.group.Namespace, "logs", pod.Name)
	}
	for _, secret := range secrets {
		if strings.Contains(said, secret) {
			t.Errorf("%q is in a log, a status, an event or a ConfigMap", secret)
		}
	}
}
