package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// ledger is a producer of transactions. sarama has one, which takes messages one
// by one while a transaction goes on. Here all of a transaction is known when it
// begins; so it is produced in rounds, each answer is looked at, and after a
// failure it is known whether the transaction may yet have been committed.
//
//	begin   AddPartitionsToTxn  Produce ...  AddOffsetsToTxn  TxnOffsetCommit  EndTxn
//	        \__ add _________/  \_ produce /  \______ addOffsets _________/   \ end /
type ledger struct {
	client   sarama.Client
	dialer   *dialer
	settings ProducerSettings
	id       string
	timeout  time.Duration
	// partitioners are by topic.
	partitioners map[string]sarama.Partitioner

	producerID int64
	epoch      int16
	// sequences are the next of each partition.
	sequences map[kafka.TopicPartition]int32
	// open says that the coordinator may know of the transaction.
	open bool
}

// noProducer is the id, and the epoch, of a producer that has none yet.
const noProducer = -1

// The versions of the request since 2.5, which can be made by the producer of
// the epoch before alone, and since 2.7, which says PRODUCER_FENCED.
const initProducerVersion, fencedProducerVersion = 3, 4

// newEpoch makes the next epoch of the transactional id, or with an epoch of its
// own of that. It ends what an earlier one left open; who is in that is fenced.
func (l *ledger) newEpoch(ctx context.Context) error {
	request := &sarama.InitProducerIDRequest{
		Version: initProducerVersion, TransactionalID: &l.id, TransactionTimeout: l.timeout,
		ProducerID: l.producerID, ProducerEpoch: l.epoch,
	}
	if l.client.Config().Version.IsAtLeast(sarama.V2_7_0_0) {
		request.Version = fencedProducerVersion
	}
	return l.askCoordinator(ctx, "begin a producer", func(coordinator *sarama.Broker) error {
		response, err := coordinator.InitProducerID(request)
		if err == nil {
			err = codeOf(response.Err)
		}
		if err == nil {
			l.producerID, l.epoch, l.open = response.ProducerID, response.ProducerEpoch, false
			l.sequences = make(map[kafka.TopicPartition]int32)
		}
		return err
	})
}

// commit commits what is produced together with the offsets. Only nil says that
// it is committed; a refusedError, once it was aborted, says that it is not.
func (l *ledger) commit(ctx context.Context, records []*sarama.ProducerMessage, offsets groupOffsets) error {
	err := l.attempt(ctx, records, offsets)
	if err == nil || fenced(err) {
		return err
	}
	if aborted := l.abort(ctx); aborted != nil {
		return fmt.Errorf("%w; abort the transaction: %w", unrefused(err), aborted) // it may be committed
	}
	return err
}

func (l *ledger) attempt(ctx context.Context, records []*sarama.ProducerMessage, offsets groupOffsets) error {
	queues, err := l.divide(ctx, records)
	if err != nil {
		return err
	}
	if len(queues) > 0 {
		if err := l.add(ctx, queues); err != nil {
			return err
		}
	}
	if err := l.produce(ctx, queues); err != nil {
		return err
	}
	if err := l.addOffsets(ctx, offsets); err != nil {
		return err
	}
	return l.end(ctx, true)
}

// abort is for the readers' sake, who wait behind a transaction that is open,
// and to go on: what was not appended leaves a gap in the sequence numbers, so
// that another epoch is begun.
func (l *ledger) abort(ctx context.Context) error {
	if l.open {
		if err := l.end(ctx, false); err != nil {
			return err
		}
	}
	return l.newEpoch(ctx)
}

