package integration

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestResetFaultTooLarge: what a broker can't take in one request, whether it says
// so or fails without a word, is committed in smaller ones.
func TestResetFaultTooLarge(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]*kerr.Error{
		"TooLarge": kerr.MessageTooLarge, "Unknown": kerr.UnknownServerError,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, map[string]int32{"orders": 240})
			s := standOn(t, b, 32<<10)
			b.onResetCommit(1, true, func(r *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
				if len(r.Topics[0].Partitions) > 230 {
					return refusing(r, code), nil
				}
				return nil, nil
			})
			r := reset(s.g, "kor", allTo(3)("orders", 240), automatic)
			create(t, r)
			now := wantPhase(t, r, v1alpha1.PhaseSucceeded)
			if i := now.Status.Intent; i.Requests != 2 || i.Limit != 16<<10 {
				t.Errorf("%d requests of at most %d bytes, want 2 of 16384", i.Requests, i.Limit)
			}
			if starts := s.workers.startsSoFar(); len(starts[s.starts]) != 240 || offsetsAre(starts[s.starts], 3, -1) != nil {
				t.Errorf("workers began at %v", starts[s.starts])
			}
		})
	}
}

// TestResetFaultRefused: a commit that the broker will not take at another time
// either fails the reset while nothing is written. Once a part is, the workers stay
// stopped until the rest is taken too.
func TestResetFaultRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		code   *kerr.Error
		reason string
	}{
		"Forbidden": {kerr.TopicAuthorizationFailed, v1alpha1.ReasonNotPermitted},
		"Rejected":  {kerr.OffsetMetadataTooLarge, v1alpha1.ReasonNotPermitted},
		"TooLarge":  {kerr.MessageTooLarge, v1alpha1.ReasonTooLarge}, // one record is
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			var allowed atomic.Bool
			refuse := func(r *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
				if allowed.Load() {
					return nil, nil
				}
				return refusing(r, tc.code), nil
			}
			s.b.onResetCommit(1, true, refuse)
			r := s.toThree("first", automatic)
			create(t, r)
			s.wantOld(t, r, v1alpha1.PhaseFailed, tc.reason, "Kafka refused the commit, and nothing was committed", "orders-0")
			allowed.Store(true)
			stop := s.moments.stopAt("after commit")
			r = s.toThree("second", automatic)
			create(t, r)
			stop.do(t, func() { allowed.Store(false) })
			wantStalled(t, r, v1alpha1.PhaseCommitting, tc.reason, "orders-2, orders-3")
			wantReplicas(t, s.g, 0)
			allowed.Store(true)
			s.wantMoved(t, r)
		})
	}
}
