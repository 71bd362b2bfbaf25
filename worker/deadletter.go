package worker

import (
	"strconv"
	"time"

	"github.com/IBM/sarama"
)

// The headers that a dead letter has on top of the message's own. Key, value,
// headers and timestamp are the message's.
const (
	HeaderCause     = "lagrange-cause"     // the handler's last error
	HeaderGroup     = "lagrange-group"     // the group that could not handle it
	HeaderTopic     = "lagrange-topic"     // where it was read
	HeaderPartition = "lagrange-partition" //
	HeaderOffset    = "lagrange-offset"    //
	HeaderAttempts  = "lagrange-attempts"  // how often it was handed in
	HeaderFailedAt  = "lagrange-failed-at" // when it was given up, RFC 3339 in UTC
)

// longestCause keeps a dead letter near the size of its message.
const longestCause = 1 << 10

// letter is the message as a dead letter.
func (r *runner) letter(t *task, now time.Time) Outgoing {
	msg := newMessage(t.record)
	return Outgoing{
		Topic: r.config.DeadLetter.Topic, Key: msg.Key, Value: msg.Value, Timestamp: msg.Timestamp,
		Headers: append(msg.Headers, letterHeaders(t, r.config.GroupID, now)...),
	}
}

func letterHeaders(t *task, group string, now time.Time) []Header {
	header := func(key, value string) Header { return Header{Key: []byte(key), Value: []byte(value)} }
	cause := t.letter.Error()
	return []Header{
		header(HeaderCause, cause[:min(len(cause), longestCause)]),
		header(HeaderGroup, group),
		header(HeaderTopic, t.record.Topic),
		header(HeaderPartition, strconv.Itoa(int(t.record.Partition))),
		header(HeaderOffset, strconv.FormatInt(t.record.Offset, 10)),
		header(HeaderAttempts, strconv.Itoa(t.failures)),
		header(HeaderFailedAt, now.UTC().Format(time.RFC3339Nano)),
	}
}

// recordCarrier reads trace context from a message's headers.
type recordCarrier struct{ record *sarama.ConsumerMessage }

// Get is the value of the last header of that name, as later ones win.
func (c recordCarrier) Get(key string) string {
	value := ""
	for _, header := range c.record.Headers {
		if string(header.Key) == key {
			value = string(header.Value)
		}
	}
	return value
}

// Set does nothing: what was read is not changed.
func (c recordCarrier) Set(string, string) {}

// Keys are the names of the headers.
func (c recordCarrier) Keys() []string {
	keys := make([]string, 0, len(c.record.Headers))
	for _, header := range c.record.Headers {
		keys = append(keys, string(header.Key))
	}
	return keys
}
