package worker

import (
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// With an hour to become full in, nine of ten are not taken.
func TestABatchWaitsToBecomeFull(t *testing.T) {
	p := newPoolTest(t, poolOptions{hands: 2, most: 10, batches: true, wait: time.Hour}, allDone)
	for lane := range flow.Lane(10) {
		p.add(lane, 0)
	}
	p.awaitDone(10)
	p.close()
	if !slices.Equal(p.sizes, []int{10}) {
		t.Errorf("batches of %v, want one of 10", p.sizes)
	}
}

// What waits behind a lane in hand can't be in the batch, and makes none full.
func TestABatchIsNotFullOfWhatCanNotBeInIt(t *testing.T) {
	blocked := make(chan struct{})
	p := newPoolTest(t, poolOptions{hands: 2, most: 3, batches: true, wait: time.Hour}, func(tasks []task) (int, time.Duration) {
		if laneOfTask(tasks[0]) == 1 && tasks[0].record.Offset == 0 {
			<-blocked
		}
		return len(tasks), 0
	})
	p.add(1, 0, 1, 2)
	p.await("the first batch is in hand", func() bool { return p.running == 1 })
	p.add(1, 3, 4, 5)
	p.add(2, 0)
	p.pool.mutex.Lock()
	if p.pool.servable() {
		t.Error("one task of lane 2 makes a batch of 3")
	}
	p.pool.mutex.Unlock()
	close(blocked)
	p.awaitDone(6)
	p.close()
	if !slices.Equal(p.sizes, []int{3, 3}) {
		t.Errorf("batches of %v, want two of 3, and lane 1's 2 behind them waiting", p.sizes)
	}
}

// The wait is that of one batch: what is left when it was taken waits anew.
func TestTheWaitOfABatchIsItsOwn(t *testing.T) {
	p := newPoolTest(t, poolOptions{hands: 1, most: 2, batches: true, wait: time.Hour}, allDone)
	p.add(1, 0)
	p.pool.mutex.Lock()
	first := p.pool.ripening
	p.pool.mutex.Unlock()
	p.pool.add([]task{taskAt(2, 0), taskAt(3, 0)}, []flow.Lane{2, 3})
	p.awaitDone(2)
	p.pool.mutex.Lock()
	if p.pool.ripening == first || len(p.pool.timers) != 1 {
		t.Errorf("of %d timers one is that of the batch before", len(p.pool.timers))
	}
	p.pool.mutex.Unlock()
	p.add(4, 0)
	p.awaitDone(4)
	p.close()
}

// What comes back from a batch is taken after the wait, though nothing new comes.
func TestABatchThatWasPutBackIsTakenAgain(t *testing.T) {
	for _, pause := range []time.Duration{0, time.Millisecond} {
		t.Run(pause.String(), func(t *testing.T) {
			failed := false // one hand
			p := newPoolTest(t, poolOptions{hands: 1, most: 10, batches: true, wait: time.Millisecond},
				func(tasks []task) (int, time.Duration) {
					if failed {
						return len(tasks), 0
					}
					failed = true
					return 0, pause
				})
			p.add(1, 0, 1, 2)
			p.awaitDone(3)
			p.close()
		})
	}
}

// Tasks whose batch has failed are handled one by one, and one for the dead
// letters too; they don't wait an hour for a batch that they are no part of.
func TestATaskThatIsAloneIsInNoBatch(t *testing.T) {
	for name, mark := range map[string]func(*trouble){
		"alone":  func(t *trouble) { t.alone = true },
		"letter": func(t *trouble) { t.letter = errDrained },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPoolTest(t, poolOptions{hands: 1, most: 3, batches: true, wait: time.Hour},
				func(tasks []task) (int, time.Duration) {
					if len(tasks) == 1 {
						return 1, 0
					}
					for i := range tasks {
						mark(tasks[i].troubled())
					}
					return 0, 0
				})
			for lane := range flow.Lane(3) {
				p.add(lane+1, 0)
			}
			p.awaitDone(3)
			p.close()
			if !slices.Equal(p.sizes, []int{3, 1, 1, 1}) {
				t.Errorf("hands were given %v, want 3 and then one by one", p.sizes)
			}
		})
	}
}
