package worker

import (
	"strconv"
	"sync"
)

// orderLanes hold back the messages of a lane while one of it is on its way.
// Only so can what comes after a failure be kept from being sent: sarama goes
// on with the messages that it has, under a new epoch, after one has failed.
//
//	idle --admit--> busy --acknowledged, none waits--> idle
//	                busy --failed--> idle (Send), or stopped (Enqueue, SendBatch) --resume--> idle
type orderLanes struct {
	mutex sync.Mutex
	// waiting has an entry for each busy lane.
	waiting map[string][]*sending
	stopped map[string]error
}

func newOrderLanes() *orderLanes {
	return &orderLanes{waiting: make(map[string][]*sending), stopped: make(map[string]error)}
}

// admit tells whether the message goes now. If not, finished returns it later.
// The error is that of the lane, which is stopped.
func (l *orderLanes) admit(s *sending) (now bool, err error) {
	if s.lane == "" {
		return true, nil
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if cause, stopped := l.stopped[s.lane]; stopped {
		return false, &KeyStoppedError{Cause: cause}
	}
	waiting, busy := l.waiting[s.lane]
	if busy {
		waiting = append(waiting, s)
	}
	l.waiting[s.lane] = waiting
	return !busy, nil
}

// finished takes the result of the message that was on its way, and returns the
// one that goes next, or those that fail with it.
func (l *orderLanes) finished(s *sending, err error) (next *sending, failed []*sending) {
	if s.lane == "" {
		return nil, nil
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	waiting := l.waiting[s.lane]
	if err == nil && len(waiting) > 0 {
		l.waiting[s.lane] = waiting[1:]
		return waiting[0], nil
	}
	delete(l.waiting, s.lane)
	if err != nil && s.stops {
		l.stopped[s.lane] = err
	}
	return nil, waiting
}

// refused returns the error to tell for a message that could not be accepted:
// that stops its lane as well.
func (l *orderLanes) refused(lane string, stops bool, err error) error {
	if lane == "" {
		return err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if cause, stopped := l.stopped[lane]; stopped {
		return &KeyStoppedError{Cause: cause}
	}
	if stops {
		l.stopped[lane] = err
	}
	return err
}

func (l *orderLanes) resume(lane string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.stopped, lane)
}

// laneOf is what keeps the order of the message: its topic and key, or its
// partition where that is chosen by hand.
func (p *Producer) laneOf(message Outgoing) string {
	switch {
	case !p.settings.StopOnError:
		return ""
	case message.Partition != nil:
		return message.Topic + "/" + strconv.Itoa(int(*message.Partition))
	case message.Key != nil:
		return message.Topic + "/" + string(message.Key) // a topic's name has no slash
	}
	return ""
}
