package kafkaadmin

import (
	"cmp"
	"context"
	"slices"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// describeConsumers describes groups of the KIP-848 protocol.
func (c *client) describeConsumers(ctx context.Context, known *cluster, coordinator *link, ids []string) (map[string]description, error) {
	response, err := askListed(ctx, coordinator, func(b *sarama.Broker) (*sarama.ConsumerGroupDescribeResponse, error) {
		request := sarama.NewConsumerGroupDescribeRequest(c.config.Version)
		request.GroupIDs, request.IncludeAuthorizedOperations = ids, c.exact
		return b.ConsumerGroupDescribe(request)
	})
	if err != nil {
		return nil, err
	}
	names := known.topicNames()
	found := make(map[string]description, len(response.Groups))
	for i := range response.Groups {
		found[response.Groups[i].GroupID] = consumerDescriptionOf(&response.Groups[i], names)
	}
	return found, nil
}

func consumerDescriptionOf(answer *sarama.ConsumerGroupDescription, names map[kafka.TopicID]string) description {
	allowed := operations(answer.AuthorizedOperations)
	switch {
	case answer.ErrorCode == sarama.ErrGroupIDNotFound:
		return description{state: kafka.StateDead, operations: allowed}
	case answer.ErrorCode != sarama.ErrNoError:
		return description{err: groupRefusal(answer.ErrorCode)}
	}
	state, err := stateOf(answer.GroupState)
	if err != nil {
		return description{err: err}
	}
	return description{state: state, protocol: answer.AssignorName, members: consumersOf(answer.Members, names), operations: allowed}
}

func consumersOf(answers []sarama.ConsumerGroupMemberDescription, names map[kafka.TopicID]string) []kafka.Member {
	var members []kafka.Member
	for _, m := range answers {
		members = append(members, kafka.Member{
			ID: m.MemberID, ClientID: m.ClientID, InstanceID: instance(m.InstanceID), Host: m.ClientHost, Assigned: partitionsIn(m.Assignment, names),
		})
	}
	return sortedMembers(members)
}

// partitionsIn reads a member's partitions. A broker may name a topic by its id
// alone; one that is not known by it is not one that was asked for.
func partitionsIn(assignment sarama.ConsumerGroupAssignment, names map[kafka.TopicID]string) []kafka.TopicPartition {
	var assigned []kafka.TopicPartition
	for _, topic := range assignment.TopicPartitions {
		name := cmp.Or(topic.TopicName, names[kafka.TopicID(topic.TopicID)])
		if name == "" {
			continue
		}
		for _, id := range topic.Partitions {
			assigned = append(assigned, kafka.TopicPartition{Topic: name, Partition: id})
		}
	}
	slices.SortFunc(assigned, kafka.TopicPartition.Compare)
	return assigned
}

func (c *cluster) topicNames() map[kafka.TopicID]string {
	names := make(map[kafka.TopicID]string, len(c.topics))
	for name, t := range c.topics {
		names[t.id] = name
	}
	return names
}
