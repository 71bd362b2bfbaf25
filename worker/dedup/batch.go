package dedup

import (
	"context"
	"fmt"

	"github.com/lagrange-operator/lagrange/worker"
)

// batch are messages with the ids of each, in the order of the messages.
type batch struct {
	messages []worker.Message
	ids      []columnID
}

func (s Store) batchOf(ctx context.Context, messages []worker.Message) (batch, error) {
	b := batch{messages: messages, ids: make([]columnID, len(messages))}
	for i, msg := range messages {
		id, err := s.ID(ctx, msg)
		if err == nil && len(id) == 0 {
			err = worker.Permanent(ErrNoID)
		}
		if err != nil {
			return batch{}, fmt.Errorf("find the id of topic %q partition %d offset %d: %w", msg.Topic, msg.Partition, msg.Offset, err)
		}
		b.ids[i] = columnOf(id)
	}
	return b, nil
}

// without leaves out what is handled, and of messages with one id all but the
// first; those are the duplicates.
func (b batch) without(handled map[columnID]bool) (todo batch, duplicates []worker.Message) {
	seen := make(map[columnID]bool, len(b.ids))
	for i, id := range b.ids {
		if handled[id] || seen[id] {
			duplicates = append(duplicates, b.messages[i])
			continue
		}
		seen[id] = true
		todo.messages, todo.ids = append(todo.messages, b.messages[i]), append(todo.ids, id)
	}
	return todo, duplicates
}
