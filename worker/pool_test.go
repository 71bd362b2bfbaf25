package worker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/goleak"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// poolTest is a pool with what its hands were given.
type poolTest struct {
	*testing.T
	pool *pool
	// serve handles what a hand has: so many are done, and the others are put
	// back for after the pause.
	serve func(tasks []task) (done int, pause time.Duration)

	mutex   sync.Mutex
	changed *sync.Cond
	late    bool
	// handled are the offsets of each lane in the order in which they were done,
	// inHand the lanes that a hand has, sizes how many tasks hands were given.
	handled       map[flow.Lane][]int64
	inHand        map[flow.Lane]bool
	sizes         []int
	done          int
	running, most int
}

func newPoolTest(t *testing.T, options poolOptions, serve func([]task) (int, time.Duration)) *poolTest {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	p := &poolTest{T: t, serve: serve, handled: make(map[flow.Lane][]int64), inHand: make(map[flow.Lane]bool)}
	p.changed = sync.NewCond(&p.mutex)
	p.pool = newPool(options, p.work)
	return p
}

// allDone is the serve of a handler that never fails.
func allDone(tasks []task) (done int, pause time.Duration) { return len(tasks), 0 }

func taskAt(lane flow.Lane, offset int64) task {
	return task{record: &sarama.ConsumerMessage{Partition: int32(lane), Offset: offset}, trouble: noTrouble}
}

func laneOfTask(t task) flow.Lane { return flow.Lane(t.record.Partition) }

// add queues tasks with the offsets in the lane.
func (p *poolTest) add(lane flow.Lane, offsets ...int64) {
	var tasks []task
	var lanes []flow.Lane
	for _, offset := range offsets {
		tasks, lanes = append(tasks, taskAt(lane, offset)), append(lanes, lane)
	}
	p.pool.add(tasks, lanes)
}

func (p *poolTest) work(h *hand) {
	for p.pool.next(h) {
		p.take(h)
		done, pause := p.serve(h.tasks)
		p.leave(h, done)
		if done < len(h.tasks) {
			p.pool.again(h, done, pause)
		}
	}
}

func (p *poolTest) take(h *hand) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.running++
	p.most = max(p.most, p.running)
	p.sizes = append(p.sizes, len(h.tasks))
	for _, held := range h.lanes {
		lane := laneOfTask(h.tasks[held.from])
		if lane != flow.NoLane && p.inHand[lane] {
			p.Errorf("lane %d is in two hands", lane)
		}
		p.inHand[lane] = true
	}
	p.changed.Broadcast()
}

func (p *poolTest) leave(h *hand, done int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.running--
	for i, t := range h.tasks {
		p.inHand[laneOfTask(t)] = false
		if i < done {
			p.handled[laneOfTask(t)] = append(p.handled[laneOfTask(t)], t.record.Offset)
			p.done++
		}
	}
	p.changed.Broadcast()
}

// await waits until it is so.
func (p *poolTest) await(what string, so func() bool) {
	p.Helper()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	limit := time.AfterFunc(time.Minute, func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.late = true
		p.changed.Broadcast()
	})
	defer limit.Stop()
	for !so() {
		if p.late {
			p.Fatalf("not %s after a minute: %d done, %d running", what, p.done, p.running)
		}
		p.changed.Wait()
	}
}

func (p *poolTest) awaitDone(tasks int) {
	p.Helper()
	p.await(fmt.Sprintf("%d done", tasks), func() bool { return p.done >= tasks })
}

func (p *poolTest) close() {
	p.Helper()
	if !p.pool.close(p.Context().Done()) {
		p.Error("hands are left behind")
	}
}

// Whatever handlers do, each lane's tasks are done in their order, each once, in
// one hand at a time, and in no more hands than there may be.
func TestPoolKeepsTheOrderOfLanes(t *testing.T) {
	for _, options := range []poolOptions{
		{hands: 0, most: 32},
		{hands: 1, most: 1},
		{hands: 3, most: 32},
		{hands: 64, most: 4},
		{hands: 4, most: 50, batches: true},
		{hands: 4, most: 50, batches: true, wait: 200 * time.Microsecond},
	} {
		t.Run(fmt.Sprintf("%+v", options), func(t *testing.T) {
			const feeders, lanes, each = 4, 7, 150
			p := newPoolTest(t, options, serveAtRandom)
			var feeding sync.WaitGroup
			for feeder := range feeders {
				feeding.Go(func() { p.feed(feeder*lanes, lanes, each) })
			}
			feeding.Wait()
			p.awaitDone(feeders * lanes * each)
			p.close()
			p.inOrder(feeders*lanes, each)
			if options.hands > 0 && p.most > options.hands {
				t.Errorf("%d hands at the same time, where %d are allowed", p.most, options.hands)
			}
		})
	}
}

// feed adds tasks of its lanes, a few at a time. Lane 0 is NoLane.
func (p *poolTest) feed(from, lanes, each int) {
	next := make([]int64, lanes)
	for range each {
		for _, lane := range rand.Perm(lanes) {
			p.add(flow.Lane(from+lane), next[lane])
			next[lane]++
		}
	}
}

