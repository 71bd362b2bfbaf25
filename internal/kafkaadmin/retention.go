package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// retentionSetting is for how long a broker keeps the commits of a group that has
// no members. The brokers take it from their files: it changes when they restart.
const retentionSetting = "offsets.retention.minutes"

// Retention is how long the commits of a group without members last, by the
// setting of the broker that has the group. It is 0 where that is not said: to
// whoever may not describe the cluster's configs, and by services that hide them.
func (a *Admin) Retention(ctx context.Context, c Connection, groupID string) (time.Duration, error) {
	client, done, err := a.use(c)
	if err != nil {
		return 0, err
	}
	defer done()
	minutes, err := client.retention(ctx, groupID)
	if err != nil {
		return 0, fmt.Errorf("read %s of the coordinator of group %q: %w", retentionSetting, groupID, err)
	}
	return minutes, nil
}

func (c *client) retention(ctx context.Context, groupID string) (time.Duration, error) {
	known, err := c.locate(ctx, nil)
	if err != nil {
		return 0, err
	}
	node, err := c.findCoordinator(ctx, groupID)
	if err != nil {
		return 0, err
	}
	coordinator := known.brokers[node]
	if coordinator == nil {
		return 0, errNotListed
	}
	ctx, cancel := c.step(ctx)
	defer cancel()
	response, err := ask(ctx, coordinator, func(b *sarama.Broker) (*sarama.DescribeConfigsResponse, error) {
		return b.DescribeConfigs(&sarama.DescribeConfigsRequest{Version: 1, Resources: []*sarama.ConfigResource{{
			Type: sarama.BrokerResource, Name: strconv.Itoa(int(node)), ConfigNames: []string{retentionSetting},
		}}})
	})
	if err != nil {
		return 0, hidden(err)
	}
	return retentionIn(response)
}

// retentionIn is the setting in the answer, 0 for none.
func retentionIn(response *sarama.DescribeConfigsResponse) (time.Duration, error) {
	for _, resource := range response.Resources {
		if code := sarama.KError(resource.ErrorCode); code != sarama.ErrNoError {
			return 0, hidden(refusal(code))
		}
		for _, entry := range resource.Configs {
			minutes, err := strconv.ParseInt(entry.Value, 10, 32)
			if entry.Name == retentionSetting && err == nil && minutes > 0 {
				return time.Duration(minutes) * time.Minute, nil
			}
		}
	}
	return 0, nil
}

// hidden is nil for an error by which a broker keeps the setting to itself: asking
// again brings the same.
func hidden(err error) error {
	for _, kind := range []error{kafka.ErrUnauthorized, kafka.ErrUnsupported, kafka.ErrRejected, kafka.ErrInvalid} {
		if errors.Is(err, kind) {
			return nil
		}
	}
	return err
}
