package producerpolicy

import (
	"math"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// toLibrdkafka names what rd_kafka_conf_set takes.
func toLibrdkafka(t *Translation, s Settings) {
	t.set("acks", map[v1alpha1.Acks]string{v1alpha1.AcksAll: "all", v1alpha1.AcksLeader: "1", v1alpha1.AcksNone: "0"}[s.Acks])
	t.set("enable.idempotence", idempotent(s))
	if stops(s) && idempotent(s) {
		t.set("enable.gapless.guarantee", true)
	}
	t.set("max.in.flight.requests.per.connection", inFlight(v1alpha1.ClientLibrdkafka, s))
	t.set("retries", math.MaxInt32)
	t.set("retry.backoff.ms", milliseconds(s.Retry.InitialBackoff.Duration))
	t.set("retry.backoff.max.ms", milliseconds(s.Retry.MaxBackoff.Duration))
	t.set("message.timeout.ms", milliseconds(librdkafkaDelivery(s)))
	t.set("request.timeout.ms", milliseconds(s.RequestTimeout.Duration))
	t.set("socket.timeout.ms", milliseconds(librdkafkaSocket(s)))
	t.set("linger.ms", milliseconds(s.Batch.Linger.Duration))
	if s.Batch.Messages != 0 {
		t.set("batch.num.messages", s.Batch.Messages)
	}
	if s.Batch.Bytes != 0 {
		t.set("batch.size", s.Batch.Bytes)
	}
	t.set("message.max.bytes", s.MaxMessageBytes)
	t.set("compression.type", s.Compression)
	if level := levelOf(v1alpha1.ClientLibrdkafka, s); level != 0 {
		t.set("compression.level", level)
	}
	if name, _ := partitionerOf(v1alpha1.ClientLibrdkafka, s.Partitioner); name != "" {
		t.set("partitioner", name)
	}
	t.set("allow.auto.create.topics", false)
	if transactional(s) {
		t.set("transaction.timeout.ms", milliseconds(s.Transaction.Timeout.Duration))
	}
	librdkafkaGaps(t, s)
}

// librdkafkaDelivery: librdkafka refuses one above the transaction's timeout.
func librdkafkaDelivery(s Settings) time.Duration {
	if transactional(s) {
		return min(s.DeliveryTimeout.Duration, s.Transaction.Timeout.Duration)
	}
	return s.DeliveryTimeout.Duration
}

// librdkafkaSocket: nor an answer that comes 100 ms after it.
func librdkafkaSocket(s Settings) time.Duration {
	if transactional(s) {
		return min(s.ResponseTimeout.Duration, s.Transaction.Timeout.Duration+100*time.Millisecond)
	}
	return s.ResponseTimeout.Duration
}

// librdkafkaGaps: enable.gapless.guarantee ends the producer at the first message
// that failed for good, unless its time was over (which is how most fail, and what
// librdkafka warns of when it starts), and needs idempotence.
func librdkafkaGaps(t *Translation, s Settings) {
	if stops(s) && !idempotent(s) {
		t.lacks(fieldStopOnError, "librdkafka stops after a failure with idempotence only")
	}
	if librdkafkaDelivery(s) != s.DeliveryTimeout.Duration {
		t.lacks(fieldDeliveryTimeout, "librdkafka takes none above transaction.timeout, %s", s.Transaction.Timeout)
	}
	if librdkafkaSocket(s) != s.ResponseTimeout.Duration {
		t.lacks(fieldResponseTimeout, "librdkafka takes none above transaction.timeout, %s", s.Transaction.Timeout)
	}
	if transactional(s) {
		t.lacks(fieldTransaction, "librdkafka reads no environment: the program sets transactional.id to %s", s.Transaction.ID)
	}
}
