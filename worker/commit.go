package worker

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const (
	commitAttempts = 3
	commitBackoff  = 200 * time.Millisecond
)

// committer commits a session's progress with the session's own member id and
// generation, so that a commit which comes too late is refused by the broker.
// sarama's marks are not used: they don't tell whether a commit arrived.
type committer struct {
	client   sarama.Client
	group    string
	member   memberOf
	progress *progress

	// mutex lets one commit through at a time: an older one never lands last.
	mutex sync.Mutex
}

// memberOf is who this member is to the group. A cooperative session goes
// through many generations.
type memberOf interface {
	MemberID() string
	GenerationID() int32
}

// commit brings everything finished to the broker. It returns nil only when
// the broker has accepted all of it.
func (c *committer) commit() (partitions int, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	pending := c.progress.uncommitted()
	for attempt := 1; len(pending) > 0; attempt++ {
		err = c.send(pending)
		if err == nil || attempt == commitAttempts || !passesByItself(err) {
			return len(pending), err
		}
		time.Sleep(commitBackoff * time.Duration(attempt))
		if refreshErr := c.client.RefreshCoordinator(c.group); refreshErr != nil {
			return len(pending), errors.Join(err, refreshErr)
		}
		pending = c.progress.uncommitted()
	}
	return 0, nil
}

func (c *committer) send(pending map[*claim]position) error {
	coordinator, err := c.client.Coordinator(c.group)
	if err != nil {
		return fmt.Errorf("find the coordinator of group %q: %w", c.group, err)
	}
	response, err := coordinator.CommitOffset(c.request(pending))
	if err != nil {
		// A broker that broke off has to be closed to be dialled again.
		_ = coordinator.Close()
		return &connectionError{err}
	}
	return c.accept(pending, response)
}

func (c *committer) request(pending map[*claim]position) *sarama.OffsetCommitRequest {
	request := sarama.NewOffsetCommitRequest(c.client.Config(), c.group)
	request.ConsumerID = c.member.MemberID()
	request.ConsumerGroupGeneration = c.member.GenerationID()
	if instance := c.client.Config().Consumer.Group.InstanceId; instance != "" {
		request.GroupInstanceId = &instance
	}
	for of, at := range pending {
		// Leader epoch -1 is "not known"; 0 would be a real epoch.
		request.AddBlockWithLeaderEpoch(of.Topic, of.Partition, at.next, -1, 0, at.metadata)
	}
	return request
}

func (c *committer) accept(pending map[*claim]position, response *sarama.OffsetCommitResponse) error {
	var errs []error
	for of, at := range pending {
		code, answered := response.Errors[of.Topic][of.Partition]
		switch {
		case !answered:
			errs = append(errs, fmt.Errorf("commit offset %d of %q: %w", at.next, of.TopicPartition, sarama.ErrIncompleteResponse))
		case code != sarama.ErrNoError:
			errs = append(errs, fmt.Errorf("commit offset %d of %q: %w", at.next, of.TopicPartition, code))
		default:
			of.accept(at.next)
		}
	}
	return errors.Join(errs...)
}

// connectionError says that the outcome of a commit is not known: the request
// or its answer got lost. Committing again does no harm.
type connectionError struct{ cause error }

func (e *connectionError) Error() string { return "commit offsets: " + e.cause.Error() }
func (e *connectionError) Unwrap() error { return e.cause }

// passesByItself tells that the coordinator is moving, loading or was cut off.
func passesByItself(err error) bool {
	var cutOff *connectionError
	return errors.As(err, &cutOff) ||
		errors.Is(err, sarama.ErrNotCoordinatorForConsumer) ||
		errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) ||
		errors.Is(err, sarama.ErrOffsetsLoadInProgress)
}

// lostOwnership tells that the group has gone on without this member: what it
// finished meanwhile is handled again by the partition's new owner.
func lostOwnership(err error) bool {
	return errors.Is(err, sarama.ErrIllegalGeneration) ||
		errors.Is(err, sarama.ErrUnknownMemberId) ||
		errors.Is(err, sarama.ErrFencedInstancedId)
}
