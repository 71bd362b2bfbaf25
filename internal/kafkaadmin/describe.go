package kafkaadmin

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// maxGroupsPerRequest keeps an answer small: with 50 members of 1 KB each,
// 500 groups are 25 MB.
const maxGroupsPerRequest = 500

// describeGroups reads the states and members of all the groups of one
// coordinator in as few requests as fit.
func (c *client) describeGroups(ctx context.Context, coordinator *link, ids []string) map[string]description {
	answers := make(map[string]description, len(ids))
	for part := range slices.Chunk(ids, maxGroupsPerRequest) {
		response, err := askListed(ctx, coordinator, func(b *sarama.Broker) (*sarama.DescribeGroupsResponse, error) {
			return b.DescribeGroups(&sarama.DescribeGroupsRequest{Version: 5, Groups: part})
		})
		for id, read := range descriptionsOf(part, response, err) {
			if read.err != nil {
				read.err = fmt.Errorf("describe group %q: %w", id, read.err)
			}
			answers[id] = read
		}
	}
	return answers
}

func descriptionsOf(ids []string, response *sarama.DescribeGroupsResponse, err error) map[string]description {
	answers := make(map[string]description, len(ids))
	for _, id := range ids {
		answers[id] = description{err: cmp.Or(err, errLeftOut)}
	}
	if err != nil {
		return answers
	}
	for _, answer := range response.Groups {
		if _, asked := answers[answer.GroupId]; asked {
			answers[answer.GroupId] = descriptionOf(answer)
		}
	}
	return answers
}

func descriptionOf(answer *sarama.GroupDescription) description {
	if answer.Err == sarama.ErrGroupIDNotFound {
		return description{state: kafka.StateDead}
	}
	if answer.Err != sarama.ErrNoError {
		return description{err: groupRefusal(answer.Err)}
	}
	state := kafka.GroupState(answer.State)
	if !slices.Contains(knownStates, state) {
		return description{err: fmt.Errorf("%w: state %q", kafka.ErrUnsupported, answer.State)}
	}
	return description{state: state, protocol: answer.Protocol, members: membersOf(answer)}
}

var knownStates = []kafka.GroupState{
	kafka.StateEmpty, kafka.StateStable, kafka.StatePreparingRebalance, kafka.StateCompletingRebalance, kafka.StateDead,
}

func membersOf(answer *sarama.GroupDescription) []kafka.Member {
	var members []kafka.Member
	for _, m := range answer.Members {
		members = append(members, kafka.Member{
			ID: m.MemberId, ClientID: m.ClientId, Host: m.ClientHost, Assigned: assignedTo(m),
		})
	}
	slices.SortFunc(members, func(a, b kafka.Member) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.ID, b.ID))
	})
	return members
}

// assignedTo reads a member's partitions. Bytes that are not a consumer's
// assignment, as a Kafka Connect worker's, are no partitions.
func assignedTo(m *sarama.GroupMemberDescription) []kafka.TopicPartition {
	assignment, err := m.GetMemberAssignment()
	if err != nil || assignment == nil {
		return nil
	}
	var assigned []kafka.TopicPartition
	for name, ids := range assignment.Topics {
		for _, id := range ids {
			assigned = append(assigned, kafka.TopicPartition{Topic: name, Partition: id})
		}
	}
	slices.SortFunc(assigned, kafka.TopicPartition.Compare)
	return assigned
}
