package controllers

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// wakeups puts a group into the work queue when its sample says something new.
// A group without traffic is left alone.
type wakeups struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	last  map[string]kafka.GroupSample
}

func newWakeups() *wakeups { return &wakeups{last: map[string]kafka.GroupSample{}} }

// start is a source.Func: it takes the controller's queue.
func (w *wakeups) start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = queue
	return nil
}

func (w *wakeups) onSample(owner string, sample kafka.GroupSample) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sample.At = time.Time{}
	if w.queue == nil || reflect.DeepEqual(w.last[owner], sample) {
		return
	}
	w.last[owner] = sample
	namespace, name, _ := strings.Cut(owner, "/")
	w.queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}})
}

func (w *wakeups) forget(owner string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.last, owner)
}
