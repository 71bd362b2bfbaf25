package worker

import (
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// task is a message on its way through the pool. It is small: it is copied from
// hand to hand, and thousands wait.
type task struct {
	record *sarama.ConsumerMessage
	claim  *claim
	ticket flow.Ticket
	*trouble
}

// trouble is what went wrong with a message so far.
type trouble struct {
	failures int
	// alone keeps the message out of batches: one that it was in has failed.
	alone bool
	// letter is why the message goes to the dead letters. Once it is set the
	// handler is not called again.
	letter error
}

// noTrouble is that of nearly all messages, and never changes.
var noTrouble = &trouble{}

// troubled is the task's own trouble, which may change.
func (t *task) troubled() *trouble {
	if t.trouble == noTrouble {
		t.trouble = &trouble{}
	}
	return t.trouble
}

// solitary says that the task is no part of a batch.
func (t *task) solitary() bool { return t.alone || t.letter != nil }

// hand is a goroutine of the pool with what it has in hand.
type hand struct {
	tasks []task
	lanes []laneInHand
	// waited says that there was nothing to do before the tasks came.
	waited bool
	// begun is how many of the tasks are being handled, from the first on.
	begun int
	// quick says that what the hand had last was done before another hand would
	// have been awake, counted that the pool counts on it.
	quick, counted bool
}

// laneInHand says that tasks[from:to] are of the lane.
type laneInHand struct {
	flow.Held[task]
	from, to int
}

// poolOptions are the shape of a pool.
type poolOptions struct {
	// hands is how many goroutines handle messages, 0 for one for each lane.
	hands int
	// most is how many messages are in one hand at most.
	most int
	// batches has a hand take messages of several lanes, and of those that are
	// to be alone one; wait is how long a batch may wait to become full.
	batches bool
	wait    time.Duration
}

// pool runs the goroutines that handle a session's messages: as many as there
// is work for, up to a limit. They stay until the pool is closed.
type pool struct {
	poolOptions
	// serve is the life of a hand: it calls next until that returns false.
	serve func(*hand)

	mutex   sync.Mutex
	work    *sync.Cond // there may be something to take
	gone    *sync.Cond // a hand has ended
	lanes   *flow.Lanes[task]
	started int
	idle    int
	// waking says that a hand was woken and has not looked yet. One is woken at
	// a time; it wakes the next if there is more than it takes. With a handler
	// that takes no time one hand does all the work, and nobody is woken in vain.
	waking bool
	pace
	// A batch that is not full waits: ripening is its timer until it has waited
	// long enough, then it is ripe.
	ripening *time.Timer
	ripe     bool
	closed   bool
	timers   map[*time.Timer]struct{}
}

func newPool(options poolOptions, serve func(*hand)) *pool {
	p := &pool{poolOptions: options, serve: serve, lanes: flow.NewLanes[task](), timers: make(map[*time.Timer]struct{})}
	p.work, p.gone = sync.NewCond(&p.mutex), sync.NewCond(&p.mutex)
	return p
}

// add queues tasks, each in its lane.
func (p *pool) add(tasks []task, lanes []flow.Lane) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for i, t := range tasks {
		p.lanes.Add(lanes[i], t)
	}
	p.wake()
}

// ripen has what is queued taken after the wait, as many as it may be by then.
// Whatever is queued has to ripen: new messages, those that a hand has left, those
// behind what it had, and those that were put back.
func (p *pool) ripen() {
	if p.wait == 0 || p.ripe || p.ripening != nil || p.lanes.Queued() == 0 {
		return
	}
	var timer *time.Timer
	timer = p.after(p.wait, func() {
		if p.ripening == timer {
			p.ripening, p.ripe = nil, true
		}
	})
	p.ripening = timer
}

// taken has what is left wait anew: it is the beginning of another batch.
func (p *pool) taken() {
	p.ripe = false
	if p.ripening != nil {
		p.ripening.Stop()
		delete(p.timers, p.ripening)
		p.ripening = nil
	}
}

