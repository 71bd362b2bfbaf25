package producerpolicy

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// byTime are the clients that bound a message's delivery by time.
var byTime = []v1alpha1.ProducerClient{v1alpha1.ClientJava, v1alpha1.ClientLibrdkafka}

// retryRules are about what trying again does.
var retryRules = []Rule{
	{
		ID: "retries-double", Pitfalls: []int{6}, Severity: v1alpha1.SeverityError,
		Harm: "Without idempotence a message is written again when the answer was lost or came too late, or when it was appended and then " +
			"too few replicas were in sync (NOT_ENOUGH_REPLICAS_AFTER_APPEND).",
		Fix:   "leave idempotence out or set it to true; or durability: AtLeastOnce, and drop repeats where the messages are read",
		check: retriesDouble,
	},
	{
		ID: "retries-reorder", Pitfalls: []int{7}, Severity: v1alpha1.SeverityError, Clients: byTime,
		Harm: "Without idempotence a batch that failed is tried again after those that were on their way behind it. " +
			"sarama has done so before 1.60.1; since then a partition has one batch on its way, so the rule isn't about it.",
		Fix:   "leave idempotence out or set it to true, or set maxInFlight: 1",
		check: retriesReorder,
	},
	{
		ID: "retry-budget-short", Pitfalls: []int{8}, Severity: v1alpha1.SeverityError,
		Harm: "When a broker dies, its partitions have a new leader after some 10 s, and more where many have to move. A producer that gives up " +
			"before that loses messages with every crash. sarama's own default gives up after 0.3 s.",
		Fix:   "set retryBudget to 30s at least, and with librdkafka transaction.timeout too; leave deliveryTimeout out",
		check: retryBudgetShort,
	},
	{
		ID: "delivery-cuts-retries", Pitfalls: []int{8}, Severity: v1alpha1.SeverityWarning, Clients: byTime,
		Harm: "A message is given up when deliveryTimeout is over, though retryBudget isn't. Waiting for the batch and for the last answer counts. " +
			"librdkafka takes none above transaction.timeout; where only that cuts it is an Info, since the brokers abort the transaction then anyway.",
		Fix:   "leave deliveryTimeout out, or set it to batch.linger + retryBudget + responseTimeout; with librdkafka set transaction.timeout to as much too",
		check: deliveryCutsRetries,
	},
	{
		ID: "failure-overtaken", Pitfalls: []int{9}, Severity: v1alpha1.SeverityWarning,
		Harm: "When a message has failed for good, later ones are sent all the same; sent again, it comes after them, as a new message. " +
			"Idempotence doesn't help: the producer begins a new epoch.",
		Fix:   "leave stopOnError out or set it to true; with Java and librdkafka stop at the first failed send, and mark nothing that comes after it as done",
		check: failureOvertaken,
	},
}

func retriesDouble(v view) []Finding {
	if !lossless(v.settings) || idempotent(v.settings) {
		return nil
	}
	return found(v1alpha1.SeverityError, "a message whose answer is lost is written twice",
		seen("idempotence", false), seen("retryBudget", v.settings.RetryBudget))
}

func retriesReorder(v view) []Finding {
	if !lossless(v.settings) || idempotent(v.settings) || v.settings.MaxInFlight == 1 {
		return nil
	}
	return v.eachClient(func(v1alpha1.ProducerClient) []Finding {
		return found(v1alpha1.SeverityError, "a batch that is tried again comes after those that were on their way behind it",
			seen("idempotence", false), seen("maxInFlight", v.settings.MaxInFlight))
	})
}

func retryBudgetShort(v view) []Finding {
	if !durable(v.settings) {
		return nil
	}
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		budget := budgetOf(client, v.settings)
		if budget >= enoughBudget {
			return nil
		}
		return found(v1alpha1.SeverityError, fmt.Sprintf("%s gives a message up after %s, before a partition has a new leader", client, budget),
			withTransaction(client, v.settings, seen("retryBudget", v.settings.RetryBudget), seen("deliveryTimeout", v.settings.DeliveryTimeout))...)
	})
}

// deliveryCutsRetries: what is still tried when the transaction's time is over
// belongs to one that the brokers abort, so that to end with it is no harm.
func deliveryCutsRetries(v view) []Finding {
	s := v.settings
	if !durable(s) {
		return nil
	}
	needed := s.Batch.Linger.Duration + s.RetryBudget.Duration
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		if deliveryOf(client, s) >= needed {
			return nil
		}
		severity := v1alpha1.SeverityInfo
		if s.DeliveryTimeout.Duration < needed {
			severity = v1alpha1.SeverityWarning
		}
		return found(severity, fmt.Sprintf("%s tries for %s and not for %s", client, budgetOf(client, s), s.RetryBudget),
			withTransaction(client, s, seen("deliveryTimeout", s.DeliveryTimeout), seen("retryBudget", s.RetryBudget), seen("batch.linger", s.Batch.Linger))...)
	})
}

// failureOvertaken: a transaction is aborted as a whole, so nothing overtakes.
func failureOvertaken(v view) []Finding {
	if !lossless(v.settings) || transactional(v.settings) || !keepsOrder(v.settings) {
		return nil
	}
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		value := seen("stopOnError", stops(v.settings))
		switch {
		case client == v1alpha1.ClientJava:
			return found(v1alpha1.SeverityInfo, "java has no setting that stops after a failure: the program has to", value)
		case client == v1alpha1.ClientLibrdkafka && stops(v.settings):
			return found(v1alpha1.SeverityInfo, "librdkafka goes on after a message whose time is over: the program has to stop", value)
		case !stops(v.settings):
			return found(v1alpha1.SeverityWarning, "later messages of a key are written although one has failed", value)
		}
		return nil
	})
}
