//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// scrapeEvery is how finely the age of samples is known.
const scrapeEvery = 100 * time.Millisecond

// vigil is kept over a group that should stay as it is, with samples that keep
// coming. It notes each change of its objects and the age of the newest sample.
type vigil struct {
	group   *v1alpha1.KafkaConsumerGroup
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	known   map[string]string // what is to stay, by kind, name and uid
	changes []string
	ages    []sampleAge
	scrape  error // what the last scrape said, if it was no good
}

// sampleAge is how old the newest sample was.
type sampleAge struct {
	at  time.Time
	age time.Duration
}

func keepVigil(t *testing.T, g *v1alpha1.KafkaConsumerGroup) *vigil {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	v := &vigil{group: g, stop: stop, known: map[string]string{}}
	t.Cleanup(func() { v.end(t) })
	for _, list := range []client.ObjectList{
		&v1alpha1.KafkaConsumerGroupList{}, &appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}, &corev1.PodList{},
	} {
		v.remember(t, list)
		watcher, err := kube.Watch(ctx, list, client.InNamespace(g.Namespace))
		if err != nil {
			t.Fatal(err)
		}
		v.running.Go(func() {
			for event := range watcher.ResultChan() {
				if object, ok := event.Object.(client.Object); ok {
					v.see(string(event.Type), object)
				}
			}
			if ctx.Err() == nil {
				v.cut()
			}
		})
	}
	mustKubectl(t, "-n", g.Namespace, "create", "serviceaccount", "scraper")
	letRead(t, g.Namespace)
	url, token := metricsURL(t), strings.TrimSpace(mustKubectl(t, "-n", g.Namespace, "create", "token", "scraper"))
	v.running.Go(func() { v.followAge(ctx, url, token) })
	return v
}

// end ends the vigil, and tells what has changed until then.
func (v *vigil) end(t *testing.T) {
	t.Helper()
	v.stop()
	v.running.Wait()
	for _, change := range v.changes {
		t.Error("changed under the vigil: " + change)
	}
	v.changes = nil
}

func (v *vigil) remember(t *testing.T, list client.ObjectList) {
	t.Helper()
	if err := kube.List(context.Background(), list, client.InNamespace(v.group.Namespace)); err != nil {
		t.Fatal(err)
	}
	err := meta.EachListItem(list, func(item runtime.Object) error {
		object := item.(client.Object)
		v.known[identity(object)] = essence(object)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func identity(o client.Object) string { return fmt.Sprintf("%T %s (%s)", o, o.GetName(), o.GetUID()) }

// essence is what of an object a rotation must not change.
func essence(o client.Object) string {
	switch o := o.(type) {
	case *v1alpha1.KafkaConsumerGroup:
		return fmt.Sprintf("%d replicas desired", o.Status.DesiredReplicas)
	case *appsv1.Deployment:
		return fmt.Sprintf("generation %d, %d replicas", o.Generation, *o.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return fmt.Sprintf("generation %d, %d replicas", o.Generation, *o.Spec.Replicas)
	case *corev1.Pod:
		return fmt.Sprintf("%d restarts, deleted: %t", restartsOf(*o), o.DeletionTimestamp != nil)
	}
	return ""
}

// cut notes that not all was seen.
func (v *vigil) cut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changes = append(v.changes, "a watch ended early: what came after is not known")
}

// see notes what is another than when it was last seen.
func (v *vigil) see(event string, o client.Object) {
	v.mu.Lock()
	defer v.mu.Unlock()
	name, now := identity(o), essence(o)
	before, known := v.known[name]
	if known && now == before && event != "DELETED" {
		return
	}
	v.changes = append(v.changes, fmt.Sprintf("%s %s %s: %s, was %q", time.Now().Format(time.TimeOnly), event, name, now, before))
	v.known[name] = now
}

func (v *vigil) followAge(ctx context.Context, url, token string) {
	series := fmt.Sprintf("lagrange_group_sample_timestamp_seconds{name=%q,namespace=%q} ", v.group.Name, v.group.Namespace)
	tick := time.NewTicker(scrapeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		code, body := scrape(ctx, url, token)
		at, found := valueOf(body, series)
		v.mu.Lock()
		if v.scrape = nil; code != http.StatusOK || !found {
			v.scrape = fmt.Errorf("no series %s: %d, %.200s", series, code, body)
		} else {
			v.ages = append(v.ages, sampleAge{began, began.Sub(at)})
		}
		v.mu.Unlock()
	}
}

// valueOf is a series' value as a time.
func valueOf(metrics, series string) (time.Time, bool) {
	_, after, found := strings.Cut(metrics, "\n"+series)
	if !found {
		return time.Time{}, false
	}
	line, _, _ := strings.Cut(after, "\n")
	seconds, err := strconv.ParseFloat(line, 64)
	return time.UnixMilli(int64(seconds * 1000)), err == nil
}

// oldest is the greatest age that a sample has had since, and how often that
// was looked at.
func (v *vigil) oldest(since time.Time) (oldest time.Duration, looks int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, a := range v.ages {
		if !a.at.Before(since) {
			oldest, looks = max(oldest, a.age), looks+1
		}
	}
	return oldest, looks
}

// awaitSample waits until a sample that was taken after the time is in use.
func (v *vigil) awaitSample(t *testing.T, after time.Time) {
	t.Helper()
	eventually(t, func(context.Context) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, a := range v.ages {
			if a.at.Add(-a.age).After(after) {
				return nil
			}
		}
		return fmt.Errorf("no sample was taken since %s: %w", after.Format(time.TimeOnly), v.scrape)
	})
}