// after runs do under the lock after the pause, unless the pool closes first.
func (p *pool) after(pause time.Duration, do func()) (timer *time.Timer) {
	if p.closed {
		return nil
	}
	timer = time.AfterFunc(pause, func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		delete(p.timers, timer)
		if !p.closed {
			do()
			p.wake()
		}
	})
	p.timers[timer] = struct{}{}
	return timer
}

// servable tells whether a hand should take something now. A task that is not
// for a batch waits for none.
func (p *pool) servable() bool {
	return p.lanes.Ready() > 0 && (p.wait == 0 || p.ripe || p.lanes.Queued() >= p.most || p.solitary())
}

// solitary tells whether the next task is one that is not for a batch.
func (p *pool) solitary() bool {
	front, some := p.lanes.Front()
	return some && front.solitary()
}

// wake has a hand look for work, a new one if all are busy.
func (p *pool) wake() {
	p.ripen()
	switch {
	case p.waking || p.closed || !p.servable():
	case p.enough():
		p.look()
	case p.idle > 0:
		p.waking = true
		p.work.Signal()
	case p.hands == 0 || p.started < p.hands:
		p.waking = true
		p.started++
		go p.run()
	}
}

func (p *pool) run() {
	defer p.end()
	p.serve(&hand{})
}

func (p *pool) end() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.started--
	p.gone.Broadcast()
}

// next gives back what the hand had and waits for something to handle. False
// means that the pool is closed.
func (p *pool) next(h *hand) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.giveBack(h)
	p.back(h)
	h.waited = false
	for !p.closed {
		p.waking = false
		if p.servable() {
			p.fill(h)
			p.away(h)
			p.wake()
			return true
		}
		p.ripen() // what waited behind what the hand has given back
		h.waited, h.quick = true, false
		p.idle++
		p.work.Wait()
		p.idle--
	}
	return false
}

func (p *pool) giveBack(h *hand) {
	for _, held := range h.lanes {
		p.lanes.Done(held.Held)
	}
	clear(h.tasks) // the messages can go
	h.tasks, h.lanes = h.tasks[:0], h.lanes[:0]
}

// fill takes one lane, or for batches as many as make a batch.
func (p *pool) fill(h *hand) {
	switch {
	case !p.batches:
		p.take(h, p.most)
	case p.solitary():
		p.take(h, 1) // beside which a batch goes on waiting
	default:
		for len(h.tasks) < p.most && p.lanes.Ready() > 0 && !p.solitary() {
			p.take(h, p.most-len(h.tasks))
		}
		p.taken()
	}
}

func (p *pool) take(h *hand, limit int) {
	from := len(h.tasks)
	tasks, held := p.lanes.Take(limit, h.tasks)
	h.tasks = tasks
	h.lanes = append(h.lanes, laneInHand{held, from, len(tasks)})
}

// again puts what the hand has, from the index on, back to be handled again
// after the pause. Messages of the lanes in hand that are done stay done.
func (p *pool) again(h *hand, from int, pause time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var waiting []laneInHand
	for _, held := range h.lanes {
		if held.to <= from {
			p.lanes.Done(held.Held)
			continue
		}
		p.lanes.Again(held.Held, h.tasks[max(from, held.from):held.to])
		waiting = append(waiting, held)
	}
	h.lanes = h.lanes[:0]
	serve := func() {
		for _, held := range waiting {
			p.lanes.Done(held.Held)
		}
	}
	if pause == 0 {
		serve()
		p.ripen()
		return
	}
	p.after(pause, serve)
}

// close has the hands end once they have given back what they have, and waits
// for them, but no longer than given is open.
func (p *pool) close(given <-chan struct{}) (ended bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.closed = true
	for timer := range p.timers {
		timer.Stop()
	}
	clear(p.timers)
	p.work.Broadcast()
	stop := make(chan struct{})
	defer close(stop)
	gaveUp := false
	go func() {
		select {
		case <-given:
			p.mutex.Lock()
			gaveUp = true
			p.mutex.Unlock()
			p.gone.Broadcast()
		case <-stop:
		}
	}()
	for p.started > 0 && !gaveUp {
		p.gone.Wait()
	}
	return p.started == 0
}
