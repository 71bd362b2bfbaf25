package kafkaadmin

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// heldLong is how long a transaction must have held a partition back before
	// anybody asks whose it is. One and a half times the default transaction
	// timeout: a producer that died had its transaction aborted before. It is told
	// of after two minutes, by when the name has been found.
	heldLong = 90 * time.Second
	// holderEvery and maxHolders bound the asking.
	holderEvery = time.Minute
	maxHolders  = 8
)

// hold is an open transaction that keeps the last stable offset of a partition
// where it is.
type hold struct {
	at    int64              // the offset, which is the transaction's first
	asked time.Time          // when it was last asked whose it is
	open  *kafka.Transaction // nil while nothing is held; replaced, never changed: samples have it
}

// note takes in the ends that were asked for at the given time. While one is
// unknown, what was stays.
func (h *hold) note(end, stable offset, at time.Time) {
	switch {
	case stable.err != nil || end.err != nil:
	case stable.at >= end.at:
		*h = hold{}
	case h.open == nil || h.at != stable.at:
		*h = hold{at: stable.at, open: &kafka.Transaction{Since: at, ProducerID: kafka.NoProducer}}
	}
}

// due tells whether to ask whose transaction it is. One with a transactional id
// has been found.
func (h *hold) due(now time.Time) bool {
	return h.open != nil && h.open.ID == "" && now.Sub(h.open.Since) >= heldLong && now.Sub(h.asked) >= holderEvery
}

// name says whose transaction it is.
func (h *hold) name(producer int64, id string) {
	h.open = &kafka.Transaction{Since: h.open.Since, ID: id, ProducerID: producer}
}

func (b *logBook) holdsDue(led share, now time.Time) share {
	b.mu.Lock()
	defer b.mu.Unlock()
	due := led.pick(maxHolders, func(p *partitionLog) bool { return p.held.due(now) })
	for _, t := range due {
		for _, id := range t.ids {
			t.log.partitions[id].held.asked = now
		}
	}
	return due
}

// nameHolders finds out which transactions hold the partitions back: their
// leader knows the producers by number, and the transaction coordinators know
// the names. Both may be forbidden to us, and then it stays unsaid.
func (c *client) nameHolders(ctx context.Context, known *cluster, leader *link, due share) {
	response, err := askListed(ctx, leader, func(b *sarama.Broker) (*sarama.DescribeProducersResponse, error) {
		request := &sarama.DescribeProducersRequest{}
		for _, t := range due {
			request.Topics = append(request.Topics, sarama.DescribeProducersRequestTopic{Name: t.log.name, PartitionIndexes: t.ids})
		}
		return b.DescribeProducers(request)
	})
	if err != nil {
		return
	}
	producers := c.book.noteProducers(due, response)
	if len(producers) > 0 {
		c.book.noteNames(due, c.transactionalIDs(ctx, known, producers))
	}
}

// noteProducers takes in the producers of the transactions, and returns them.
func (b *logBook) noteProducers(due share, response *sarama.DescribeProducersResponse) []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []int64
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			held := due.held(t.Name, p.PartitionIndex)
			if held == nil {
				continue
			}
			for _, producer := range p.ActiveProducers {
				if producer.CurrentTxnStartOffset == held.at {
					held.name(producer.ProducerID, "")
					found = append(found, producer.ProducerID)
				}
			}
		}
	}
	return found
}

// held is the hold of a partition of the share, nil if it has no such partition
// any more, or nothing is held.
func (s share) held(topic string, id int32) *hold {
	for _, t := range s {
		if t.log.name != topic || id < 0 || int(id) >= len(t.log.partitions) {
			continue
		}
		if held := &t.log.partitions[id].held; held.open != nil {
			return held
		}
	}
	return nil
}

// transactionalIDs asks every broker for the transactions of the producers: each
// coordinates some.
func (c *client) transactionalIDs(ctx context.Context, known *cluster, producers []int64) map[int64]string {
	names := map[int64]string{}
	for _, broker := range known.brokers {
		response, err := askListed(ctx, broker, func(b *sarama.Broker) (*sarama.ListTransactionsResponse, error) {
			request := sarama.NewListTransactionsRequest(c.config.Version)
			request.ProducerIDFilters = producers
			return b.ListTransactions(request)
		})
		if err != nil {
			continue
		}
		for _, t := range response.TransactionStates {
			names[t.ProducerID] = t.TransactionalID
		}
	}
	return names
}

func (b *logBook) noteNames(due share, names map[int64]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range due {
		for _, id := range t.ids {
			held := &t.log.partitions[id].held
			if held.open == nil || names[held.open.ProducerID] == "" {
				continue
			}
			held.name(held.open.ProducerID, names[held.open.ProducerID])
		}
	}
}
