package producerpolicy

import (
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

const (
	// firstBackoff and longestBackoff bound the pauses between tries, as in
	// package worker. A planned change of leader takes some 100 ms, an election
	// after a crash seconds.
	firstBackoff   = 100 * time.Millisecond
	longestBackoff = 2 * time.Second
	// enoughBudget outlasts an election: a broker is taken for dead after
	// broker.session.timeout.ms, 9 s by default, and clients learn of the new
	// leader with their next metadata.
	enoughBudget = 30 * time.Second
)

// retryWithin is how often a message is tried again so that the pauses, which
// double from firstBackoff to longestBackoff, add up to the budget at least.
// With 2 min: 0.1 + 0.2 + 0.4 + 0.8 + 1.6 = 3.1 s for the first 5, and then
// (120 - 3.1) / 2, rounded up, are 59 more: 64.
//
// sarama counts tries. Java (KIP-580) and librdkafka pause in the same way, and
// are bounded by time.
func retryWithin(budget time.Duration) v1alpha1.ProducerRetry {
	attempts := int32(0)
	for left := budget; left > 0; left -= min(firstBackoff<<min(attempts-1, 10), longestBackoff) {
		attempts++
	}
	return v1alpha1.ProducerRetry{
		Attempts:       max(1, attempts),
		InitialBackoff: v1alpha1.Duration{Duration: firstBackoff},
		MaxBackoff:     v1alpha1.Duration{Duration: longestBackoff},
	}
}

// longestDelivery is after what time sarama gives a message up at the latest,
// when no broker answers: each try waits for an answer, and each but the last is
// followed by a pause, which is up to a fifth longer at random.
func longestDelivery(s Settings) time.Duration {
	attempts := time.Duration(s.Retry.Attempts)
	return s.Batch.Linger.Duration + (attempts+1)*(s.RequestTimeout.Duration+answerReserve) + attempts*longestBackoff*6/5
}

// budgetOf is for how long a client tries. Those that bound delivery count the
// waiting for the batch too.
func budgetOf(client v1alpha1.ProducerClient, s Settings) time.Duration {
	if client == v1alpha1.ClientSarama {
		return s.RetryBudget.Duration
	}
	return max(0, min(s.RetryBudget.Duration, deliveryOf(client, s)-s.Batch.Linger.Duration))
}

// deliveryOf is what the file of a client that bounds delivery says.
func deliveryOf(client v1alpha1.ProducerClient, s Settings) time.Duration {
	if client == v1alpha1.ClientLibrdkafka {
		return librdkafkaDelivery(s)
	}
	return s.DeliveryTimeout.Duration
}

// withTransaction adds the transaction's timeout where it is what bounds delivery.
func withTransaction(client v1alpha1.ProducerClient, s Settings, values ...string) []string {
	if client != v1alpha1.ClientLibrdkafka || librdkafkaDelivery(s) == s.DeliveryTimeout.Duration {
		return values
	}
	return append(values, seen("transaction.timeout", s.Transaction.Timeout))
}
