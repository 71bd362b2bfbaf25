package kafkaadmin

import (
	"context"
	"fmt"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// sameCluster guards a cycle against a cluster that was put behind the address
// in the middle of it: offsets of one would be told as the other's. Whoever
// takes a broker's place has to be connected to, so that only a connection
// opened since the metadata came needs another look, and a warm cycle none.
func (c *client) sameCluster(ctx context.Context, known *cluster, opened int64) error {
	if c.opened.Load() == opened {
		return nil
	}
	response, err := c.metadata(ctx, c.requestTopics(nil))
	if err != nil {
		return err
	}
	if id, _ := c.identify(response); id != known.id {
		return fmt.Errorf("read cluster %q: %w: cluster %q answers by now", known.id, kafka.ErrUnavailable, id)
	}
	return nil
}
