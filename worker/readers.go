package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// ErrRevoked is why the context of a PartitionReader ends, and what Claim.Commit
// fails with when the partition is no longer this member's.
var ErrRevoked = errors.New("the partition has to be given up")

// PartitionReader reads one partition by itself, with whatever client it likes,
// from claim.Offset on, and commits by claim.Commit. The context ends when the
// partition has to be given up, with ErrRevoked as its cause: the reader then
// finishes, commits and returns, within three quarters of
// Config.RebalanceTimeout, or of Config.GracePeriod when the process ends. After
// that its commits are refused. One that returns nil earlier keeps the
// partition, which nobody reads meanwhile.
//
// An error, or a panic, ends RunReaders with it. Once the context has ended it
// is logged and no more: what was not committed is read by the next owner.
type PartitionReader func(ctx context.Context, claim *Claim) error

// Claim is a partition that this member has been given. It is for one reader.
type Claim struct {
	Topic     string
	Partition int32
	// Offset is where to begin: the offset of the first message, or the next one
	// that there is.
	Offset int64

	session *session
	claim   *claim
	// mutex lets one commit through at a time.
	mutex sync.Mutex
}

// Commit has the group go on at next: the offset after the last message that
// is handled. It returns nil once the broker has accepted that, and else an
// error: ErrRevoked where the partition is no longer this member's, so that its
// next owner goes on at an earlier commit. After any other one it is tried again
// every Config.CommitInterval.
//
// Next may be lower than what was committed before: the next owner then reads
// from there. Nothing is skipped by that, so it is for the reader to decide.
// A next above the end of the log is not noticed here; when the partition is
// opened again it is out of range.
func (c *Claim) Commit(next int64) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.claim.moveTo(next); err != nil {
		return fmt.Errorf("commit offset %d of %q: %w", next, c.claim.TopicPartition, err)
	}
	partitions, err := c.session.commits.commit()
	c.session.committed(partitions, err)
	switch {
	case c.claim.has(next):
		return nil // whatever became of the other claims
	case err == nil || lostOwnership(err) && !c.session.betweenGenerations(err):
		// Without an error it was too late: the session had committed its last.
		err = errors.Join(ErrRevoked, err)
	}
	return fmt.Errorf("commit offset %d of %q: %w", next, c.claim.TopicPartition, err)
}

// RunReaders is Run for programs that fetch by themselves: membership, the
// starting policies, assignment and commits are Lagrange's, the messages are
// theirs. Nothing is fetched of the partitions but what is on its way when they
// are opened, which is dropped. Ordering, concurrency, retries, dead letters,
// batches and Config.MaxMessageAge in a running claim are the program's own
// affair, as is IsolationLevel but for where a partition opens.
func RunReaders(ctx context.Context, config Config, read PartitionReader) error {
	return runWith(ctx, config, byReader{read})
}

// byReader calls a PartitionReader for each claim; nothing comes to its pool.
type byReader struct{ read PartitionReader }

func (byReader) pool(Config) poolOptions { return poolOptions{} }

func (byReader) failsTogether(error) bool { return false }

func (b byReader) problem(Config) error { return required(b.read != nil, "reader") }

func (byReader) call(*session, *slot, []task) (done int, err error) { return 0, errDrained }

// read has one claim read until it has to end.
func (s *session) read(c *claim, messages <-chan *sarama.ConsumerMessage, read PartitionReader) {
	s.fetching.Pause(map[string][]int32{c.Topic: {c.Partition}})
	ctx, cancel := context.WithCancelCause(s.handling)
	defer cancel(nil)
	c.begin(1)
	go func() {
		defer c.end(1)
		err := readProtected(ctx, read, &Claim{
			Topic: c.Topic, Partition: c.Partition, Offset: c.next(), session: s, claim: c,
		})
		s.readerEnded(ctx, c, err)
	}()
	s.untilRevoked(messages)
	cancel(ErrRevoked)
	s.finish(c)
	s.settleAbandoned(c)
}

func readProtected(ctx context.Context, read PartitionReader, claim *Claim) (err error) {
	defer recovered(&err)
	return read(ctx, claim)
}

// untilRevoked drops what was fetched before the partition was paused.
func (s *session) untilRevoked(messages <-chan *sarama.ConsumerMessage) {
	for {
		select {
		case <-s.membership.Done():
			return
		case _, open := <-messages:
			if !open {
				return
			}
		}
	}
}

// readerEnded ends Run for an error that is not for the end of the claim.
func (s *session) readerEnded(ctx context.Context, c *claim, err error) {
	switch {
	case err == nil:
	case ctx.Err() == nil:
		s.fail(fmt.Errorf("read %q: %w", c.TopicPartition, err))
	case !errors.Is(err, context.Canceled) && !errors.Is(err, ErrRevoked):
		s.log.Warn("a reader failed at its end", "topic", c.Topic, "partition", c.Partition, "error", err.Error())
	}
}

func (c *claim) next() int64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.window.Next()
}

// has tells whether the broker has accepted the offset.
func (c *claim) has(offset int64) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.committed == offset
}

// moveTo has the claim committed at next.
func (c *claim) moveTo(next int64) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.closed:
		return ErrRevoked
	case next < 0:
		return errors.New("it is negative")
	}
	c.window = flow.NewWindow(next)
	return nil
}
