package dedup

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/lagrange-operator/lagrange/worker"
)

// IDFromPosition is where a message is in Kafka: the topic's id, partition and
// offset, and the message's timestamp. It sets config.OnAssigned and OnRevoked,
// around what they are set to, so call it when the rest of config is complete.
//
// The brokers are asked for a topic's id each time that a partition of it is
// assigned, so a topic that was deleted and created again has other ids from
// its first message on, although its offsets begin anew. The timestamp is there
// for what a topic's id can't tell: offsets that are given out a second time
// after an unclean election, and a topic that is created again under a claim
// that goes on.
//
// The brokers must be of Kafka 2.8 or newer. With older ones, and while no
// broker answers, no message has an id, and the worker tries again.
func IDFromPosition(config *worker.Config) IDFunc {
	connection := *config
	p := &positions{
		ids: make(map[partition]worker.TopicID),
		ask: func(ctx context.Context, topics ...string) (map[string]worker.TopicID, error) {
			return worker.TopicIDs(ctx, connection, topics...)
		},
	}
	config.OnAssigned, config.OnRevoked = p.assigned(config.OnAssigned), p.revoked(config.OnRevoked)
	return p.id
}

type partition struct {
	topic  string
	number int32
}

// positions keeps the topic id of each partition that is assigned, from the
// assignment on. One that could not be asked for is the zero id.
type positions struct {
	ask func(ctx context.Context, topics ...string) (map[string]worker.TopicID, error)

	mutex sync.Mutex
	ids   map[partition]worker.TopicID
}

func (p *positions) assigned(next func(context.Context, []worker.Assigned)) func(context.Context, []worker.Assigned) {
	return func(ctx context.Context, list []worker.Assigned) {
		found, err := p.ask(ctx, topicsOf(list)...)
		if err != nil {
			found = nil // id asks again and tells of it
		}
		p.mutex.Lock()
		for _, a := range list {
			p.ids[partition{a.Topic, a.Partition}] = found[a.Topic]
		}
		p.mutex.Unlock()
		if next != nil {
			next(ctx, list)
		}
	}
}

func topicsOf(list []worker.Assigned) []string {
	var topics []string
	seen := make(map[string]bool)
	for _, a := range list {
		if !seen[a.Topic] {
			topics = append(topics, a.Topic)
		}
		seen[a.Topic] = true
	}
	return topics
}

func (p *positions) revoked(next func(context.Context, []worker.Revoked)) func(context.Context, []worker.Revoked) {
	return func(ctx context.Context, list []worker.Revoked) {
		p.mutex.Lock()
		for _, r := range list {
			delete(p.ids, partition{r.Topic, r.Partition})
		}
		p.mutex.Unlock()
		if next != nil {
			next(ctx, list)
		}
	}
}

// id is 36 bytes that grow with the offset inside a partition.
func (p *positions) id(ctx context.Context, msg worker.Message) ([]byte, error) {
	topic, err := p.topicID(ctx, partition{msg.Topic, msg.Partition})
	if err != nil {
		return nil, err
	}
	id := append(make([]byte, 0, 36), topic[:]...)
	id = binary.BigEndian.AppendUint32(id, uint32(msg.Partition))
	id = binary.BigEndian.AppendUint64(id, uint64(msg.Offset))
	return binary.BigEndian.AppendUint64(id, uint64(msg.Timestamp.UnixMilli())), nil
}

// topicID asks again, one at a time, where the answer was missing at the assignment.
func (p *positions) topicID(ctx context.Context, of partition) (worker.TopicID, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	id, assigned := p.ids[of]
	if !assigned {
		return id, fmt.Errorf("topic %q partition %d is not assigned: is Config.OnAssigned still as IDFromPosition has set it?", of.topic, of.number)
	}
	if id != (worker.TopicID{}) {
		return id, nil
	}
	found, err := p.ask(ctx, of.topic)
	if err != nil {
		return id, err
	}
	p.ids[of] = found[of.topic]
	return p.ids[of], nil
}