// add tells the coordinator of the partitions that will be produced to.
func (l *ledger) add(ctx context.Context, queues batchQueues) error {
	missing := make(map[string][]int32)
	for tp := range queues {
		missing[tp.Topic] = append(missing[tp.Topic], tp.Partition)
	}
	l.open = true
	return l.askCoordinator(ctx, "add partitions to the transaction", func(coordinator *sarama.Broker) error {
		response, err := coordinator.AddPartitionsToTxn(&sarama.AddPartitionsToTxnRequest{
			Version: flexibleTransactions(l.client), TransactionalID: l.id, ProducerID: l.producerID, ProducerEpoch: l.epoch,
			TopicPartitions: missing,
		})
		if err != nil {
			return err //nolint:wrapcheck // ask says what was attempted
		}
		var errs []error
		for topic, answers := range response.Errors {
			for _, answer := range answers {
				if answer.Err != sarama.ErrNoError && answer.Err != sarama.ErrOperationNotAttempted {
					errs = append(errs, produceError(topic, answer.Err))
				}
			}
		}
		return worst(errs)
	})
}

// groupOffsets are offsets of a group, as one of its members commits them.
type groupOffsets struct {
	sarama.ConsumerGroupMetadata
	topics map[string][]*sarama.PartitionOffsetMetadata
}

func (l *ledger) addOffsets(ctx context.Context, offsets groupOffsets) error {
	l.open = true
	if err := l.askCoordinator(ctx, "add the group to the transaction", func(coordinator *sarama.Broker) error {
		response, err := coordinator.AddOffsetsToTxn(&sarama.AddOffsetsToTxnRequest{
			Version: flexibleTransactions(l.client), TransactionalID: l.id, ProducerID: l.producerID, ProducerEpoch: l.epoch,
			GroupID: offsets.GroupID,
		})
		if err != nil {
			return err //nolint:wrapcheck // ask says what was attempted
		}
		return codeOf(response.Err)
	}); err != nil {
		return err
	}
	return l.askGroup(ctx, offsets.GroupID, "commit offsets in the transaction", func(coordinator *sarama.Broker) error {
		response, err := coordinator.TxnOffsetCommit(l.offsetsRequest(offsets))
		if err != nil {
			return err //nolint:wrapcheck // ask says what was attempted
		}
		return offsetsError(offsets.topics, response)
	})
}

// memberVersion is the version of the request that says which member commits.
const memberVersion = 3

func (l *ledger) offsetsRequest(offsets groupOffsets) *sarama.TxnOffsetCommitRequest {
	return &sarama.TxnOffsetCommitRequest{
		Version: memberVersion, TransactionalID: l.id, ProducerID: l.producerID, ProducerEpoch: l.epoch,
		GroupID: offsets.GroupID, GenerationID: offsets.GenerationID, MemberID: offsets.MemberID, GroupInstanceID: offsets.GroupInstanceID,
		Topics: offsets.topics,
	}
}

// offsetsError is nil only if every offset was answered and taken.
func offsetsError(topics map[string][]*sarama.PartitionOffsetMetadata, response *sarama.TxnOffsetCommitResponse) error {
	var errs []error
	for topic, offsets := range topics {
		for _, offset := range offsets {
			at := slices.IndexFunc(response.Topics[topic], func(e *sarama.PartitionError) bool { return e.Partition == offset.Partition })
			err := sarama.ErrIncompleteResponse
			if at >= 0 {
				err = codeOf(response.Topics[topic][at].Err)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("offset %d of topic %q partition %d: %w", offset.Offset, topic, offset.Partition, err))
			}
		}
	}
	return worst(errs)
}

// end has the transaction committed or aborted. Asked again for what it has
// done, the coordinator says yes, and for the opposite no.
func (l *ledger) end(ctx context.Context, commit bool) error {
	what := "commit the transaction"
	if !commit {
		what = "end the transaction"
	}
	return l.askCoordinator(ctx, what, func(coordinator *sarama.Broker) error {
		response, err := coordinator.EndTxn(&sarama.EndTxnRequest{
			Version: flexibleTransactions(l.client), TransactionalID: l.id, ProducerID: l.producerID, ProducerEpoch: l.epoch,
			TransactionResult: commit,
		})
		if err == nil {
			err = codeOf(response.Err)
		}
		l.open = l.open && err != nil
		return err
	})
}

// fenced tells that another producer has taken the transactional id over, or the
// coordinator has aborted a transaction that took too long.
func fenced(err error) bool {
	return errors.Is(err, sarama.ErrProducerFenced) || errors.Is(err, sarama.ErrInvalidProducerEpoch)
}
