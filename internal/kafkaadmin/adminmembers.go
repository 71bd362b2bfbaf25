package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Membership reads a group's state and members.
func (a *Admin) Membership(ctx context.Context, c Connection, groupID string) (kafka.Membership, error) {
	client, done, err := a.use(c)
	if err != nil {
		return kafka.Membership{}, err
	}
	defer done()
	known, err := client.locate(ctx, nil)
	if err != nil {
		return kafka.Membership{}, fmt.Errorf("read the members of group %q: %w", groupID, err)
	}
	group, err := client.findGroup(ctx, known, groupID)
	return group.Membership, err
}

// foundGroup is a group as its coordinator tells of it now.
type foundGroup struct {
	coordinator *link
	kafka.Membership
	operations operations
}

// coordinatorOf looks the group's coordinator up. Nothing of it is kept, so that
// one that moved is found by the next call.
func (c *client) coordinatorOf(ctx context.Context, known *cluster, id string) (*link, error) {
	node, err := c.findCoordinator(ctx, id)
	coordinator := known.brokers[node]
	if err == nil && coordinator == nil {
		err = errNotListed
	}
	if err != nil {
		return nil, fmt.Errorf("find the coordinator of group %q: %w", id, err)
	}
	return coordinator, nil
}

func (c *client) findGroup(ctx context.Context, known *cluster, id string) (foundGroup, error) {
	coordinator, err := c.coordinatorOf(ctx, known, id)
	if err != nil {
		return foundGroup{}, err
	}
	ctx, cancel := c.step(ctx)
	defer cancel()
	entry, err := c.listedBy(ctx, coordinator, id)
	if err != nil {
		return foundGroup{}, err
	}
	if err := unserved(id, entry.kind); err != nil {
		return foundGroup{}, err
	}
	read, kind := c.describeNow(ctx, known, coordinator, id, entry.kind)
	if read.err != nil {
		return foundGroup{}, read.err
	}
	return foundGroup{
		coordinator: coordinator, operations: read.operations,
		Membership: kafka.Membership{Type: kind, State: read.state, Known: entry.knows(read), Members: read.members},
	}, nil
}

// listEntry is what a coordinator's list says of one group.
type listEntry struct {
	there bool
	kind  kafka.GroupType
	whole bool // the broker listed all of its groups
}

// knows tells whether the broker knows the group: it may have come after the list.
// Without a list the state says it, which some brokers call empty for no group.
func (e listEntry) knows(read description) bool {
	return e.there || len(read.members) > 0 || !e.whole && read.state != kafka.StateDead
}

// listedBy tells of which kind a group is. A list that is refused, as by proxies,
// says nothing.
func (c *client) listedBy(ctx context.Context, coordinator *link, id string) (listEntry, error) {
	response, err := ask(ctx, coordinator, func(b *sarama.Broker) (*sarama.ListGroupsResponse, error) {
		return b.ListGroups(&sarama.ListGroupsRequest{Version: c.listVersion()})
	})
	if err == nil && response.Err != sarama.ErrNoError {
		err = refusal(response.Err)
	}
	if errors.Is(err, kafka.ErrUnauthorized) || errors.Is(err, kafka.ErrUnsupported) {
		return listEntry{}, nil
	}
	if err != nil {
		return listEntry{}, fmt.Errorf("list the groups of the coordinator of group %q: %w", id, err)
	}
	_, there := response.Groups[id]
	return listEntry{there: there, kind: listedOf(nobody, response.GroupsData[id]).kind, whole: true}, nil
}

// describeNow asks by the protocol of the group's kind, and where the kind is not
// known by both: DescribeGroups calls a group of KIP-848 dead, members or not.
func (c *client) describeNow(ctx context.Context, known *cluster, coordinator *link, id string, kind kafka.GroupType) (description, kafka.GroupType) {
	classic := description{state: kafka.StateDead}
	if kind != kafka.TypeConsumer {
		classic = describeEach(ctx, coordinator, []string{id}, c.describeClassic)[id]
		if kind == kafka.TypeClassic || !classic.dead() {
			return classic, kind
		}
	}
	read := describeEach(ctx, coordinator, []string{id}, func(ctx context.Context, coordinator *link, ids []string) (map[string]description, error) {
		return c.describeConsumers(ctx, known, coordinator, ids)
	})[id]
	switch {
	case kind == kafka.TypeUnknown && (read.dead() || errors.Is(read.err, kafka.ErrUnsupported)):
		return classic, kind
	default:
		return read, kafka.TypeConsumer
	}
}

// operations are what a broker says that we may do with a group or a topic, a bit each.
type operations int32

// operationsUnsaid is what a broker says that was not asked what we may do, or
// does not know. One older than 2.3 says 0, which else nobody gets who may
// describe the group or the topic.
const operationsUnsaid operations = math.MinInt32

// allow tells whether an operation is among those that we may do. What is not
// said counts as allowed: then the attempt tells.
func (o operations) allow(operation sarama.AclOperation) bool {
	return o == operationsUnsaid || o == 0 || o&(1<<operation) != 0
}
