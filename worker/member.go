package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// undecidedPause is between two looks for whether a transaction has ended.
const undecidedPause = time.Second

// member is what sarama calls during a membership. sarama calls Setup, then
// ConsumeClaim for each partition, waits for all of them, then calls Cleanup;
// it never overlaps two sessions. With a cooperative assignment claims come and
// go between Setup and Cleanup.
type member struct {
	*runner
	fetching fetching
	current  *session
}

// Setup resolves where each claim opens, has the broker accept what was
// resolved and hands it to sarama, before any claim opens. An error ends this
// session, and the group is joined again unless the error is fatal.
func (m *member) Setup(granted sarama.ConsumerGroupSession) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	session := newSession(m.runner, granted, m.fetching)
	opens, err := session.prepare(granted)
	if err != nil {
		session.discard()
		return err
	}
	for tp, at := range opens {
		// The first raises, the second lowers; neither does both.
		granted.MarkOffset(tp.Topic, tp.Partition, at.next, "")
		granted.ResetOffset(tp.Topic, tp.Partition, at.next, "")
	}
	m.begin(session, opens)
	return nil
}

// prepare resolves where the claims open and has the broker accept it. What an
// earlier producer of its transactions left open is ended before, or it would be
// waited for.
//
// That first commit is a plain one, also beside transactions. No transaction
// has an undecided offset of a partition by then: the answer to resolve would
// have been UNSTABLE_OFFSET_COMMIT. And none can get one later: the coordinator
// takes a transaction's offsets from members of this generation alone, and in it
// the partition is this member's.
func (s *session) prepare(granted sarama.ConsumerGroupSession) (openings, error) {
	if _, transactional := s.caller.(transforming); transactional {
		if err := s.beginTransactions(granted.Context()); err != nil {
			return nil, fmt.Errorf("prepare transactions: %w", err)
		}
	}
	opens, err := s.resolve(granted.Context(), granted.Claims())
	if err != nil {
		return nil, err
	}
	s.open(opens)
	if _, err := s.commits.commit(); err != nil {
		return nil, fmt.Errorf("commit where the partitions open: %w", err)
	}
	if s.transactor != nil {
		s.commits = s.transactor
	}
	return opens, nil
}

func (s *session) beginTransactions(ctx context.Context) error {
	transactor, err := newTransactor(ctx, s)
	if errors.Is(err, sarama.ErrInvalidTransactionTimeout) {
		s.fail(fmt.Errorf("transaction timeout %s is above the brokers' transaction.max.timeout.ms: %w", s.config.Transaction.Timeout, err))
	}
	if err == nil {
		s.transactor, s.due = transactor, make(chan struct{}, 1)
	}
	return err
}

// discard ends a session that has not begun.
func (s *session) discard() {
	s.leave()
	s.cancel(nil)
	if s.transactor != nil {
		s.closed("the producer of transactions", s.transactor.close())
	}
}

// resolve decides where the claims open. Offsets that a transaction has not
// decided on are waited for, as a rule until the brokers abort what a crashed
// member left open: joining again would only disturb the others.
func (r *runner) resolve(ctx context.Context, claims map[string][]int32) (openings, error) {
	from := newLookup(r.client, r.config.GroupID)
	_, from.fenced = r.caller.(transforming)
	for {
		opens, err := resolveStarts(ctx, from, claims, r.startPolicy(), r.log)
		if !errors.Is(err, sarama.ErrUnstableOffsetCommit) || !pause(ctx, undecidedPause) {
			return opens, err
		}
		r.failed(err)
	}
}

func (r *runner) startPolicy() startPolicy {
	return startPolicy{
		Initial: r.config.InitialOffset, OutOfRange: r.config.OnOutOfRange,
		MaxAge: r.config.MaxMessageAge, StartAt: r.config.StartAt, Now: time.Now(),
	}
}

func (m *member) begin(session *session, opens openings) {
	m.current = session
	m.live.Store(session)
	m.metrics.rebalances.Inc()
	ctx, cancel := context.WithTimeout(session.handling, m.config.drainTimeout())
	defer cancel()
	session.opened(ctx, opens)
	session.start()
	m.health.sessionStarted()
	session.log.Info("joined the group", "partitions", len(opens))
}

// ConsumeClaim handles one partition until the claim or the session ends.
func (m *member) ConsumeClaim(granted sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	s := m.current
	tp := kafka.TopicPartition{Topic: claim.Topic(), Partition: claim.Partition()}
	c := s.progress.of(tp)
	if c == nil {
		return fmt.Errorf("partition %q was opened without having been resolved", tp)
	}
	if reader, reads := s.caller.(byReader); reads {
		s.read(c, claim.Messages(), reader.read)
	} else {
		s.consume(c, claim.Messages())
	}
	if granted.Context().Err() == nil && s.membership.Err() == nil {
		s.release(c) // a cooperative rebalance took this partition alone
	}
	return nil
}

// release commits and forgets one claim of a session that goes on.
func (s *session) release(c *claim) {
	s.commitLast()
	s.forget(c)
	s.tellRevoked(c)
}

// Cleanup commits what is finished. sarama calls it after a failed Setup too.
func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	s := m.current
	if s == nil {
		return nil
	}
	s.commitLast()
	m.live.Store(nil)
	s.end()
	claims := s.progress.all()
	for _, c := range claims {
		s.forget(c)
	}
	s.tellRevoked(claims...)
	m.health.sessionEnded()
	m.current = nil
	return nil
}

// opened tells of partitions that this member was given and has opened.
func (s *session) opened(ctx context.Context, opens openings) {
	opens.count(s.metrics.offsetsSkipped, s.metrics.outOfRange, s.config.OnOutOfRange)
	assigned := make([]Assigned, 0, len(opens))
	for tp, at := range opens {
		s.metrics.assigned.WithLabelValues(tp.Topic).Inc()
		assigned = append(assigned, Assigned{Topic: tp.Topic, Partition: tp.Partition, Offset: at.next})
	}
	if s.config.OnAssigned == nil || len(opens) == 0 {
		return
	}
	slices.SortFunc(assigned, func(a, b Assigned) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	s.tell("OnAssigned", func() { s.config.OnAssigned(ctx, assigned) })
}

// tellRevoked tells of partitions that this member has given up.
func (s *session) tellRevoked(claims ...*claim) {
	revoked := make([]Revoked, 0, len(claims))
	for _, c := range claims {
		s.metrics.assigned.WithLabelValues(c.Topic).Dec()
		revoked = append(revoked, c.revoked())
	}
	if s.config.OnRevoked == nil || len(claims) == 0 {
		return
	}
	left := s.config.revokeTimeout(drained(claims, time.Now()), s.ctx.Err() != nil)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.handling), left)
	defer cancel()
	s.tell("OnRevoked", func() { s.config.OnRevoked(ctx, revoked) })
}

// drained is how long ago the first of the claims had to be given up.
func drained(claims []*claim, now time.Time) (longest time.Duration) {
	for _, c := range claims {
		if since := c.drainingSince(); !since.IsZero() {
			longest = max(longest, now.Sub(since))
		}
	}
	return longest
}

// tell calls a hook of the program's. What it is told of is so already: a panic
// changes nothing of that.
func (r *runner) tell(hook string, call func()) {
	defer func() {
		if value := recover(); value != nil {
			r.metrics.consumeErrors.Inc()
			r.health.failed(fmt.Errorf("%s panicked: %v", hook, value))
			r.log.Error("hook panicked", "hook", hook, "error", fmt.Sprint(value), "stack", string(debug.Stack()))
		}
	}()
	call()
}
