package kafkaadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// maxGroupsPerRequest keeps an answer small: with 50 members of 1 KB each,
// 500 groups are 25 MB.
const maxGroupsPerRequest = 500

// describe reads the states and members of groups of one coordinator, each by
// the protocol of its kind, and remembers them.
//
// DescribeGroups calls a group of the KIP-848 protocol dead, members or not.
// Brokers that do not list a group's kind leave it open which it is: a dead
// group has no commits, so one with commits is asked about by the other
// protocol.
func (c *client) describe(ctx context.Context, known *cluster, coordinator *link, ids []string, committed map[string]commits) map[string]description {
	describeConsumers := func(ctx context.Context, coordinator *link, ids []string) (map[string]description, error) {
		return c.describeConsumers(ctx, known, coordinator, ids)
	}
	classic, consumer := c.byProtocol(ids)
	answers := describeEach(ctx, coordinator, classic, c.describeClassic)
	undead := slices.DeleteFunc(classic, func(id string) bool { return !answers[id].dead() || !committed[id].any() })
	maps.Copy(answers, describeEach(ctx, coordinator, append(consumer, undead...), describeConsumers))
	for _, id := range undead {
		if answers[id].dead() {
			answers[id] = describeFailed(id, errUndead)
		}
	}
	c.learn(answers, append(consumer, undead...))
	return answers
}

// errUndead is a group that neither protocol knows, and that has commits.
var errUndead = fmt.Errorf("%w: it is dead and has commits", kafka.ErrUnsupported)

func (d description) dead() bool { return d.err == nil && d.state == kafka.StateDead }

func (c *client) byProtocol(ids []string) (classic, consumer []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if c.remembered(id).kind == kafka.TypeConsumer {
			consumer = append(consumer, id)
		} else {
			classic = append(classic, id)
		}
	}
	return classic, consumer
}

// learn remembers the descriptions, and of which kind those groups are that
// were asked about by the protocol of KIP-848.
func (c *client) learn(answers map[string]description, consumer []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for id, read := range answers {
		c.remembered(id).remember(read, now)
	}
	for _, id := range consumer {
		switch read := answers[id]; {
		case read.dead():
			c.remembered(id).kind = kafka.TypeUnknown
		case read.err == nil:
			c.remembered(id).kind = kafka.TypeConsumer
		}
	}
}

// describeRequest is how one broker is asked for the descriptions of groups.
type describeRequest func(context.Context, *link, []string) (map[string]description, error)

// describeEach asks in as few requests as fit.
func describeEach(ctx context.Context, coordinator *link, ids []string, request describeRequest) map[string]description {
	answers := make(map[string]description, len(ids))
	for part := range slices.Chunk(ids, maxGroupsPerRequest) {
		describePart(ctx, coordinator, part, request, answers)
	}
	return answers
}

// describePart adds the descriptions to the answers. An answer that is too large
// is asked for in halves.
func describePart(ctx context.Context, coordinator *link, part []string, request describeRequest, answers map[string]description) {
	found, err := request(ctx, coordinator, part)
	if half := len(part) / 2; half > 0 && errors.Is(err, errTooLarge) {
		describePart(ctx, coordinator, part[:half], request, answers)
		describePart(ctx, coordinator, part[half:], request, answers)
		return
	}
	for _, id := range part {
		read, answered := found[id]
		if !answered {
			read.err = cmp.Or(err, errLeftOut)
		}
		if read.err != nil {
			read = describeFailed(id, read.err)
		}
		answers[id] = read
	}
}

func (c *client) describeClassic(ctx context.Context, coordinator *link, ids []string) (map[string]description, error) {
	response, err := askListed(ctx, coordinator, func(b *sarama.Broker) (*sarama.DescribeGroupsResponse, error) {
		return b.DescribeGroups(&sarama.DescribeGroupsRequest{Version: 5, Groups: ids, IncludeAuthorizedOperations: c.exact})
	})
	if err != nil {
		return nil, err
	}
	found := make(map[string]description, len(response.Groups))
	for _, answer := range response.Groups {
		found[answer.GroupId] = descriptionOf(answer)
	}
	return found, nil
}

func descriptionOf(answer *sarama.GroupDescription) description {
	allowed := operations(answer.AuthorizedOperations)
	if answer.Err == sarama.ErrGroupIDNotFound {
		return description{state: kafka.StateDead, operations: allowed}
	}
	if answer.Err != sarama.ErrNoError {
		return description{err: groupRefusal(answer.Err)}
	}
	state, err := stateOf(answer.State)
	if err != nil {
		return description{err: err}
	}
	return description{state: state, protocol: answer.Protocol, members: membersOf(answer), operations: allowed}
}

// stateOf refuses a state of a later Kafka: what it means is not known.
func stateOf(name string) (kafka.GroupState, error) {
	state := kafka.GroupState(name)
	if !slices.Contains(knownStates, state) {
		return kafka.StateUnknown, fmt.Errorf("%w: state %q", kafka.ErrUnsupported, name)
	}
	return state, nil
}

var knownStates = []kafka.GroupState{
	kafka.StateEmpty, kafka.StateStable, kafka.StatePreparingRebalance, kafka.StateCompletingRebalance,
	kafka.StateAssigning, kafka.StateReconciling, kafka.StateDead,
}

func membersOf(answer *sarama.GroupDescription) []kafka.Member {
	var members []kafka.Member
	for _, m := range answer.Members {
		members = append(members, kafka.Member{
			ID: m.MemberId, ClientID: m.ClientId, InstanceID: instance(m.GroupInstanceId), Host: m.ClientHost, Assigned: assignedTo(m),
		})
	}
	return sortedMembers(members)
}

// instance is the name of a static member, empty for a dynamic one.
func instance(id *string) string {
	if id == nil {
		return ""
	}
	return *id
}

func sortedMembers(members []kafka.Member) []kafka.Member {
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
