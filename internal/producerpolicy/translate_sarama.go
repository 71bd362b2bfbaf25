package producerpolicy

import (
	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// toSarama names the fields of sarama.Config, with Go's names for their values.
// Pauses are those of the worker runtime: sarama's own don't grow.
func toSarama(t *Translation, s Settings) {
	t.set("Producer.RequiredAcks", map[v1alpha1.Acks]string{
		v1alpha1.AcksAll: "WaitForAll", v1alpha1.AcksLeader: "WaitForLocal", v1alpha1.AcksNone: "NoResponse"}[s.Acks])
	t.set("Producer.Idempotent", idempotent(s))
	t.set("Net.MaxOpenRequests", inFlight(v1alpha1.ClientSarama, s))
	t.set("Producer.Retry.Max", s.Retry.Attempts)
	t.set("Producer.Retry.BackoffFunc", "doubling from "+s.Retry.InitialBackoff.String()+" to "+s.Retry.MaxBackoff.String())
	t.set("Producer.Timeout", s.RequestTimeout)
	t.set("Net.ReadTimeout", s.RequestTimeout.Duration+answerReserve)
	partitioner, _ := partitionerOf(v1alpha1.ClientSarama, s.Partitioner)
	t.set("Producer.Partitioner", partitioner)
	t.set("Producer.Compression", s.Compression)
	if level := levelOf(v1alpha1.ClientSarama, s); level != 0 {
		t.set("Producer.CompressionLevel", level)
	}
	t.set("Producer.Flush.Frequency", s.Batch.Linger)
	t.set("Producer.Flush.Messages", s.Batch.Messages)
	t.set("Producer.Flush.Bytes", s.Batch.Bytes)
	t.set("Producer.MaxMessageBytes", s.MaxMessageBytes)
	t.set("Producer.Return.Successes", true)
	t.set("Producer.Return.Errors", true)
	t.set("Metadata.AllowAutoTopicCreation", false)
	saramaGaps(t, s)
}

func saramaGaps(t *Translation, s Settings) {
	t.lacks(fieldDeliveryTimeout, "sarama counts tries; a message is given up after %s at the latest, when no broker answers", longestDelivery(s))
	if s.ResponseTimeout.Duration != s.RequestTimeout.Duration+answerReserve {
		t.lacks(fieldResponseTimeout, "the worker runtime waits 5s longer than requestTimeout, and no other time")
	}
	if !idempotent(s) && s.MaxInFlight != defaultMaxInFlight {
		t.lacks(fieldMaxInFlight, "the worker runtime has %d requests in flight without idempotence", defaultMaxInFlight)
	}
	if transactional(s) {
		t.lacks(fieldTransaction, "the worker runtime takes id and timeout from the program, see RunTransactions")
	}
}
