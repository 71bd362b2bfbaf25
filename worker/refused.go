package worker

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// refusedError says that a message can't be produced as it is, and that nothing
// of its transaction was.
type refusedError struct{ cause error }

func (e *refusedError) Error() string { return e.cause.Error() }
func (e *refusedError) Unwrap() error { return e.cause }

// refusals are what trying again doesn't change. They may be of any message of
// the batch.
var refusals = []error{
	sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge, sarama.ErrInvalidRecord, sarama.ErrInvalidTimestamp,
	sarama.ErrInvalidTopic, sarama.ErrInvalidPartition, sarama.ErrPolicyViolation,
}

func refuses(err error) bool {
	return slices.ContainsFunc(refusals, func(refusal error) bool { return errors.Is(err, refusal) })
}

// orRefused is the error, as a refusedError if it is one.
func orRefused(err error) error {
	if refuses(err) {
		return &refusedError{err}
	}
	return err
}

func unrefused(err error) error {
	var refusal *refusedError
	if errors.As(err, &refusal) {
		return refusal.cause
	}
	return err
}

// refused makes a dead letter of a message that the brokers refuse the outputs
// of, or ends Run where there are none.
func (s *session) refused(p *produced, cause error) error {
	if p.letter != nil {
		s.metrics.deadLetterErrors.Inc()
		return fmt.Errorf("the dead letter of topic %q partition %d offset %d is refused: %w",
			p.record.Topic, p.record.Partition, p.record.Offset, cause)
	}
	s.handlerFailed(&p.task, cause)
	p.troubled().letter = cause
	if s.config.DeadLetter == nil {
		s.fail(p.lastFailure())
		return cause
	}
	p.outgoing = []Outgoing{s.letter(&p.task, time.Now())}
	s.buried(&p.task)
	return nil
}
