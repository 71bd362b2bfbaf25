package kafkaadmin

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// maxLookUps bounds the look-ups of one cycle: sarama asks for one group a
// request, and each takes a round trip. The rest is left for the next cycles.
const maxLookUps = 32

// coordinators sorts the groups by their coordinators: the broker that lists a
// group, else the one that was found before, else the one that a look-up finds.
// For groups without one it returns the reason.
func (c *client) coordinators(ctx context.Context, known *cluster, l listing, want wanted) (map[int32][]string, map[string]error) {
	c.note(l, want)
	parts, unknown := c.byCoordinator(known, want)
	failed := make(map[string]error, len(unknown))
	left := maxLookUps
	for _, id := range unknown {
		node, err := c.lookUp(ctx, id, l, &left)
		if err != nil {
			failed[id] = fmt.Errorf("find the coordinator of group %q: %w", id, err)
			continue
		}
		parts[node] = append(parts[node], id)
	}
	return parts, failed
}

func (c *client) byCoordinator(known *cluster, want wanted) (map[int32][]string, []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var (
		parts   = make(map[int32][]string, len(known.brokers))
		unknown []string
	)
	for id := range want {
		m := c.remembered(id)
		if known.brokers[m.coordinator] == nil {
			m.coordinator = nobody
			unknown = append(unknown, id)
			continue
		}
		parts[m.coordinator] = append(parts[m.coordinator], id)
	}
	return parts, unknown
}

// lookUp finds the coordinator of a group that no broker lists. A look-up that
// failed is not repeated for a while, so that groups that we may not see do not
// take the place of others.
func (c *client) lookUp(ctx context.Context, id string, l listing, left *int) (int32, error) {
	if l.late {
		return nobody, errLate
	}
	if err := c.lookUpWaits(id, time.Now()); err != nil {
		return nobody, err
	}
	if *left--; *left < 0 {
		return nobody, errPending
	}
	node, err := c.findCoordinator(ctx, id)
	if late(err) {
		return nobody, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.remembered(id)
	if m.lookupErr = err; err != nil {
		m.lookup.fail(time.Now())
		return nobody, err
	}
	m.coordinator = node
	m.lookup.reset()
	return node, nil
}

// lookUpWaits returns the failure that is too young to try again, nil if there
// is none.
func (c *client) lookUpWaits(id string, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.remembered(id); m.lookup.waits(now) {
		return m.lookupErr
	}
	return nil
}

func (c *client) findCoordinator(ctx context.Context, id string) (int32, error) {
	ctx, cancel := c.step(ctx)
	defer cancel()
	response, err := ask(ctx, c.anyLink(), func(b *sarama.Broker) (*sarama.FindCoordinatorResponse, error) {
		return b.FindCoordinator(&sarama.FindCoordinatorRequest{
			Version: 3, CoordinatorKey: id, CoordinatorType: sarama.CoordinatorGroup,
		})
	})
	if err != nil {
		return nobody, err
	}
	if response.Err != sarama.ErrNoError {
		return nobody, refusal(response.Err)
	}
	if response.Coordinator == nil {
		return nobody, errNotListed
	}
	return response.Coordinator.ID(), nil
}

// forgetMoved returns the groups whose coordinator is to be found anew.
func (c *client) forgetMoved(answers map[string]group, want wanted) wanted {
	c.mu.Lock()
	defer c.mu.Unlock()
	moved := wanted{}
	for id, answer := range answers {
		if answer.moved() {
			c.remembered(id).coordinator = nobody
			moved[id] = want[id]
		}
	}
	return moved
}
