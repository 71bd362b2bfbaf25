package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// lowestReplicas follows the Deployment until stop is called, which tells the
// lowest count that was ever in it.
func lowestReplicas(t *testing.T, g *v1alpha1.KafkaConsumerGroup) (stop func() int32) {
	t.Helper()
	watcher, err := client.NewWithWatch(config, client.Options{Scheme: testScheme})
	if err != nil {
		t.Fatal(err)
	}
	now, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := watcher.Watch(context.Background(), &appsv1.DeploymentList{}, client.InNamespace(g.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	lowest, ended := *now.Spec.Replicas, make(chan struct{})
	go func() {
		defer close(ended)
		for change := range changes.ResultChan() {
			if d, ok := change.Object.(*appsv1.Deployment); ok && change.Type != watch.Deleted {
				lowest = min(lowest, *d.Spec.Replicas)
			}
		}
	}()
	return func() int32 {
		changes.Stop()
		<-ended
		return lowest
	}
}

// TestRestartUnderLag: a manager that stops and comes back under lag, and with
// the lag gone while it was away, never lowers the count by the restart.
func TestRestartUnderLag(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	settings := fastSettings()
	settings.ScaleDownAfter = time.Hour
	stop := startManager(t, managerOptions{settings: settings}, ns)
	g := group(ns, "restarted", kafka.address())
	create(t, g)
	kafka.produce(t, "orders", 50)
	wantReplicas(t, g, 6)
	lowest := lowestReplicas(t, g)
	stop()
	kafka.commit(t, "restarted", "orders", 50)
	stop = startManager(t, managerOptions{settings: settings}, ns)
	kafka.cycles(t, 5)
	kafka.produce(t, "orders", 1000)
	wantReplicas(t, g, 12)
	stop()
	startManager(t, managerOptions{settings: settings}, ns)
	kafka.cycles(t, 5)
	wantReplicas(t, g, 12)
	if got := lowest(); got != 6 {
		t.Errorf("the count went down to %d, want never below 6", got)
	}
}

// TestReplicasEditedWhileAway: what a person set while no manager ran is taken
// as the present count, and not lowered before a whole window has shown it is too much.
func TestReplicasEditedWhileAway(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	settings := fastSettings()
	settings.ScaleDownAfter = time.Hour
	stop := startManager(t, managerOptions{settings: settings}, ns)
	g := group(ns, "rescued", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	stop()
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	before := d.DeepCopy()
	*d.Spec.Replicas = 6
	if err := kube.Patch(context.Background(), d, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	startManager(t, managerOptions{settings: settings}, ns)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("desired", s.DesiredReplicas, 6) })
	wantReplicas(t, g, 6)
}

// TestRestartWritesNothing: a manager that finds everything in force applies nothing.
func TestRestartWritesNothing(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	stop := startManager(t, managerOptions{}, ns)
	g := group(ns, "calm", kafka.address())
	kafka.produce(t, "orders", 25)
	create(t, g)
	wantReplicas(t, g, 3)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	stop()
	before, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	api, wire := tapped()
	startManager(t, managerOptions{api: api}, ns)
	kafka.cycles(t, 10)
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Pause = &v1alpha1.PauseSpec{} })
	wantCondition(t, g, v1alpha1.ConditionPaused, metav1.ConditionTrue, string(v1alpha1.PauseHoldReplicas))
	after, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	if after.ResourceVersion != before.ResourceVersion {
		t.Errorf("the Deployment was written: %s, then %s", before.ResourceVersion, after.ResourceVersion)
	}
	if n := wire.writesTo("deployments"); n != 0 {
		t.Errorf("%d requests to write Deployments: no-op applies count too", n)
	}
}

// wire is a way to the API server that counts writes and can be cut.
type wire struct {
	mu     sync.Mutex
	cut    bool
	conns  map[net.Conn]struct{}
	writes map[string]int
	tries  atomic.Int64
}

// tapped is a configuration whose requests go over a wire of their own.
func tapped() (*rest.Config, *wire) {
	w := &wire{conns: map[net.Conn]struct{}{}, writes: map[string]int{}}
	c := rest.CopyConfig(config)
	c.Dial = w.dial
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			w.note(r)
			return next.RoundTrip(r)
		})
	})
	return c, w
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *wire) note(r *http.Request) {
	if r.Method == http.MethodGet {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes[r.Method+" "+r.URL.Path]++
}

// writesTo is the number of requests to write the resource; "" is any.
func (w *wire) writesTo(resource string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	total := 0
	for request, n := range w.writes {
		if strings.Contains(request, "/"+resource) {
			total += n
		}
	}
	return total
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries.Add(1)
	if w.cut {
		return nil, fmt.Errorf("dial %s: the wire is cut", address)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		w.conns[conn] = struct{}{}
	}
	return conn, err
}

// set cuts the wire, with all that is on it, or mends it.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for conn := range w.conns {
			_ = conn.Close()
		}
		clear(w.conns)
	}
}

// TestAPIServerAway: the manager survives losing the API server with all its
// watches, and acts on what it missed when it is back.
func TestAPIServerAway(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	api, wire := tapped()
	startManager(t, managerOptions{api: api}, ns)
	g := group(ns, "cut", kafka.address())
	create(t, g)
	kafka.produce(t, "orders", 25)
	wantReplicas(t, g, 3)
	lowest := lowestReplicas(t, g)
	wire.set(true)
	tries := wire.tries.Load()
	kafka.produce(t, "orders", 25) // wants 6
	eventually(t, func() error {
		if wire.tries.Load() == tries {
			return fmt.Errorf("nobody tried to reach the API server")
		}
		return nil
	})
	kafka.cycles(t, 5)
	wantReplicas(t, g, 3)
	wire.set(false)
	wantReplicas(t, g, 6) // tried again, with no news from either side
	wire.set(true)
	change(t, g, withImage("registry.example/worker:2"))
	wire.set(false)
	wantDeployment(t, g, func(d *appsv1.Deployment) error {
		return same("image", d.Spec.Template.Spec.Containers[0].Image, "registry.example/worker:2")
	})
	if got := lowest(); got != 3 {
		t.Errorf("the count went down to %d, want never below 3", got)
	}
}
