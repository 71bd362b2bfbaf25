package kafkaadmin

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Commit makes commits in the name of no member, by one OffsetCommit. The broker
// takes it only while the group has no members, and then has all of it or none,
// but for partitions that it refuses one by one. Such an answer is
// kafka.ErrUncertain besides what the refusal is.
//
// Errors are kafka.ErrGroupNotEmpty, ErrTooLarge, ErrUnauthorized,
// ErrTopicMissing, ErrUnavailable, ErrRejected or ErrUncertain. COORDINATOR_NOT_AVAILABLE
// and NOT_COORDINATOR are both ErrUnavailable and ErrUncertain: brokers answer so
// as well where the commit was appended and its replicas were slow, or where the
// coordinator moved just then.
func (a *Admin) Commit(ctx context.Context, c Connection, groupID string, commits []kafka.PartitionCommit) error {
	asked := make([]kafka.TopicPartition, len(commits))
	for i, commit := range commits {
		if asked[i] = commit.TopicPartition; commit.Offset < 0 {
			return fmt.Errorf("commit the offset %d of partition %q: %w: brokers take it for no commit", commit.Offset, commit.TopicPartition, kafka.ErrInvalid)
		}
	}
	err := a.write(ctx, c, groupID, len(commits), func(ctx context.Context, client *client, coordinator *link) error {
		response, err := askOnce(ctx, coordinator, func(b *sarama.Broker) (*sarama.OffsetCommitResponse, error) {
			return b.CommitOffset(commitRequest(client.config, groupID, commits))
		})
		if err != nil {
			return err
		}
		return verdict(asked, response.Errors)
	})
	if err != nil {
		return fmt.Errorf("commit offsets of group %q: %w", groupID, err)
	}
	return nil
}

// noEpoch says that no leader epoch goes with a commit. The zero value is an epoch,
// against which consumers would check the log and rewind.
const noEpoch int32 = -1

func commitRequest(config *sarama.Config, groupID string, commits []kafka.PartitionCommit) *sarama.OffsetCommitRequest {
	request := sarama.NewOffsetCommitRequest(config, groupID)
	request.RetentionTime = -1 // the broker's own; brokers before 2.1 take 0 for at once
	for _, commit := range commits {
		request.AddBlockWithLeaderEpoch(commit.Topic, commit.Partition, commit.Offset, noEpoch, 0, commit.Metadata)
	}
	return request
}

// Delete deletes a group's commits, by one OffsetDelete. A group that is gone has
// none. Errors are those of Commit.
func (a *Admin) Delete(ctx context.Context, c Connection, groupID string, partitions []kafka.TopicPartition) error {
	err := a.write(ctx, c, groupID, len(partitions), func(ctx context.Context, _ *client, coordinator *link) error {
		response, err := askOnce(ctx, coordinator, func(b *sarama.Broker) (*sarama.DeleteOffsetsResponse, error) {
			request := &sarama.DeleteOffsetsRequest{Group: groupID}
			for _, p := range partitions {
				request.AddPartition(p.Topic, p.Partition)
			}
			return b.DeleteOffsets(request)
		})
		switch {
		case err != nil:
			return err
		case response.ErrorCode == sarama.ErrGroupIDNotFound:
			return nil
		case response.ErrorCode != sarama.ErrNoError:
			return writeRefusal(response.ErrorCode)
		default:
			return verdict(partitions, response.Errors)
		}
	})
	if err != nil {
		return fmt.Errorf("delete offsets of group %q: %w", groupID, err)
	}
	return nil
}

// write asks the group's coordinator, unless there is nothing to write: a request
// without partitions may mean all of them.
func (a *Admin) write(ctx context.Context, c Connection, groupID string, count int, request func(context.Context, *client, *link) error) error {
	if count == 0 {
		return nil
	}
	client, done, err := a.use(c)
	if err != nil {
		return err
	}
	defer done()
	known, err := client.locate(ctx, nil)
	if err != nil {
		return err
	}
	coordinator, err := client.coordinatorOf(ctx, known, groupID)
	if err != nil {
		return err
	}
	ctx, cancel := client.step(ctx)
	defer cancel()
	return request(ctx, client, coordinator)
}
