package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

const (
	// transactionPause is before the first tries again: the transaction before
	// may just be being ended. Then it is longer.
	transactionPause      = 20 * time.Millisecond
	longTransactionPause  = 100 * time.Millisecond
	shortTransactionTries = 10
)

// passing are codes that pass by themselves, or once metadata were read anew.
var passing = []sarama.KError{
	sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrNotCoordinatorForConsumer, sarama.ErrOffsetsLoadInProgress,
	sarama.ErrConcurrentTransactions, sarama.ErrRequestTimedOut, sarama.ErrNetworkException,
	sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition, sarama.ErrReplicaNotAvailable,
	sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicasAfterAppend, sarama.ErrKafkaStorageError, sarama.ErrInvalidMessage,
	sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrThrottlingQuotaExceeded,
}

// passes tells that a request may be made again: it or its answer got lost, or
// the broker's code is a passing one.
func passes(err error) bool {
	var code sarama.KError
	if errors.As(err, &code) {
		return slices.Contains(passing, code)
	}
	return lostOnTheWay(err)
}

func lostOnTheWay(err error) bool {
	var code sarama.KError
	var encoding sarama.PacketEncodingError
	return !errors.As(err, &code) && !errors.As(err, &encoding) &&
		!errors.Is(err, sarama.ErrClosedClient) && !errors.Is(err, sarama.ErrUnsupportedVersion) && !errors.Is(err, sarama.ErrInvalidPartition)
}

// worst is an error that doesn't pass, if there is one.
func worst(errs []error) error {
	if at := slices.IndexFunc(errs, func(err error) bool { return !passes(err) }); at >= 0 {
		return errs[at]
	}
	return errors.Join(errs...)
}

func codeOf(code sarama.KError) error {
	if code == sarama.ErrNoError {
		return nil
	}
	return code
}

// flexibleTransactions is the version of the requests to the coordinator: 2
// since 2.7 says PRODUCER_FENCED, 3 since 2.8 is encoded in another way.
func flexibleTransactions(client sarama.Client) int16 {
	switch version := client.Config().Version; {
	case version.IsAtLeast(sarama.V2_8_0_0):
		return 3
	case version.IsAtLeast(sarama.V2_7_0_0):
		return 2
	default:
		return 1
	}
}

func (l *ledger) askCoordinator(ctx context.Context, what string, do func(*sarama.Broker) error) error {
	return l.ask(ctx, fmt.Sprintf("%s of id %q", what, l.id), do,
		func() (*sarama.Broker, error) { return l.client.TransactionCoordinator(l.id) },
		func() { _ = l.client.RefreshTransactionCoordinator(l.id) })
}

func (l *ledger) askGroup(ctx context.Context, group, what string, do func(*sarama.Broker) error) error {
	return l.ask(ctx, fmt.Sprintf("%s of group %q", what, group), do,
		func() (*sarama.Broker, error) { return l.client.Coordinator(group) },
		func() { _ = l.client.RefreshCoordinator(group) })
}

// ask makes a request until it is answered for good, or the context ends.
func (l *ledger) ask(ctx context.Context, what string, do func(*sarama.Broker) error, find func() (*sarama.Broker, error), lookAgain func()) error {
	for try := 0; ; try++ {
		coordinator, err := find()
		if err == nil {
			if err = do(coordinator); err == nil {
				return nil
			}
			if lostOnTheWay(err) {
				_ = coordinator.Close() // a broker that broke off has to be closed to be dialled again
			}
		}
		if !passes(err) || !l.pause(ctx, try) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if !errors.Is(err, sarama.ErrConcurrentTransactions) {
			lookAgain() // what fails is found out by the next find
		}
	}
}

// pause waits before another try, and tells whether to make it.
func (l *ledger) pause(ctx context.Context, try int) bool {
	wait := transactionPause
	if try >= shortTransactionTries {
		wait = longTransactionPause
	}
	return !l.dialer.isCut() && pause(ctx, wait) && !l.dialer.isCut()
}
