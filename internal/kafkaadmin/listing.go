package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// listing is what the brokers' lists say of the groups asked for, in this
// cycle. A broker lists the groups that it coordinates, and leaves out those
// that we may not describe.
type listing struct {
	groups map[string]listed
	// whole are the brokers that listed all of their groups.
	whole map[int32]bool
	// late is set when some broker has not answered yet: what is missing may be
	// listed by it.
	late bool
}

// listed is what one broker's list says of one group.
type listed struct {
	coordinator int32
	state       kafka.GroupState // StateUnknown from brokers older than 2.6
	kind        kafka.GroupType  // TypeUnknown from brokers older than 3.8
}

// list asks every broker which of the groups it coordinates. It costs one
// request a broker, and spares one look-up a group when coordinators move.
func (c *client) list(ctx context.Context, known *cluster, want wanted) listing {
	ctx, cancel := c.step(ctx)
	defer cancel()
	var (
		mu  sync.Mutex
		all sync.WaitGroup
		l   = listing{groups: make(map[string]listed, len(want)), whole: map[int32]bool{}}
	)
	for node, broker := range known.brokers {
		all.Go(func() {
			response, err := ask(ctx, broker, func(b *sarama.Broker) (*sarama.ListGroupsResponse, error) {
				return b.ListGroups(&sarama.ListGroupsRequest{Version: c.listVersion()})
			})
			mu.Lock()
			defer mu.Unlock()
			l.add(node, response, err, want)
		})
	}
	all.Wait()
	return l
}

// listVersion is the newest that the connection is held to: 5 has the groups'
// types, 4 their states, and before that they have their names.
func (c *client) listVersion() int16 {
	switch version := c.config.Version; {
	case version.IsAtLeast(sarama.V3_8_0_0):
		return 5
	case version.IsAtLeast(sarama.V2_6_0_0):
		return 4
	default:
		return 2
	}
}

// add takes in a broker's answer. One that is still loading lists what it has
// loaded, one that refuses lists nothing: neither is a reason to fail, the
// groups that are missing are looked up.
func (l *listing) add(node int32, response *sarama.ListGroupsResponse, err error, want wanted) {
	if err != nil {
		l.late = l.late || errors.Is(err, errLate)
		return
	}
	l.whole[node] = response.Err == sarama.ErrNoError
	for id := range response.Groups {
		if _, asked := want[id]; asked {
			l.groups[id] = listedOf(node, response.GroupsData[id])
		}
	}
}

// listedOf reads a group's place in the list. A state of a later Kafka is
// unknown: the description says so then.
func listedOf(node int32, data sarama.GroupData) listed {
	state, err := stateOf(data.GroupState)
	if err != nil {
		state = kafka.StateUnknown
	}
	return listed{coordinator: node, state: state, kind: kafka.GroupType(strings.ToLower(data.GroupType))}
}

// stateOf is the group's state as its coordinator says it now: a group that it
// does not list is dead. StateUnknown when it could not say.
func (l listing) stateOf(id string, coordinator int32) kafka.GroupState {
	if g, found := l.groups[id]; found {
		return g.state
	}
	if l.whole[coordinator] {
		return kafka.StateDead
	}
	return kafka.StateUnknown
}

// unserved says why groups of a kind are not read, nil for those that are.
func unserved(id string, kind kafka.GroupType) error {
	switch kind {
	case kafka.TypeUnknown, kafka.TypeClassic, kafka.TypeConsumer:
		return nil
	case kafka.TypeShare:
		return fmt.Errorf("read group %q: %w: it is a share group, which has no committed offsets to count lag from", id, kafka.ErrUnsupported)
	default:
		return fmt.Errorf("read group %q: %w: it is a %s group, which has no committed offsets of consumers to count lag from", id, kafka.ErrUnsupported, kind)
	}
}
