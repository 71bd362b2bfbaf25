package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// Defaults for RunTransactions.
const (
	// DefaultTransactionTimeout is short, as a transaction is: what a crashed
	// member left open holds its partitions up, and their readers, for so long
	// and up to 10 s more, as often as the brokers look.
	DefaultTransactionTimeout = 15 * time.Second
	// DefaultTransactionInterval is Config.CommitInterval for RunTransactions.
	// What was produced is seen by readers with ReadCommitted that much later.
	DefaultTransactionInterval = 100 * time.Millisecond
)

// Transaction is for RunTransactions.
type Transaction struct {
	// ID is the transactional id. It must be this process's own: a second
	// producer of the same id ends the first one. Default: GroupID and ClientID,
	// joined by a dash. One that a restarted process has again, as a
	// StatefulSet's pods have, ends what its predecessor left open at once.
	ID string
	// Timeout is after which the broker aborts a transaction that nobody ends,
	// and how long the end of one is tried. It must not be above the brokers'
	// transaction.max.timeout.ms. Default DefaultTransactionTimeout.
	Timeout time.Duration
}

// Transform handles a message and returns what is to be produced for it. What it
// returns with an error is not produced. The slices must not be changed later.
type Transform func(ctx context.Context, msg Message) ([]Outgoing, error)

// RunTransactions is Run for a program that reads, transforms and produces. What
// is produced and the offsets of the messages it was produced for are committed
// in one transaction: for readers with ReadCommitted each message has taken
// effect once, whatever crashes. Effects outside of Kafka are not covered, and
// Transform is called again for messages whose transaction failed.
//
// A transaction has the messages that are finished and have none unfinished
// before them in their partition, so that it never has an output without its
// offset. It is begun and ended every Config.CommitInterval, and earlier when
// half of what a partition may have in flight waits for it; messages are handled
// meanwhile. The outputs wait in memory until then, and count as in flight with
// their messages. Those of a partition are produced in the order of its
// messages, whatever Config.Ordering is.
//
// A transaction that fails is aborted. The session ends, and after a pause its
// messages are handled again. A message with an output that can't be produced,
// such as one that is too large or of no valid partition, goes to the dead
// letters, or ends RunTransactions with a HandlerError: where the brokers refuse
// it, its transaction is aborted and divided until the message is found. A topic
// that does not exist is waited for before a transaction begins: the session
// goes on, and nothing is handled twice for it.
//
// Dead letters are part of the transaction. Trace context goes from a message's
// headers to those of its outputs that have none. IsolationLevel defaults to
// ReadCommitted, CommitInterval to DefaultTransactionInterval. Of Config.Producer
// RetryBudget, StopOnError and the limits in flight are not used. Refused are a
// cooperative assignment, a producer without AcksAll or idempotence, and brokers
// before 2.5, which don't know which member a transaction is of (KIP-447).
func RunTransactions(ctx context.Context, config Config, transform Transform) error {
	config.IsolationLevel = cmp.Or(config.IsolationLevel, ReadCommitted)
	config.CommitInterval = cmp.Or(config.CommitInterval, DefaultTransactionInterval)
	config.Transaction.Timeout = cmp.Or(config.Transaction.Timeout, DefaultTransactionTimeout)
	return runWith(ctx, config, transforming{transform})
}

func (c Config) transactionProblem() error {
	errs := []error{notNegative("transaction.timeout", c.Transaction.Timeout)}
	if c.cooperates() {
		errs = append(errs, errors.New("assignment: transactions and a cooperative one are not possible together:"+
			" a transaction is of one generation, and cooperative claims go through many"))
	}
	if c.Producer.NotIdempotent || cmp.Or(c.Producer.Acks, AcksAll) != AcksAll {
		errs = append(errs, fmt.Errorf("producer: transactions need acks %q and idempotence", AcksAll))
	}
	version, err := parseVersion(cmp.Or(c.KafkaVersion, DefaultKafkaVersion))
	if err == nil && !version.IsAtLeast(sarama.V2_5_0_0) {
		errs = append(errs, fmt.Errorf("kafkaVersion %q: transactions need 2.5.0 or newer", c.KafkaVersion))
	}
	return errors.Join(errs...)
}

// transforming calls a Transform for each message.
type transforming struct{ transform Transform }

func (t transforming) pool(config Config) poolOptions { return oneByOne{}.pool(config) }

func (t transforming) failsTogether(error) bool { return false }

func (t transforming) problem(config Config) error {
	return errors.Join(config.transactionProblem(), required(t.transform != nil, "transform"))
}

func (t transforming) call(s *session, slot *slot, tasks []task) (done int, err error) {
	for i := range tasks {
		one := &tasks[i]
		if s.over(one.claim) {
			return i, errDrained
		}
		began := sinceEpoch()
		ctx := s.traced(slot.begin(one, began), one.record)
		out, err := t.protected(ctx, newMessage(one.record))
		slot.end()
		one.claim.metrics.seconds.observe(time.Duration(sinceEpoch() - began))
		if err == nil {
			err = s.attach(ctx, one, out)
		}
		if err != nil {
			return i, err
		}
		s.finished(one)
		s.commitEarly(one.claim)
	}
	return len(tasks), nil
}

func (t transforming) protected(ctx context.Context, msg Message) (out []Outgoing, err error) {
	defer recovered(&err)
	return t.transform(ctx, msg)
}
