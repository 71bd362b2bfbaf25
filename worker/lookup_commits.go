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

// commits reads the group's commits for all partitions named. Those of claims
// must be decided.
func (l lookup) commits(ctx context.Context, partitions, claims map[string][]int32) (map[kafka.TopicPartition]commit, error) {
	for attempt := 1; ; attempt++ {
		commits, err := l.commitsOnce(partitions, claims)
		if err == nil {
			return commits, nil
		}
		if attempt == lookupAttempts || !commitsComeLater(err) || !pause(ctx, lookupBackoff*time.Duration(attempt)) {
			return nil, fmt.Errorf("read the offsets of group %q: %w", l.group, err)
		}
		if err := l.client.RefreshCoordinator(l.group); err != nil {
			return nil, fmt.Errorf("find the coordinator of group %q: %w", l.group, err)
		}
	}
}

// commitsOnce asks for the claims by themselves. Of the others nothing but
// whether there is a commit matters: while their members are in the middle of
// transactions, which in a large group one always is, that must not hold this
// member up.
func (l lookup) commitsOnce(partitions, claims map[string][]int32) (map[kafka.TopicPartition]commit, error) {
	commits := make(map[kafka.TopicPartition]commit)
	if err := l.readCommits(commits, l.commitsRequest(claims, true), claims); err != nil {
		return nil, err
	}
	others := without(partitions, claims)
	if len(others) == 0 {
		return commits, nil
	}
	return commits, l.readCommits(commits, l.commitsRequest(others, false), others)
}

func (l lookup) readCommits(into map[kafka.TopicPartition]commit, request *sarama.OffsetFetchRequest, partitions map[string][]int32) error {
	coordinator, err := l.client.Coordinator(l.group)
	if err != nil {
		return &cutOffError{err}
	}
	response, err := coordinator.FetchOffset(request)
	var tooNew sarama.PacketEncodingError
	if errors.As(err, &tooNew) && request.RequireStable && !l.fenced { // for a broker before 2.5
		return l.readCommits(into, l.commitsRequest(partitions, false), partitions)
	}
	if err != nil {
		_ = coordinator.Close() // a broker that broke off has to be closed to be dialled again
		return &cutOffError{err}
	}
	if err := response.GroupError(); !errors.Is(err, sarama.ErrNoError) {
		return err //nolint:wrapcheck // commits says what was attempted
	}
	for _, tp := range flatten(partitions) {
		if into[tp], err = readCommit(response, tp); err != nil {
			return fmt.Errorf("partition %q: %w", tp, err)
		}
	}
	return nil
}

// without are the partitions that are not among the claims.
func without(partitions, claims map[string][]int32) map[string][]int32 {
	others := make(map[string][]int32)
	for topic, numbers := range partitions {
		for _, number := range numbers {
			if !slices.Contains(claims[topic], number) {
				others[topic] = append(others[topic], number)
			}
		}
	}
	return others
}

// stableSince is the version of the request that knows of transactions.
const stableSince = 7

// commitsRequest asks, if stable, for no offset beside which a transaction has
// another that is not decided: committing over that would undo the transaction.
func (l lookup) commitsRequest(partitions map[string][]int32, stable bool) *sarama.OffsetFetchRequest {
	request := sarama.NewOffsetFetchRequest(l.client.Config().Version, l.group, partitions)
	request.RequireStable = stable && request.Version >= stableSince
	return request
}

func readCommit(response *sarama.OffsetFetchResponse, tp kafka.TopicPartition) (commit, error) {
	block := response.GetBlock(tp.Topic, tp.Partition)
	switch {
	case block == nil:
		return commit{}, sarama.ErrIncompleteResponse
	case !errors.Is(block.Err, sarama.ErrNoError):
		return commit{}, block.Err
	case block.Offset < 0: // also a stored -1
		return commit{offset: kafka.NoOffset}, nil
	}
	return commit{offset: block.Offset, firstCount: parseFirstCount(block.Metadata)}, nil
}

// commitsComeLater tells that the coordinator is moving, loading or was cut
// off, or that a transaction's offsets are not decided.
func commitsComeLater(err error) bool {
	return cutOff(err) ||
		errors.Is(err, sarama.ErrNotCoordinatorForConsumer) ||
		errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) ||
		errors.Is(err, sarama.ErrOffsetsLoadInProgress) ||
		errors.Is(err, sarama.ErrUnstableOffsetCommit)
}

// cutOffError says that a request or its answer got lost.
type cutOffError struct{ cause error }

func (e *cutOffError) Error() string { return e.cause.Error() }
func (e *cutOffError) Unwrap() error { return e.cause }

func cutOff(err error) bool {
	var lost *cutOffError
	return errors.As(err, &lost)
}

func flatten(partitions map[string][]int32) []kafka.TopicPartition {
	var list []kafka.TopicPartition
	for topic, numbers := range partitions {
		for _, number := range numbers {
			list = append(list, kafka.TopicPartition{Topic: topic, Partition: number})
		}
	}
	return list
}
