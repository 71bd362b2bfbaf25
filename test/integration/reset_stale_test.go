package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// frozen answers lists and watches of some resources with what was there when
// they were first asked for, and lets everything else pass.
type frozen struct {
	next http.RoundTripper
	mu   sync.Mutex
	old  map[string][]byte // the lists, by resource
}

// freeze is a configuration whose caches of these resources stay as they are now.
func freeze(t *testing.T, ns string, lists map[string]client.ObjectList) *rest.Config {
	t.Helper()
	f := &frozen{old: map[string][]byte{}}
	for resource, list := range lists {
		if err := kube.List(context.Background(), list, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		f.old[resource] = raw
	}
	c := rest.CopyConfig(config)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.next = next
		return roundTripper(f.answer)
	})
	return c
}

// freezeClaims freezes the groups and their resets.
func freezeClaims(t *testing.T, ns string) *rest.Config {
	t.Helper()
	return freeze(t, ns, map[string]client.ObjectList{
		"kafkaconsumergroups": &v1alpha1.KafkaConsumerGroupList{}, "kafkaoffsetresets": &v1alpha1.KafkaOffsetResetList{},
	})
}

func (f *frozen) answer(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	list, ok := f.old[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
	f.mu.Unlock()
	informer := r.URL.Query().Get("watch") != "" || r.URL.Query().Get("resourceVersion") != "" // and no live look
	if !ok || !informer || r.Method != http.MethodGet {
		return f.next.RoundTrip(r)
	}
	body := io.NopCloser(strings.NewReader(string(list)))
	if r.URL.Query().Get("watch") != "" {
		body = oldWatch(r.Context(), list, r.URL.Query().Get("sendInitialEvents") == "true")
	}
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Request: r}, nil
}

// oldWatch tells what is in the list, if that is asked for, and then nothing more.
func oldWatch(ctx context.Context, list []byte, initial bool) io.ReadCloser {
	var content struct {
		Kind, APIVersion string
		Metadata         struct{ ResourceVersion string }
		Items            []json.RawMessage
	}
	read, write := io.Pipe()
	go func() {
		err := json.Unmarshal(list, &content)
		for _, item := range content.Items {
			if initial && err == nil {
				_, err = fmt.Fprintf(write, `{"type":"ADDED","object":%s}`+"\n", item)
			}
		}
		if initial && err == nil {
			_, err = fmt.Fprintf(write, `{"type":"BOOKMARK","object":{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":%q,"annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n",
				strings.TrimSuffix(content.Kind, "List"), content.APIVersion, content.Metadata.ResourceVersion)
		}
		if err == nil {
			<-ctx.Done()
		}
		_ = write.CloseWithError(err)
	}()
	return read
}

// TestResetStaleCache: a manager whose caches know nothing of the claim, nor of
// the reset's step, starts no worker and gives nobody the group.
func TestResetStaleCache(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	stop := startManager(t, played(), ns)
	g := threeWorkers(t, ns, "stale", kafka)
	before := freezeClaims(t, ns)
	reset, cancelled := playedReset(t, g, "replay"), playedReset(t, g, "cancelled")
	playApproval(t, reset, time.Now())
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	wantStopped(t, g)
	stop()
	playResume(t, reset, v1alpha1.PhasePlanning)
	replanning := freezeClaims(t, ns)
	playPhase(t, reset, v1alpha1.PhaseCommitting)
	playApproval(t, cancelled, time.Now().Add(-time.Hour))
	waiting := freeze(t, ns, map[string]client.ObjectList{"kafkaoffsetresets": &v1alpha1.KafkaOffsetResetList{}})
	kafka.produce(t, "orders", 1000)
	counts := countsOf(t, g)
	for reason, api := range map[string]*rest.Config{
		"no claim, and no resets at all":                             before,
		"the reset as it was when it gave the group back for a plan": replanning,
	} {
		stop = startManager(t, managerOptions{playedResets: true, api: api}, ns)
		kafka.cycles(t, 10)
		wantActive(t, g, reset)
		stop()
		if got := counts(); slices.Max(append(got, 0)) != 0 {
			t.Errorf("the cache shows %s: counts %v, want none but 0", reason, got)
		}
		counts = countsOf(t, g)
	}
	counts()

	// The cache shows a reset that waits for its turn and was cancelled long ago.
	playPhase(t, cancelled, v1alpha1.PhaseCancelled)
	playResume(t, reset, v1alpha1.PhaseSucceeded)
	setStatus(t, g, func(s *v1alpha1.KafkaConsumerGroupStatus) { s.ActiveReset = nil })
	startManager(t, managerOptions{playedResets: true, api: waiting}, ns)
	wantReplicas(t, g, 12)
	kafka.cycles(t, 10)
	wantActive(t, g, nil)
}

// TestResetStaleWorkers: that no worker is left is not taken from a cache that may
// not know of the last that was started.
func TestResetStaleWorkers(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	stop := startManager(t, played(), ns)
	g := threeWorkers(t, ns, "unseen", kafka)
	stop()
	nobody := freeze(t, ns, map[string]client.ObjectList{"pods": &corev1.PodList{}})
	playPod(t, g, "unseen-1", ready(metav1.Now()))
	reset := playedReset(t, g, "replay")
	playApproval(t, reset, time.Now())
	startManager(t, managerOptions{playedResets: true, api: nobody}, ns)
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	kafka.cycles(t, 10)
	notStopped(t, g, "a pod runs that the cache does not know")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "unseen-1"}}
	remove(t, pod)
	kafka.produce(t, "orders", 1) // something new to look at
	wantStopped(t, g)
}
