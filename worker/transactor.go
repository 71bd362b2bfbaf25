package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// transactor commits a session's progress, and what was produced for it, in
// transactions of a producer of the session's own.
type transactor struct {
	ledger
	group    sarama.ConsumerGroupMetadata
	progress *progress
	accepted func(part)
	// refused deals with a message whose outputs can't be produced.
	refused func(*produced, error) error
	// membership bounds what is waited for outside of a transaction; waits is
	// told of each look that was in vain, and of the end of the wait.
	membership context.Context
	waits      func(error)

	// mutex lets one transaction through at a time.
	mutex sync.Mutex
	// broken says that a transaction failed: there will be no other.
	broken bool
}

// newTransactor ends what an earlier producer of the same id left open. It gives
// up when the context ends, or after the timeout of a transaction.
func newTransactor(ctx context.Context, s *session) (*transactor, error) {
	t := &transactor{progress: s.progress, accepted: s.accepted, refused: s.refused, membership: s.membership, waits: s.waits}
	t.group = sarama.ConsumerGroupMetadata{
		GroupID: s.config.GroupID, GenerationID: s.member.GenerationID(), MemberID: s.member.MemberID(),
	}
	if s.config.InstanceID != "" {
		t.group.GroupInstanceID = &s.config.InstanceID
	}
	t.ledger = ledger{
		dialer: s.dialer.over(), settings: s.config.Producer.withDefaults(), timeout: s.config.Transaction.Timeout,
		id:           cmp.Or(s.config.Transaction.ID, s.config.GroupID+"-"+s.config.ClientID),
		partitioners: make(map[string]sarama.Partitioner), producerID: noProducer, epoch: noProducer,
	}
	return t, t.start(ctx, s)
}

func (t *transactor) start(ctx context.Context, s *session) error {
	config, err := saramaProducerConfig(s.config, t.dialer, func(int, int) time.Duration { return 0 })
	if err != nil {
		return err
	}
	config.Net.SASL = s.client.Config().Net.SASL
	ctx, end := t.limited(ctx)
	defer end()
	if t.client, err = sarama.NewClient(s.config.BootstrapServers, config); err != nil {
		return fmt.Errorf("make a client for transactions: %w", err)
	}
	if err := t.newEpoch(ctx); err != nil {
		return errors.Join(err, t.client.Close())
	}
	return nil
}

// limited is a context with the timeout of a transaction. What is waited for on
// a connection when it ends is cut off.
func (t *transactor) limited(ctx context.Context) (limited context.Context, end func()) {
	limited, cancel := context.WithTimeout(ctx, t.timeout)
	kept := context.AfterFunc(limited, t.dialer.cutAll)
	return limited, func() {
		kept()
		cancel()
	}
}

// close leaves a transaction that is open to its timeout, or to the next
// producer of the id.
func (t *transactor) close() error {
	if err := t.client.Close(); err != nil {
		return fmt.Errorf("close the client for transactions: %w", err)
	}
	return nil
}

// commit brings everything finished to the broker, with what was produced for
// it. It returns nil only when the broker has committed all of it.
func (t *transactor) commit() (partitions int, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.broken {
		return 0, nil
	}
	parts := t.progress.parts()
	if len(parts) == 0 {
		return 0, nil
	}
	if err := t.bring(parts); err != nil {
		t.broken = true
		return len(parts), &transactionError{err}
	}
	return len(parts), nil
}

// bring commits the parts together. Where a message of them is refused it
// commits each half by itself, until the message is alone: of 1,000 it is found
// with 10 transactions that are aborted.
func (t *transactor) bring(parts []part) error {
	err := t.transact(parts)
	var refusal *refusedError
	switch {
	case err == nil:
		for _, p := range parts {
			t.accepted(p)
		}
		return nil
	case !errors.As(err, &refusal) || messagesOf(parts) == 0:
		return err
	case messagesOf(parts) == 1:
		return t.bringWithout(parts, refusal.cause)
	}
	first, second := halves(parts)
	if err := t.bring(first); err != nil {
		return err
	}
	return t.bring(second)
}

// bringWithout commits the parts without the outputs of their only message.
func (t *transactor) bringWithout(parts []part, cause error) error {
	for _, p := range parts {
		for _, message := range p.messages {
			if err := t.refused(message, cause); err != nil {
				return err
			}
		}
	}
	return t.bring(parts)
}

func (t *transactor) transact(parts []part) error {
	if err := t.awaitTopics(parts); err != nil {
		return err
	}
	var records []*sarama.ProducerMessage
	offsets := groupOffsets{t.group, make(map[string][]*sarama.PartitionOffsetMetadata)}
	for _, p := range parts {
		for _, message := range p.messages {
			records = append(records, message.records()...)
		}
		offsets.topics[p.claim.Topic] = append(offsets.topics[p.claim.Topic], &sarama.PartitionOffsetMetadata{
			Partition: p.claim.Partition, Offset: p.at.next, LeaderEpoch: -1, Metadata: &p.at.metadata,
		})
	}
	ctx, end := t.limited(context.Background())
	defer end()
	return t.ledger.commit(ctx, records, offsets)
}

// awaitTopics waits for topics that the messages produce to and that don't
// exist, or that this client may not know of. It does so before the transaction
// begins: nothing is open meanwhile, and nothing has to be handled again.
func (t *transactor) awaitTopics(parts []part) error {
	known := make(map[string]bool)
	for _, p := range parts {
		for _, message := range p.messages {
			for i := range message.outgoing {
				if topic := message.outgoing[i].Topic; !known[topic] {
					if err := t.awaitTopic(topic); err != nil {
						return err
					}
					known[topic] = true
				}
			}
		}
	}
	return nil
}

// awaitTopic leaves every other error to the transaction.
func (t *transactor) awaitTopic(topic string) error {
	wait := newBackoff(joinBackoff, joinMaxBackoff)
	for failures := 1; ; failures++ {
		_, err := t.client.Partitions(topic)
		if !errors.Is(err, sarama.ErrUnknownTopicOrPartition) && !errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
			if failures > 1 {
				t.waits(nil)
			}
			return nil
		}
		err = produceError(topic, err)
		if t.membership.Err() != nil {
			return err
		}
		t.waits(err)
		pause(t.membership, wait(failures))
	}
}

// waits tells what the transactions wait for.
func (s *session) waits(reason error) {
	s.health.waits(reason)
	if reason != nil {
		s.metrics.consumeErrors.Inc()
		s.log.Warn("transactions wait", "error", reason.Error())
	}
}

// transactionError says that a transaction failed, and with it its session.
type transactionError struct{ cause error }

func (e *transactionError) Error() string { return e.cause.Error() }
func (e *transactionError) Unwrap() error { return e.cause }
