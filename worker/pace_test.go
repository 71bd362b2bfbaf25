package worker

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// A hand that was quick wakes no other, unless it stays away.
func TestAQuickHandWakesNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken atomic.Int32
		over := make(chan struct{})
		p := newPool(poolOptions{hands: 8, most: 1}, func(*hand) {
			woken.Add(1)
			<-over // it never takes anything
		})
		for offset := range int64(20) {
			p.add([]task{taskAt(flow.NoLane, offset)}, []flow.Lane{flow.NoLane})
		}
		var mine hand
		aLook := func() { time.Sleep(lookAfter) } //nolint:forbidigo // the bubble's clock, not the world's
		next := func(quick bool) func() {
			return func() {
				mine.quick = quick
				p.next(&mine)
			}
		}
		for _, step := range []struct {
			what string
			do   func()
			want int32
		}{
			{"there is work", func() {}, 1},
			{"it begins", next(false), 2},
			{"it was quick", next(true), 2},
			{"and again", next(true), 2},
			{"a look, before which it was back", aLook, 2},
			{"a look, before which it was not", aLook, 3},
			{"it is back, quick", next(true), 3},
			{"it is back, slow", next(false), 4},
		} {
			step.do()
			synctest.Wait()
			if got := woken.Load(); got != step.want {
				t.Errorf("%s: %d hands are awake, want %d", step.what, got, step.want)
			}
		}
		close(over)
		p.close(nil)
	})
}