func (p *poolTest) inOrder(lanes, each int) {
	p.Helper()
	for lane := range lanes {
		offsets := p.handled[flow.Lane(lane)]
		if lane == int(flow.NoLane) {
			slices.Sort(offsets)
		}
		for i, offset := range offsets {
			if offset != int64(i) {
				p.Fatalf("lane %d: offset %d was done as number %d", lane, offset, i)
			}
		}
		if len(offsets) != each {
			p.Errorf("lane %d: %d done, want %d", lane, len(offsets), each)
		}
	}
}

// serveAtRandom fails now and then, with a pause and without, and lets others run.
func serveAtRandom(tasks []task) (done int, pause time.Duration) {
	switch rand.IntN(10) {
	case 0:
		return rand.IntN(len(tasks)), 0
	case 1:
		return rand.IntN(len(tasks)), time.Duration(1 + rand.IntN(int(time.Millisecond)))
	case 2:
		for range 100 {
			rand.Int()
		}
	}
	return len(tasks), 0
}

// Work for four hands wakes four, whether it comes at once or one by one.
func TestPoolWakesAsManyHandsAsThereIsWorkFor(t *testing.T) {
	for name, feed := range map[string]func(p *poolTest){
		"at once": func(p *poolTest) { p.add(flow.NoLane, 0, 1, 2, 3) },
		"one by one": func(p *poolTest) {
			for lane := range flow.Lane(4) {
				p.add(lane+1, 0)
			}
		},
	} {
		for _, hands := range []int{0, 4} {
			t.Run(fmt.Sprintf("%s, %d hands", name, hands), func(t *testing.T) {
				together := make(chan struct{})
				p := newPoolTest(t, poolOptions{hands: hands, most: 32}, func(tasks []task) (int, time.Duration) {
					<-together
					return len(tasks), 0
				})
				for round := 1; round <= 2; round++ { // with new hands, then with those that wait
					feed(p)
					p.await("four at the same time", func() bool { return p.running == 4 })
					for range 4 {
						together <- struct{}{}
					}
					p.awaitDone(4 * round)
				}
				p.close()
			})
		}
	}
}

func TestPoolGoesOnBesideAHandThatIsBlocked(t *testing.T) {
	blocked := make(chan struct{})
	p := newPoolTest(t, poolOptions{hands: 2, most: 32}, func(tasks []task) (int, time.Duration) {
		if laneOfTask(tasks[0]) == 1 {
			<-blocked
		}
		return len(tasks), 0
	})
	p.add(1, 0, 1, 2)
	for offset := range int64(500) {
		p.add(2, offset)
		p.add(flow.NoLane, offset)
	}
	p.awaitDone(1000)
	close(blocked)
	p.awaitDone(1003)
	p.close()
}

// What waits for a pause or for a hand is not handled after the close, and
// keeps nothing running.
func TestPoolClosesWithWorkLeft(t *testing.T) {
	p := newPoolTest(t, poolOptions{hands: 1, most: 1}, func(tasks []task) (int, time.Duration) {
		if laneOfTask(tasks[0]) == 1 {
			return 0, time.Hour
		}
		return 1, 0
	})
	p.add(1, 0)
	p.add(2, 0)
	p.awaitDone(1)
	p.close()
	p.add(2, 1)
	if p.done != 1 || len(p.sizes) != 2 {
		t.Errorf("%d tasks done in %d calls", p.done, len(p.sizes))
	}
	if len(p.pool.timers) > 0 {
		t.Errorf("%d timers go on", len(p.pool.timers))
	}
}

func TestPoolLeavesAHandBehindThatDoesNotReturn(t *testing.T) {
	blocked, given := make(chan struct{}), make(chan struct{})
	p := newPoolTest(t, poolOptions{hands: 2, most: 32}, func([]task) (int, time.Duration) {
		<-blocked
		return 0, time.Hour
	})
	p.add(1, 0)
	p.await("running", func() bool { return p.running == 1 })
	close(given)
	if p.pool.close(given) {
		t.Error("the hand is said to have ended")
	}
	close(blocked)
	p.close() // and leaves no timer for the task that it puts back
	if len(p.pool.timers) > 0 {
		t.Errorf("%d timers were started after the close", len(p.pool.timers))
	}
}

func TestPoolKeepsNoMessageThatIsDone(t *testing.T) {
	p := newPoolTest(t, poolOptions{hands: 1, most: 2}, allDone)
	p.add(1, 0, 1, 2)
	p.awaitDone(3)
	p.close()
	if ready, queued := p.pool.lanes.Ready(), p.pool.lanes.Queued(); ready > 0 || queued > 0 {
		t.Errorf("%d lanes and %d tasks are left", ready, queued)
	}
	if *noTrouble != (trouble{}) {
		t.Error("the trouble of all messages was changed")
	}
}

// A lane whose tasks of a batch are done does not wait for those that failed.
func TestAPauseHoldsUpOnlyTheLanesThatFailed(t *testing.T) {
	p := newPoolTest(t, poolOptions{hands: 2, most: 2, batches: true}, func(tasks []task) (int, time.Duration) {
		if len(tasks) == 2 {
			return 1, time.Hour
		}
		return 1, 0
	})
	p.pool.add([]task{taskAt(1, 0), taskAt(2, 0)}, []flow.Lane{1, 2})
	p.awaitDone(1)
	p.add(1, 1)
	p.awaitDone(2)
	p.close()
}
