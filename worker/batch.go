package worker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// BatchHandler handles messages together, as in one statement of a database.
// Returning nil finishes all of them. A *PartialError finishes those before the
// one that failed. With any other error the messages are handed in again one by
// one, so that the one which can't be handled holds up no other for long.
//
// With OrderByPartition and OrderByKey a batch has messages of several
// partitions or keys, those of each in order and in no other batch meanwhile.
//
// The context carries no trace: messages have their own, in their headers.
type BatchHandler func(ctx context.Context, batch []Message) error

// PartialError says how far a BatchHandler came.
type PartialError struct {
	// Done is how many messages, from the first on, are handled; the next one
	// failed. It is tried again as Config.Retry says, with those after it. It is
	// below the number of messages: with any other, also that of all of them, it
	// is not known which one failed, and it counts as an error of the whole batch.
	Done int
	// Err is what was wrong with it.
	Err error
}

// Error names the index and the cause.
func (e *PartialError) Error() string {
	return fmt.Sprintf("message %d of the batch: %v", e.Done, e.Err)
}

// Unwrap is the cause.
func (e *PartialError) Unwrap() error { return e.Err }

// RunBatches is Run for a handler that takes many messages at once; see
// Config.Batch. Config.Concurrency counts batches.
func RunBatches(ctx context.Context, config Config, handler BatchHandler) error {
	return runWith(ctx, config, together{handler})
}

// together calls a BatchHandler.
type together struct{ handle BatchHandler }

func (b together) pool(config Config) poolOptions {
	return poolOptions{
		hands: config.Concurrency, most: config.Batch.MaxMessages,
		batches: true, wait: config.Batch.MaxWait,
	}
}

func (b together) failsTogether(err error) bool {
	var partial *PartialError
	return !errors.As(err, &partial)
}

func (b together) problem(Config) error { return required(b.handle != nil, "handler") }

func (b together) call(s *session, slot *slot, tasks []task) (done int, err error) {
	if s.over(tasks[0].claim) {
		return 0, errDrained
	}
	batch := make([]Message, len(tasks))
	for i := range tasks {
		batch[i] = newMessage(tasks[i].record)
	}
	began := sinceEpoch()
	err = b.protected(slot.beginAll(tasks, began), batch)
	slot.end()
	tasks[0].claim.metrics.seconds.observe(time.Duration(sinceEpoch() - began))
	done, err = doneOf(err, len(tasks))
	for i := range tasks[:done] {
		s.finished(&tasks[i])
	}
	return done, err
}

// doneOf is how many messages are handled. An index that can't be right says
// nothing of which message failed: it counts as an error of all of them.
func doneOf(err error, messages int) (done int, cause error) {
	var partial *PartialError
	switch {
	case err == nil:
		return messages, nil
	case !errors.As(err, &partial):
		return 0, err
	case partial.Done < 0 || partial.Done >= messages:
		return 0, fmt.Errorf("of a batch of %d messages: %v", messages, err) //nolint:errorlint // no longer a PartialError
	default:
		return partial.Done, err
	}
}

func (b together) protected(ctx context.Context, batch []Message) (err error) {
	defer recovered(&err)
	return b.handle(ctx, batch)
}
