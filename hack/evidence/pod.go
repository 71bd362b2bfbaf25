package main

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/time/rate"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// pod writes transactions.
type pod struct {
	name, id, topic string
	servers         []string
	policy          v1alpha1.KafkaProducerPolicySpec
	load            load
	book            *ledger
	producer        sarama.AsyncProducer
}

const (
	perTransaction = 20
	podPatience    = 10 * time.Second
)

func (p *pod) run(ctx context.Context, enough <-chan struct{}) error {
	sending, stop := untilClosed(ctx, enough)
	defer stop()
	pace := rate.NewLimiter(rate.Limit(p.load.rate/2/perTransaction), 1)
	for number := 0; pace.Wait(sending) == nil; number++ {
		if err := p.started(sending); err != nil || p.producer == nil {
			return err
		}
		batch := p.batch(number)
		err := p.transact(batch)
		for _, m := range batch {
			p.book.tell(m, err)
		}
		if err != nil {
			p.end()
		}
	}
	p.end()
	return ctx.Err()
}

// batch is a message for each of so many keys of this pod's own.
func (p *pod) batch(number int) []message {
	var batch []message
	for key := range perTransaction {
		m := message{key: fmt.Sprintf("%s-key-%d", p.name, key), number: number}
		p.book.send(m)
		batch = append(batch, m)
	}
	return batch
}

// started has a producer, trying until there is one: the brokers refuse it while
// they end the transaction of another of its id. There is none when the program
// ends meanwhile.
func (p *pod) started(ctx context.Context) error {
	if p.producer != nil {
		return nil
	}
	config := saramaConfig(p.policy)
	config.Producer.Transaction.ID = p.id
	config.Producer.Transaction.Timeout = producerpolicy.Resolve(p.policy).Transaction.Timeout.Duration
	err := until(ctx, func(context.Context) (err error) {
		p.producer, err = sarama.NewAsyncProducer(p.servers, config)
		return err
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// transact returns once the transaction is committed.
func (p *pod) transact(batch []message) error {
	if err := p.producer.BeginTxn(); err != nil {
		return err
	}
	for _, m := range batch {
		p.producer.Input() <- saramaMessage(p.topic, m, m.value(p.load.bytes), nil)
	}
	if err := p.results(len(batch)); err != nil {
		return err
	}
	return p.producer.CommitTxn()
}

// results waits for so many. A producer that is fenced may try on for as long as
// its retries last: the pod starts again before that.
func (p *pod) results(many int) error {
	late := time.NewTimer(podPatience)
	defer late.Stop()
	for range many {
		select {
		case <-p.producer.Successes():
		case failed := <-p.producer.Errors():
			return failed.Err
		case <-late.C:
			return fmt.Errorf("no result within %s", podPatience)
		}
	}
	return nil
}

// end gives up what the producer has left, and doesn't wait for that.
func (p *pod) end() {
	if p.producer != nil {
		go func(ended sarama.AsyncProducer) { _ = ended.Close() }(p.producer)
		p.producer = nil
	}
}
