package kafkaadmin

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// findCoordinators looks up the coordinators that are not known yet, and
// returns why some could not be found. sarama asks for one group a request;
// any broker can answer, and the one that answered metadata is known to. What
// was found is kept: a search that takes longer than a step goes on in the next
// cycle. The time is looked at between the requests, so that a healthy broker
// is not hung up on because there is much to ask.
func (c *client) findCoordinators(ctx context.Context, known *cluster, groups []string) map[string]error {
	failed := map[string]error{}
	end := time.Now().Add(c.timeout)
	for _, id := range groups {
		if node, cached := c.coordinators[id]; cached && known.brokers[node] != nil {
			continue
		}
		delete(c.coordinators, id)
		if time.Now().After(end) {
			failed[id] = fmt.Errorf("%w: too many groups to look up", kafka.ErrTimeout)
			continue
		}
		node, err := c.findCoordinator(ctx, id)
		if err != nil {
			failed[id] = err
			continue
		}
		c.coordinators[id] = node
	}
	return failed
}

func (c *client) findCoordinator(ctx context.Context, id string) (int32, error) {
	ctx, cancel := c.step(ctx)
	defer cancel()
	response, err := ask(ctx, c.link(c.answered), func(b *sarama.Broker) (*sarama.FindCoordinatorResponse, error) {
		return b.FindCoordinator(&sarama.FindCoordinatorRequest{
			Version: 3, CoordinatorKey: id, CoordinatorType: sarama.CoordinatorGroup,
		})
	})
	if err != nil {
		return 0, err
	}
	if response.Err != sarama.ErrNoError {
		return 0, refusal(response.Err)
	}
	if response.Coordinator == nil {
		return 0, errNotListed
	}
	return response.Coordinator.ID(), nil
}
