package kafka_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// check compares what the broker received with what the policy says.
func (s *recorded) check(t *testing.T, c client, one policyCase) {
	t.Helper()
	for topic, messages := range map[string]int{keysTopic(c, one): keyedMessages, longTopic(c, one): 1 + longMessages} {
		for _, b := range s.received(t, topic, messages) {
			if !checkBatch(t, c, one, b) {
				break // one tells enough
			}
		}
	}
	s.checkSizes(t, c, one)
	s.checkInFlight(t, c, one)
	s.checkPlaces(t, c, one)
	if one.spec.Transaction != nil {
		if got, want := s.timeouts[transactionOf(c, one)], int32(40_000); got != want {
			t.Errorf("the transaction's timeout is %d ms, want %d", got, want)
		}
	}
}

// received are the batches of a topic, once all its messages have come: nobody
// waits for those without an answer.
func (s *recorded) received(t *testing.T, topic string, messages int) []batch {
	t.Helper()
	var batches []batch
	eventually(t, fmt.Sprintf("%d messages in %s", messages, topic), func() bool {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		batches = slices.Clone(s.batches[topic])
		return s.messages(topic) >= messages
	})
	return batches
}

func checkBatch(t *testing.T, c client, one policyCase, got batch) bool {
	t.Helper()
	want := batch{
		acks: one.acks, timeoutMs: one.timeoutMs[c.place], codec: one.codec, producerID: -1,
		transactional: transactionOf(c, one), messages: got.messages, bytes: got.bytes,
	}
	if one.idempotent && got.producerID >= 0 {
		want.producerID = got.producerID
	}
	good := got == want && one.idempotent == (got.producerID >= 0)
	if !good {
		t.Errorf("received %+v, want %+v, idempotent %v", got, want, one.idempotent)
	}
	return good
}

// transactionOf is the id: librdkafka's is the program's.
func transactionOf(c client, one policyCase) string {
	switch {
	case one.spec.Transaction == nil:
		return ""
	case c.place == inJava:
		return "orders-" + podName
	}
	return "librdkafka-" + one.name
}

func (s *recorded) checkSizes(t *testing.T, c client, one policyCase) {
	t.Helper()
	most, largest := one.most[c.place], 0
	if most == 0 {
		return
	}
	for _, b := range s.received(t, longTopic(c, one), 1+longMessages) {
		largest = max(largest, b.messages)
	}
	if largest > most || one.full && largest < most {
		t.Errorf("the largest batch has %d messages, want %d", largest, most)
	}
}

func (s *recorded) checkInFlight(t *testing.T, c client, one policyCase) {
	t.Helper()
	s.mutex.Lock()
	got, want := s.mostInFlight[longTopic(c, one)], one.inFlight[c.place]
	s.mutex.Unlock()
	if got > want || one.reached && got < want {
		t.Errorf("%d requests had no answer at once, want %d", got, want)
	}
}

// checkLevels: the same text is smaller with a higher level. sarama has no levels of lz4.
func (s *recorded) checkLevels(t *testing.T, c client) {
	t.Helper()
	for _, codec := range []v1alpha1.Compression{v1alpha1.CompressionGzip, v1alpha1.CompressionLZ4, v1alpha1.CompressionZstd} {
		fast, best := s.textSize(t, c, levelName(codec, 1)), s.textSize(t, c, levelName(codec, 12))
		if without := c.place == inWorker && codec == v1alpha1.CompressionLZ4; fast <= best != without {
			t.Errorf("the text has %d bytes with %s at level 1, and %d at the best", fast, codec, best)
		}
	}
}

// textSize is that of the first batch.
func (s *recorded) textSize(t *testing.T, c client, name string) int {
	t.Helper()
	return s.received(t, longTopic(c, policyCase{name: name}), 1)[0].bytes
}

func (s *recorded) createdTopics(client string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for name := range s.creating {
		if strings.HasPrefix(name, client+"-") {
			return true
		}
	}
	return false
}
