package producerpolicy

import (
	"fmt"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// timeRules are about times that don't fit each other.
var timeRules = []Rule{
	{
		ID: "answer-after-patience", Pitfalls: []int{11}, Severity: v1alpha1.SeverityError,
		Clients: []v1alpha1.ProducerClient{v1alpha1.ClientLibrdkafka},
		Harm: "The producer gives up before the leader answers that it waited for replicas in vain. It closes the connection and tries again: " +
			"a duplicate without idempotence, and every slow replica looks like a broken broker. Java has one setting for both times, " +
			"and the worker runtime always waits 5 s longer than the leader.",
		Fix:   "leave responseTimeout out: it is then requestTimeout plus 5s; in a transaction keep requestTimeout at transaction.timeout at most",
		check: answerAfterPatience,
	},
	{
		ID: "delivery-shorter-than-a-try", Severity: v1alpha1.SeverityError, Refuses: true, Clients: byTime,
		Harm: "Java refuses a delivery.timeout.ms below linger.ms + request.timeout.ms, and librdkafka one that is not above linger.ms: " +
			"a message would be given up before it was tried once.",
		Fix:   "leave deliveryTimeout out, or set it to batch.linger + responseTimeout at least",
		check: deliveryShorterThanATry,
	},
	{
		ID: "batch-without-linger", Pitfalls: []int{12}, Severity: v1alpha1.SeverityError, Refuses: true,
		Clients: []v1alpha1.ProducerClient{v1alpha1.ClientSarama},
		Harm: "sarama sends a batch once it has so many messages or bytes. Without a linger one that stays smaller is never sent; " +
			"the worker runtime refuses to start.",
		Fix:   "set batch.linger, such as 5ms, or leave batch.messages and batch.bytes out",
		check: batchWithoutLinger,
	},
}

// answerAfterPatience compares what the file says, in whole milliseconds; the
// producer's patience is cut to the transaction's timeout.
func answerAfterPatience(v view) []Finding {
	s := v.settings
	if roundedUp(s.RequestTimeout.Duration) < roundedUp(librdkafkaSocket(s)) || s.Acks == v1alpha1.AcksNone {
		return nil
	}
	values := []string{seen("requestTimeout", s.RequestTimeout), seen("responseTimeout", s.ResponseTimeout)}
	if librdkafkaSocket(s) != s.ResponseTimeout.Duration {
		values = append(values, seen("transaction.timeout", s.Transaction.Timeout))
	}
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		return found(errorIf(!idempotent(s)), fmt.Sprintf("%s gives up before the leader answers", client), values...)
	})
}

// deliveryShorterThanATry: each client compares what its file says, in whole
// milliseconds; librdkafka's is cut to the transaction's timeout.
func deliveryShorterThanATry(v view) []Finding {
	s := v.settings
	linger := roundedUp(s.Batch.Linger.Duration)
	limits := map[v1alpha1.ProducerClient]struct{ told, least time.Duration }{
		v1alpha1.ClientJava:       {roundedUp(s.DeliveryTimeout.Duration), linger + roundedUp(s.ResponseTimeout.Duration)},
		v1alpha1.ClientLibrdkafka: {roundedUp(librdkafkaDelivery(s)), linger + time.Millisecond},
	}
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		limit := limits[client]
		if limit.told >= limit.least {
			return nil
		}
		return found(v1alpha1.SeverityError, fmt.Sprintf("%s does not start: it may deliver for %s, and needs %s at least", client, limit.told, limit.least),
			seen("deliveryTimeout", s.DeliveryTimeout), seen("batch.linger", s.Batch.Linger), seen("responseTimeout", s.ResponseTimeout))
	})
}

func batchWithoutLinger(v view) []Finding {
	batch := v.settings.Batch
	if batch.Linger.Duration > 0 || batch.Messages == 0 && batch.Bytes == 0 {
		return nil
	}
	return v.eachClient(func(v1alpha1.ProducerClient) []Finding {
		return found(v1alpha1.SeverityError, "a batch that stays smaller would never be sent",
			seen("batch.messages", batch.Messages), seen("batch.bytes", batch.Bytes), seen("batch.linger", batch.Linger))
	})
}
