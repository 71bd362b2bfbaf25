package kafkaadmin

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Remains reads what the cluster has of a group: its members first, then all of
// its commits, of whatever topics. A commit that an open transaction is about to
// change is kafka.ErrUnavailable.
func (a *Admin) Remains(ctx context.Context, c Connection, groupID string) (kafka.Remains, error) {
	client, done, err := a.use(c)
	if err != nil {
		return kafka.Remains{}, err
	}
	defer done()
	remains, err := client.remains(ctx, groupID)
	if err != nil {
		return kafka.Remains{}, fmt.Errorf("read what there is of group %q: %w", groupID, err)
	}
	return remains, nil
}

func (c *client) remains(ctx context.Context, groupID string) (kafka.Remains, error) {
	known, err := c.locate(ctx, nil)
	if err != nil {
		return kafka.Remains{}, err
	}
	opened := c.opened.Load()
	group, err := c.findGroup(ctx, known, groupID)
	if err != nil {
		return kafka.Remains{}, err
	}
	remains := kafka.Remains{
		ClusterID: known.id, Membership: group.Membership, MayDelete: group.operations.allow(sarama.AclOperationDelete),
	}
	read, err := c.fetchAll(ctx, group.coordinator, groupID)
	if err != nil {
		return kafka.Remains{}, c.explainUnstable(ctx, known, groupID, err)
	}
	remains.Topics, remains.Commits, err = read.count()
	if err != nil {
		return kafka.Remains{}, c.explainUnstable(ctx, known, groupID, err)
	}
	return remains, c.sameCluster(ctx, known, opened)
}

// fetchAll reads all commits of a group: that is what a request without partitions
// asks for.
func (c *client) fetchAll(ctx context.Context, coordinator *link, groupID string) (commits, error) {
	ctx, cancel := c.step(ctx)
	defer cancel()
	all, answers := []sarama.OffsetFetchRequestGroup{{GroupId: groupID}}, map[string]commits{}
	response, err := ask(ctx, coordinator, func(b *sarama.Broker) (*sarama.OffsetFetchResponse, error) {
		return b.FetchOffset(&sarama.OffsetFetchRequest{Version: c.fetchVersion(), RequireStable: c.exact, Groups: all})
	})
	take(all, response, err, answers)
	if err := answers[groupID].err; err != nil {
		return commits{}, fmt.Errorf("read the committed offsets of group %q: %w", groupID, err)
	}
	return answers[groupID], nil
}

// count counts the topics and the partitions that have a commit.
func (c commits) count() (topics, partitions int, err error) {
	for topic, blocks := range c.blocks {
		before := partitions
		for id := range blocks {
			read := c.at(kafka.TopicPartition{Topic: topic, Partition: id})
			if read.err != nil {
				return 0, 0, read.err
			}
			if read.at != kafka.NoOffset {
				partitions++
			}
		}
		if partitions > before {
			topics++
		}
	}
	return topics, partitions, nil
}

// DeleteGroup deletes a group of the cluster with all of its commits, by one
// DeleteGroups. A group that is gone is deleted. The broker deletes none that has
// members: that is kafka.ErrGroupNotEmpty. Where another cluster answers, nothing is
// asked for: that is kafka.ErrUnavailable. Other errors are those of Commit.
func (a *Admin) DeleteGroup(ctx context.Context, c Connection, clusterID, groupID string) error {
	client, done, err := a.use(c)
	if err != nil {
		return err
	}
	defer done()
	if err := client.deleteGroup(ctx, clusterID, groupID); err != nil {
		return fmt.Errorf("delete group %q: %w", groupID, err)
	}
	return nil
}

func (c *client) deleteGroup(ctx context.Context, clusterID, groupID string) error {
	known, err := c.locate(ctx, nil)
	if err != nil {
		return err
	}
	if known.id != clusterID {
		return fmt.Errorf("%w: cluster %q answers in place of %q", kafka.ErrUnavailable, known.id, clusterID)
	}
	coordinator, err := c.coordinatorOf(ctx, known, groupID)
	if err != nil {
		return err
	}
	ctx, cancel := c.step(ctx)
	defer cancel()
	response, err := askOnce(ctx, coordinator, func(b *sarama.Broker) (*sarama.DeleteGroupsResponse, error) {
		return b.DeleteGroups(&sarama.DeleteGroupsRequest{Version: 2, Groups: []string{groupID}})
	})
	if err != nil {
		return err
	}
	switch code, answered := response.GroupErrorCodes[groupID]; {
	case !answered:
		return uncertain(errLeftOut)
	case code == sarama.ErrNoError, code == sarama.ErrGroupIDNotFound:
		return nil
	default:
		return writeRefusal(code)
	}
}
