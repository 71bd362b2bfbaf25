package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// note stops the replay if there is an error.
func (r *replay) note(err error) {
	if err == nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.failures = append(r.failures, err)
	r.stopTaking()
}

func (r *replay) outcome(readers []*replayReader) error {
	unfinished := 0
	for _, one := range readers {
		if !one.done() && one.to != endless {
			unfinished++
		}
	}
	failures := r.failures
	if r.asked.Err() != nil && unfinished > 0 {
		failures = append(failures, fmt.Errorf("stopped with %d of %d partitions before their end: %w",
			unfinished, len(readers), context.Cause(r.asked)))
	}
	return errors.Join(failures...)
}

// supervise gives up the messages in hand when they take too long after the
// replay was told to end, and then cuts the connections when sarama does not
// come back. Call the result when the replay is over.
func (r *replay) supervise() (stop func()) {
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-r.taking.Done():
		case <-over:
			return
		}
		if closedWithin(over, r.config.GracePeriod) {
			return
		}
		r.stopHandling(errDrained)
		if !closedWithin(over, leaveTimeout) {
			r.log.Warn(tooLate, "after", leaveTimeout.String())
			r.dialer.cutAll()
		}
	})
	return func() {
		close(over)
		watching.Wait()
		r.stopTaking()
		r.stopHandling(nil)
	}
}

// closedWithin tells whether the channel is closed within the time.
func closedWithin(closed <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-closed:
		return true
	case <-timer.C:
		return false
	}
}
