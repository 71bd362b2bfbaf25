package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// group is what a cycle learned about one consumer group from its coordinator.
type group struct {
	committed map[kafka.TopicPartition]offset
	// committedErr is why none of the committed offsets could be read.
	committedErr error
	description
}

// description is the group's state with its members.
type description struct {
	state    kafka.GroupState
	protocol string
	members  []kafka.Member
	err      error
}

// errMoved marks the answer of a broker that does not coordinate the group.
var errMoved = errors.New("the coordinator moved")

// moved tells whether the coordinator is to be looked up anew.
func (g group) moved() bool {
	return errors.Is(g.committedErr, errMoved) || errors.Is(g.err, errMoved)
}

// readGroups asks each group's coordinator for its committed offsets, state
// and members. Groups whose coordinator moved since it was looked up are asked
// a second time, so that a broker's restart is not a gap in every sample.
func (c *client) readGroups(ctx context.Context, known *cluster, want wanted) map[string]group {
	answers := map[string]group{}
	pending := want
	for range 2 {
		maps.Copy(answers, c.askCoordinators(ctx, known, pending))
		pending = c.forgetMoved(answers, want)
	}
	return answers
}

// forgetMoved returns the groups whose coordinator is to be looked up anew.
func (c *client) forgetMoved(answers map[string]group, want wanted) wanted {
	moved := wanted{}
	for id, answer := range answers {
		if answer.moved() {
			delete(c.coordinators, id)
			moved[id] = want[id]
		}
	}
	return moved
}

func (c *client) askCoordinators(ctx context.Context, known *cluster, want wanted) map[string]group {
	answers := map[string]group{}
	for id, err := range c.findCoordinators(ctx, known, slices.Collect(maps.Keys(want))) {
		answers[id] = failedGroup(fmt.Errorf("find the coordinator of group %q: %w", id, err))
	}
	ctx, cancel := c.step(ctx)
	defer cancel()
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	for node, part := range c.byCoordinator(want) {
		all.Go(func() {
			read := c.askCoordinator(ctx, known.brokers[node], part)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(answers, read)
		})
	}
	all.Wait()
	return answers
}

func failedGroup(err error) group {
	return group{committedErr: err, description: description{err: err}}
}

func (c *client) byCoordinator(want wanted) map[int32]wanted {
	parts := map[int32]wanted{}
	for id, partitions := range want {
		node, known := c.coordinators[id]
		if !known {
			continue
		}
		if parts[node] == nil {
			parts[node] = wanted{}
		}
		parts[node][id] = partitions
	}
	return parts
}

func (c *client) askCoordinator(ctx context.Context, coordinator *link, want wanted) map[string]group {
	answers := make(map[string]group, len(want))
	committed := c.fetchCommitted(ctx, coordinator, want)
	described := c.describeGroups(ctx, coordinator, sortedKeys(want))
	for id := range want {
		g := group{committed: committed[id].offsets, committedErr: committed[id].err, description: described[id]}
		if g.deadWithCommits() {
			g.description = description{err: fmt.Errorf("describe group %q: %w: it uses the group protocol of KIP-848", id, kafka.ErrUnsupported)}
		}
		answers[id] = g
	}
	return answers
}

// deadWithCommits is what Kafka 4 says of a group whose members use the group
// protocol of KIP-848: a dead group has no commits. It may well have members.
func (g group) deadWithCommits() bool {
	if g.state != kafka.StateDead {
		return false
	}
	for _, committed := range g.committed {
		if committed.err == nil && committed.at != kafka.NoOffset {
			return true
		}
	}
	return false
}

// groupRefusal is refusal for a group, and says whether its coordinator moved.
func groupRefusal(code sarama.KError) error {
	switch code {
	case sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable:
		return movedError{refusal(code)}
	default:
		return refusal(code)
	}
}

// movedError is errMoved beside the error that it reads as.
type movedError struct{ error }

func (e movedError) Unwrap() []error { return []error{e.error, errMoved} }
