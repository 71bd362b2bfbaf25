package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// annotator changes an annotation of a reset right before the first write of each
// of the reset's turns: a turn is known by its look at the group. Whoever gives up
// its turn for that never comes to a write.
type annotator struct {
	next http.RoundTripper

	mu      sync.Mutex
	turn    bool
	changes int
}

func annotating(a *annotator) *rest.Config {
	c := rest.CopyConfig(config)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.next = next
		return roundTripper(a.pass)
	})
	return c
}

func (a *annotator) pass(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // apis/GROUP/VERSION/namespaces/NS/RESOURCE/NAME[/status]
	if len(parts) >= 7 && parts[5] == "kafkaconsumergroups" && r.Method == http.MethodGet {
		a.turn = true
	}
	if len(parts) >= 7 && parts[5] == "kafkaoffsetresets" && r.Method == http.MethodPatch && a.turn {
		a.turn = false
		a.changes++
		reset := &v1alpha1.KafkaOffsetReset{}
		reset.Namespace, reset.Name = parts[4], parts[6]
		note := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/noted":"%d"}}}`, a.changes)
		if err := kube.Patch(context.Background(), reset, client.RawPatch(types.MergePatchType, []byte(note))); err != nil {
			return nil, err
		}
	}
	return a.next.RoundTrip(r)
}

// TestResetAmongAnnotations: another tool's notes in a reset come before each of its
// writes, and the reset goes on, also when it is deleted in the middle.
func TestResetAmongAnnotations(t *testing.T) {
	t.Parallel()
	ns, b, a := namespace(t), startBroker(t, map[string]int32{"orders": 4}), &annotator{}
	startManager(t, managerOptions{api: annotating(a), commitLimit: 150}, ns)
	b.produce(t, "orders", 10)
	g := group(ns, "noted", b.address(), drainable, oneWorker)
	create(t, g)
	workers := playCrew(t, g, b.ListenAddrs())
	eventually(t, func() error { return workers.committedEverywhere(4, 10) })
	r := reset(g, "kor", allTo(3)("orders", 4), automatic)
	create(t, r)
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	eventually(t, func() error { return workers.committedEverywhere(4, 10) })
	if starts := workers.startsSoFar(); offsetsAre(starts[len(starts)-1], 3, -1) != nil {
		t.Errorf("workers began at %v", starts[len(starts)-1])
	}

	held := reset(g, "held", allTo(5)("orders", 4), automatic, func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Resume = new(bool) })
	create(t, held)
	wantTrouble(t, held, v1alpha1.PhaseVerifying, v1alpha1.ConditionVerified, "False", v1alpha1.ReasonResumeHeld)
	remove(t, held.DeepCopy())
	wantGone(t, held)
	wantReplicas(t, g, 1)
	if a.mu.Lock(); a.changes < 10 {
		t.Errorf("%d notes: the test is not what it says", a.changes)
	}
	a.mu.Unlock()
}

// meddler changes an annotation of a group right before every other write of its status
// that is guarded by a resourceVersion, and counts what the API server refuses.
type meddler struct {
	mu               sync.Mutex
	guarded, refused int
}

func meddling(m *meddler) *rest.Config {
	c := rest.CopyConfig(config)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
			if len(parts) != 8 || parts[5] != "kafkaconsumergroups" || r.Method != http.MethodPatch {
				return next.RoundTrip(r)
			}
			return m.pass(next, r, parts[4], parts[6])
		})
	})
	return c
}

func (m *meddler) pass(next http.RoundTripper, r *http.Request, namespace, name string) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m.mu.Lock()
	defer m.mu.Unlock()
	if bytes.Contains(body, []byte(`"resourceVersion"`)) {
		if m.guarded++; m.guarded%2 == 1 {
			g := &v1alpha1.KafkaConsumerGroup{}
			g.Namespace, g.Name = namespace, name
			note := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/noted":"%d"}}}`, m.guarded)
			if err := kube.Patch(context.Background(), g, client.RawPatch(types.MergePatchType, []byte(note))); err != nil {
				return nil, err
			}
		}
	}
	response, err := next.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusConflict {
		m.refused++
	}
	return response, err
}

// TestResetAmongAnnotationsOfTheGroup: who has the group, and what is kept for it, is
// written only over what it was decided on, by the API server's own count; and it is
// written in the end whatever else is noted in the object.
func TestResetAmongAnnotationsOfTheGroup(t *testing.T) {
	t.Parallel()
	ns, b, m := namespace(t), startBroker(t, map[string]int32{"orders": 4}), &meddler{}
	startManager(t, managerOptions{api: meddling(m), commitLimit: 150}, ns)
	b.produce(t, "orders", 10)
	g := group(ns, "noted", b.address(), drainable, oneWorker)
	create(t, g)
	workers := playCrew(t, g, b.ListenAddrs())
	eventually(t, func() error { return workers.committedEverywhere(4, 10) })
	r := reset(g, "kor", allTo(3)("orders", 4), automatic)
	create(t, r)
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	eventually(t, func() error { return workers.committedEverywhere(4, 10) })
	if starts := workers.startsSoFar(); offsetsAre(starts[len(starts)-1], 3, -1) != nil {
		t.Errorf("workers began at %v", starts[len(starts)-1])
	}
	change(t, g, toZero)
	wantKept(t, g, 4)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ActiveReset != nil || len(s.Resets) != 1 || s.Resets[0].Outcome != v1alpha1.PhaseSucceeded {
			return fmt.Errorf("active %+v, resets %+v", s.ActiveReset, s.Resets)
		}
		return nil
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused < 5 { // given, stopped, writing, given back, kept
		t.Errorf("%d of %d guarded writes were refused: the test is not what it says", m.refused, m.guarded)
	}
}

// TestResetSomethingElseNotFound: that something else than the reset is not found is a
// failure, which is tried again, and no end of the reset.
func TestResetSomethingElseNotFound(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	var mu sync.Mutex
	missing := 2
	api := rest.CopyConfig(config)
	api.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			if missing == 0 || !strings.HasSuffix(r.URL.Path, "/horizontalpodautoscalers") {
				return next.RoundTrip(r)
			}
			missing--
			body := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"not served at the moment"}`
			return &http.Response{StatusCode: http.StatusNotFound, Status: "404 Not Found", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
				Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})
	})
	startManager(t, managerOptions{api: api}, ns)
	b.commit(t, "unfound", "orders", 0)
	g := group(ns, "unfound", b.address(), drainable, oneWorker)
	create(t, g)
	wantReplicas(t, g, 1)
	r := reset(g, "kor", toEarliest())
	create(t, r)
	wantPhase(t, r, v1alpha1.PhasePlanned)
	if mu.Lock(); missing > 0 {
		t.Error("nothing was missing: the test is not what it says")
	}
	mu.Unlock()
}
