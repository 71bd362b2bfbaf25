package integration

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestResetUncertainFirstRequest (A18): nobody knows what became of the very first
// request, and the manager that made it is gone. That the broker refuses the next
// does not say that nothing was committed: the workers stay stopped until all is.
func TestResetUncertainFirstRequest(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	o := managerOptions{commitLimit: 150}
	doomed, x := o, newExecutioner("commit first request", true)
	doomed.wrap, doomed.offsets = x.client, x.offsets
	stop := startManager(t, doomed, ns)
	b.produce(t, "orders", 10)
	g := group(ns, "moved", b.address(), drainable, oneWorker)
	create(t, g)
	s := &stand{ns: ns, b: b, g: g, workers: playCrew(t, g, b.ListenAddrs())}
	s.settle(t)

	var cut, allowed atomic.Bool
	b.onResetCommit(1, true, func(r *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
		switch {
		case cut.CompareAndSwap(false, true):
			return nil, errCut
		case allowed.Load():
			return nil, nil
		}
		return refusing(r, kerr.TopicAuthorizationFailed), nil
	})
	r := s.toThree("kor", automatic)
	create(t, r)
	eventually(t, func() error {
		select {
		case <-x.killed:
			return nil
		default:
			return errors.New("nothing was committed yet")
		}
	})
	stop()
	startManager(t, o, ns)
	wantStalled(t, r, v1alpha1.PhaseCommitting, v1alpha1.ReasonNotPermitted, "orders-0")
	wantReplicas(t, g, 0)
	allowed.Store(true)
	s.wantMoved(t, r)
}
