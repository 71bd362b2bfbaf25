// Package chat is what gateway and archive have in common: the message on the wire.
package chat

import (
	"encoding/json"
	"fmt"
)

// IDHeader is the Kafka header with Message.ID.
const IDHeader = "message-id"

// Message is one message of a conversation.
type Message struct {
	// ID is made by the sender's device, once for each message, and goes with
	// every repetition of it.
	ID string `json:"-"`
	// Conversation is the key: its messages keep their order.
	Conversation string `json:"-"`
	// Sender has written the text, as the message of this number.
	Sender string `json:"sender"`
	Number int    `json:"number"`
	Text   string `json:"text"`
}

// Encode is the value of the Kafka message. ID and conversation are beside it,
// in the header and the key.
func (m Message) Encode() ([]byte, error) {
	value, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message %q: %w", m.ID, err)
	}
	return value, nil
}

// Decode is the reverse of Encode.
func Decode(id, conversation, value []byte) (Message, error) {
	m := Message{ID: string(id), Conversation: string(conversation)}
	if err := json.Unmarshal(value, &m); err != nil {
		return m, fmt.Errorf("decode message %q: %w", id, err)
	}
	return m, nil
}
