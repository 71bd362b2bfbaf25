package worker

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"
)

// ErrProducerClosed is the error of messages that come after Close, or that
// Close could not wait for.
var ErrProducerClosed = errors.New("the producer is closed")

// KeyStoppedError is the error of a message that was not sent because an
// earlier one of its key has failed, see ProducerSettings.StopOnError.
type KeyStoppedError struct {
	// Cause is the error of the message that failed first.
	Cause error
}

// Error implements error.
func (e *KeyStoppedError) Error() string {
	return "not sent, since an earlier message of the key failed: " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *KeyStoppedError) Unwrap() error { return e.Cause }

// BatchError is the error of SendBatch: which messages failed, and why. All
// others were acknowledged.
type BatchError struct {
	// Errors are by the index of the message in the batch.
	Errors map[int]error
	// Messages is how many the batch had.
	Messages int
}

// Error implements error with the first of the errors.
func (e *BatchError) Error() string {
	first := slices.Min(slices.Collect(maps.Keys(e.Errors)))
	return fmt.Sprintf("%d of %d messages failed, the first is message %d: %v", len(e.Errors), e.Messages, first, e.Errors[first])
}

// Unwrap returns the errors in the order of the messages.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, 0, len(e.Errors))
	for _, index := range slices.Sorted(maps.Keys(e.Errors)) {
		errs = append(errs, e.Errors[index])
	}
	return errs
}

// tooLargeError is a message that was never sent. It is the broker's error to
// errors.Is, whose text would say that the broker had refused it.
type tooLargeError struct {
	size  int64
	limit int
}

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the message of %d bytes is larger than maxMessageBytes %d", e.size, e.limit)
}

func (e *tooLargeError) Unwrap() error { return sarama.ErrMessageSizeTooLarge }

// produceError says what was attempted, and what to change where the error of
// the broker doesn't.
func produceError(topic string, err error) error {
	var unsent *tooLargeError
	if errors.Is(err, sarama.ErrMessageSizeTooLarge) && !errors.As(err, &unsent) {
		return fmt.Errorf("produce to topic %q (maxMessageBytes must not be above its max.message.bytes): %w", topic, err)
	}
	return fmt.Errorf("produce to topic %q: %w", topic, err)
}
