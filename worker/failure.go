package worker

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"time"
)

// Permanent wraps an error that trying again would not mend: the message goes
// to the dead letters at once, or ends Run where there are none.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ cause error }

func (e *permanentError) Error() string { return e.cause.Error() }
func (e *permanentError) Unwrap() error { return e.cause }

// HandlerError ends Run: a message's handler failed for the last time, and there
// is no dead letter topic. The message is not committed.
type HandlerError struct {
	Topic     string
	Partition int32
	Offset    int64
	// Attempts is how often the message was handed in.
	Attempts int
	// Cause is the handler's last error.
	Cause error
}

// Error names the message and the cause.
func (e *HandlerError) Error() string {
	return fmt.Sprintf("the message of topic %q partition %d offset %d failed %d times: %v",
		e.Topic, e.Partition, e.Offset, e.Attempts, e.Cause)
}

// Unwrap is the handler's last error.
func (e *HandlerError) Unwrap() error { return e.Cause }

// untilDraining is for the moment between the end of the membership and its
// claims' noticing it.
const untilDraining = 10 * time.Millisecond

// failed deals with the first of the tasks in hand that is not done, and gives
// back that and those after it. A call that failed because its claim ends is no
// failure of the message.
func (s *session) failed(h *hand, done, begun int, err error) {
	t := &h.tasks[done]
	pause := time.Duration(0)
	switch {
	case t.claim.draining.Load() || s.caller.failsTogether(err) && anyEnds(h.tasks[done:begun]):
		s.pool.again(h, done, 0) // for the partition's next owner
		return
	case errors.Is(err, errDrained):
		s.pool.again(h, done, untilDraining)
		return
	}
	if t.letter == nil {
		pause = s.judge(h.tasks[done:begun], err)
	}
	if t.letter != nil {
		switch pause = s.bury(t); {
		case pause == 0:
			done++
		case t.claim.draining.Load():
			pause = 0 // for the partition's next owner
		}
	}
	s.pool.again(h, done, pause)
}

// judge counts the failure of the first task and says how long to wait until
// the next attempt.
func (s *session) judge(tasks []task, err error) time.Duration {
	t := &tasks[0]
	if len(tasks) > 1 && s.caller.failsTogether(err) {
		return s.separate(tasks, err)
	}
	err = ofMessage(err)
	s.handlerFailed(t, err)
	var permanent *permanentError
	if errors.As(err, &permanent) || t.failures == s.config.Retry.Attempts {
		t.troubled().letter = err
		return 0
	}
	s.metrics.retried.WithLabelValues(t.record.Topic).Inc()
	return s.config.Retry.pause(t.failures, rand.Float64()) //nolint:gosec // no secret
}

// ofMessage is what was wrong with a message, without its place in a batch:
// nobody knows that any more when it is read in a dead letter.
func ofMessage(err error) error {
	if partial, is := err.(*PartialError); is && partial.Err != nil { //nolint:errorlint // what wraps it says more
		return partial.Err
	}
	return err
}

// separate has messages handled one at a time whose batch failed, to find the
// one that can't be handled. Their attempts are counted from there on.
func (s *session) separate(tasks []task, err error) time.Duration {
	for i := range tasks {
		tasks[i].troubled().alone = true
		s.metrics.retried.WithLabelValues(tasks[i].record.Topic).Inc()
	}
	s.metrics.failed.WithLabelValues(tasks[0].record.Topic).Inc()
	s.log.Error("batch failed, its messages are tried one by one", "messages", len(tasks), "error", err.Error())
	return s.config.Retry.pause(1, rand.Float64()) //nolint:gosec // no secret
}

// handlerFailed logs attempts 1, 2, 4, 8 and so on: a message that never
// succeeds is named again and again, ever more rarely.
func (s *session) handlerFailed(t *task, err error) {
	t.troubled().failures++
	s.metrics.failed.WithLabelValues(t.record.Topic).Inc()
	if bits.OnesCount(uint(t.failures)) != 1 {
		return
	}
	attributes := []any{"topic", t.record.Topic, "partition", t.record.Partition, "offset", t.record.Offset,
		"attempt", t.failures, "error", err.Error()}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		attributes = append(attributes, "stack", string(panicked.Stack))
	}
	s.log.Error("handler failed", attributes...)
}

// pause is the time before the next attempt after so many failures. chance is
// from 0 to 1 and moves it within the jitter: at 20 per cent, 1 s becomes 0.8
// to 1.2 s.
func (r Retry) pause(failures int, chance float64) time.Duration {
	// Exponents stay where nothing overflows: 2^20 times 100 ms is over a day.
	doubled := r.InitialBackoff << min(failures-1, 20)
	if doubled <= 0 || doubled > r.MaxBackoff {
		doubled = r.MaxBackoff
	}
	jitter := float64(max(0, r.JitterPercent)) / 100
	return max(1, time.Duration(float64(doubled)*(1+jitter*(2*chance-1))))
}

// bury sends the message to the dead letters, or ends Run where there are none.
// It returns 0 when the message is finished, else the time until the next trial.
func (s *session) bury(t *task) time.Duration {
	if s.config.DeadLetter == nil {
		s.fail(t.lastFailure())
		return s.config.Retry.MaxBackoff // the session is ending
	}
	if err := s.sendLetter(t); err != nil {
		s.failedLetter(t, err)
		return s.config.Retry.MaxBackoff
	}
	s.buried(t)
	s.freed(t)
	return 0
}

// lastFailure is the error that the task ends Run with.
func (t *task) lastFailure() *HandlerError {
	return &HandlerError{
		Topic: t.record.Topic, Partition: t.record.Partition, Offset: t.record.Offset,
		Attempts: t.failures, Cause: t.letter,
	}
}

// buried tells of a message that has become a dead letter.
func (s *session) buried(t *task) {
	s.metrics.deadLettered.WithLabelValues(t.record.Topic).Inc()
	s.log.Error("message sent to the dead letters", "topic", t.record.Topic, "partition", t.record.Partition,
		"offset", t.record.Offset, "attempts", t.failures, "deadLetterTopic", s.config.DeadLetter.Topic, "error", t.letter.Error())
}

// sendLetter returns once the brokers have the letter, or the message's
// transaction will.
func (s *session) sendLetter(t *task) error {
	if t.claim.transactional {
		return s.attach(context.Background(), t, []Outgoing{s.letter(t, time.Now())})
	}
	return s.deadLetters.send(t.claim.sending, s.letter(t, time.Now()))
}

func (s *session) failedLetter(t *task, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.metrics.deadLetterErrors.Inc()
	s.log.Error("the dead letter was not accepted and is sent again", "topic", t.record.Topic, "partition", t.record.Partition,
		"offset", t.record.Offset, "deadLetterTopic", s.config.DeadLetter.Topic, "error", err.Error())
}
