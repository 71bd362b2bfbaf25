package kafkaadmin

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// group is what a cycle knows about one consumer group.
type group struct {
	kind      kafka.GroupType
	committed commits
	description
	describedAt time.Time
}

// description is the group's state with its members.
type description struct {
	state    kafka.GroupState
	protocol string
	members  []kafka.Member
	// operations are what we may do with the group. Only surveys ask.
	operations operations
	err        error
}

// errMoved marks the answer of a broker that does not coordinate the group.
var errMoved = errors.New("the coordinator moved")

// moved tells whether the coordinator is to be found anew.
func (g group) moved() bool {
	return errors.Is(g.committed.err, errMoved) || errors.Is(g.err, errMoved)
}

// readGroups asks each group's coordinator for its committed offsets, state
// and members. Groups whose coordinator moved since it was found are asked
// a second time, so that a broker's restart is not a gap in every sample.
func (c *client) readGroups(ctx context.Context, known *cluster, want wanted) map[string]group {
	answers := make(map[string]group, len(want))
	pending := want
	for try := 0; try < 2 && len(pending) > 0; try++ {
		c.askCoordinators(ctx, known, pending, answers)
		pending = c.forgetMoved(answers, pending)
	}
	return answers
}

// askCoordinators adds what it learns to the answers.
func (c *client) askCoordinators(ctx context.Context, known *cluster, want wanted, answers map[string]group) {
	l := c.list(ctx, known, want)
	parts, failed := c.coordinators(ctx, known, l, want)
	for id, err := range failed {
		answers[id] = failedGroup(err)
	}
	ctx, cancel := c.step(ctx)
	defer cancel()
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	add := func(id string, g group) {
		mu.Lock()
		defer mu.Unlock()
		answers[id] = g
	}
	for node, ids := range parts {
		all.Go(func() { c.askCoordinator(ctx, known, node, ids, want, l, add) })
	}
	all.Wait()
}

func failedGroup(err error) group {
	return group{committed: commits{err: err}, description: description{err: err}}
}

// askCoordinator reads groups of one coordinator: first their commits, so that
// a dead group with commits shows.
func (c *client) askCoordinator(ctx context.Context, known *cluster, node int32, ids []string, want wanted, l listing, add func(string, group)) {
	served := c.served(ids, add)
	committed := c.fetchCommitted(ctx, known.brokers[node], served, want)
	described := c.describe(ctx, known, known.brokers[node], c.toDescribe(node, served, l, time.Now()), committed)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range served {
		m := c.remembered(id)
		g := group{kind: m.kind, committed: committed[id], description: m.last, describedAt: m.describedAt}
		if read, anew := described[id]; anew {
			g.description = read
		}
		add(id, g)
	}
}

// served returns the groups of the kinds that are read, and adds answers for
// the others.
func (c *client) served(ids []string, add func(string, group)) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	served := ids[:0]
	for _, id := range ids {
		kind := c.remembered(id).kind
		err := unserved(id, kind)
		if err == nil {
			served = append(served, id)
			continue
		}
		refused := failedGroup(err)
		refused.kind = kind
		add(id, refused)
	}
	return served
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
