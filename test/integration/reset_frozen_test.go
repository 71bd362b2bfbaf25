package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// freezer stops a manager, as SIGSTOP does, right before it asks for workers.
type freezer struct {
	next   http.RoundTripper
	armed  atomic.Bool
	stop   moment
	answer chan int // to the request that was stopped
}

// freezing is a configuration for a manager, with its freezer.
func freezing(t *testing.T) (*rest.Config, *freezer) {
	t.Helper()
	f := &freezer{stop: moment{reached: make(chan struct{}), passed: make(chan struct{})}, answer: make(chan int, 1)}
	c := rest.CopyConfig(config)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		f.next = next
		return roundTripper(f.send)
	})
	return c, f
}

func (f *freezer) send(r *http.Request) (*http.Response, error) {
	if !f.asksForWorkers(r) || !f.armed.CompareAndSwap(true, false) {
		return f.next.RoundTrip(r)
	}
	close(f.stop.reached)
	<-f.stop.passed
	response, err := f.next.RoundTrip(r)
	if err == nil {
		f.answer <- response.StatusCode
	}
	return response, err
}

func (f *freezer) asksForWorkers(r *http.Request) bool {
	if r.Method != http.MethodPatch || !strings.Contains(r.URL.Path, "/deployments/") {
		return false
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err == nil && bytes.Contains(body, []byte(`"replicas":1`))
}

// TestFrozenManagerStartsNobody: a manager that was frozen when it was about to
// start workers goes on when another one has taken over and a reset has the group.
// Its apply is refused, although the group was without workers before, too.
func TestFrozenManagerStartsNobody(t *testing.T) {
	t.Parallel()
	paused := func(mode v1alpha1.PauseMode) func(*v1alpha1.KafkaConsumerGroup) {
		return pause(&v1alpha1.PauseSpec{Mode: mode})
	}
	cases := map[string]struct {
		reason string
		// prepare takes the group to where the first manager is about to start a worker.
		prepare func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, f *freezer)
	}{
		"AtZero": {"the Deployment is at 0 before and after the claim", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, f *freezer) {
			paused(v1alpha1.PauseScaleToZero)(g)
			create(t, g)
			eventually(t, func() error { // so that nothing of the Deployment changes by itself
				d, err := deployment(g)
				if err == nil {
					err = errors.Join(same("replicas", *d.Spec.Replicas, 0), same("the generation seen", d.Status.ObservedGeneration, d.Generation))
				}
				return err
			})
			f.armed.Store(true)
			change(t, g, pause(nil))
		}},
		"TheFirst": {"there was no Deployment", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, f *freezer) {
			f.armed.Store(true)
			create(t, g)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
			b.produce(t, "orders", 10)
			b.commit(t, "frozen", "orders", 10)
			api, f := freezing(t)
			startManager(t, managerOptions{api: api, playedResets: true}, ns)
			g := group(ns, "frozen", b.address(), drainable, oneWorker)
			workers := playCrew(t, g, b.ListenAddrs())
			tc.prepare(t, g, f)
			f.stop.do(t, func() {
				change(t, g, paused(v1alpha1.PauseScaleToZero)) // so that the other one starts nobody either
				startManager(t, managerOptions{}, ns)
				wantReplicas(t, g, 0)
				r := reset(g, "kor", allTo(3)("orders", 4), automatic, func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Resume = new(false) })
				create(t, r)
				wantTrouble(t, r, v1alpha1.PhaseVerifying, v1alpha1.ConditionVerified, "False", v1alpha1.ReasonResumeHeld)
				d, err := deployment(g)
				if mark := d.Annotations["kafka.lagrange.dev/stopped-for"]; err != nil || !strings.HasPrefix(mark, "kor/") {
					t.Errorf("the Deployment is stopped for %q: %v", mark, err)
				}
				t.Cleanup(func() {
					if starts := workers.startsSoFar(); len(starts) > 0 {
						t.Errorf("workers began at %v while the reset had the group", starts)
					}
				})
			})
			code := 0
			eventually(t, func() error {
				select {
				case code = <-f.answer:
					return nil
				default:
					return errors.New("the frozen apply has not been answered")
				}
			})
			if err := same("the answer to the frozen apply", code, http.StatusConflict); err != nil {
				t.Error(err)
			}
			d, err := deployment(g)
			if err == nil {
				err = same("replicas", fmt.Sprint(*d.Spec.Replicas), "0")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}
