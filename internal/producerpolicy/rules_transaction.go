package producerpolicy

import (
	"fmt"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// PodName stands for the pod's name in a transactional id.
const PodName = "$(POD_NAME)"

// transactionRules are about transactions.
var transactionRules = []Rule{
	{
		ID: "transaction-needs-idempotence", Severity: v1alpha1.SeverityError, Refuses: true,
		Harm:  "No client starts a transactional producer without idempotence. Refused at admission too.",
		Fix:   "leave idempotence and acks out, with durability: Lossless; or set them to true and all",
		check: transactionNeedsIdempotence,
	},
	{
		ID: "transactional-id-shared", Pitfalls: []int{16}, Severity: v1alpha1.SeverityError,
		Harm: "A transactional id belongs to one producer. A second one that starts with it, as every second pod does, or the new pod of a rollout, " +
			"fences the first (INVALID_PRODUCER_EPOCH, PRODUCER_FENCED), which starts again and fences it in turn.",
		Fix:   "put " + PodName + " into transaction.id",
		check: transactionalIDShared,
	},
	{
		ID: "transaction-timeout-too-long", Pitfalls: []int{17}, Severity: v1alpha1.SeverityError, Refuses: true,
		Harm:  "The brokers refuse a producer whose transactions may take longer than transaction.max.timeout.ms (INVALID_TRANSACTION_TIMEOUT).",
		Fix:   "set transaction.timeout to transaction.max.timeout.ms at most; the default of both, 1m and 15m, fits",
		check: transactionTimeoutTooLong,
	},
	{
		ID: "aborted-messages-read", Pitfalls: []int{18}, Severity: v1alpha1.SeverityWarning,
		Harm:  "A group that reads uncommitted messages handles those of transactions that were aborted, and that were written again since.",
		Fix:   "set consumer.isolationLevel: read_committed on the group",
		check: abortedMessagesRead,
	},
	{
		ID: "transaction-log-weak", Severity: v1alpha1.SeverityError,
		Harm: "What is committed is decided by the topic __transaction_state. Where it can be lost with a broker, so can the outcome of transactions " +
			"whose messages survive.",
		Fix:   "give the brokers transaction.state.log.replication.factor=3 and .min.isr=2, and an existing __transaction_state as many replicas",
		check: transactionLogWeak,
	},
	{
		ID: "transactions-share-epochs", Severity: v1alpha1.SeverityInfo,
		Harm: "Before transaction.version 2 (KIP-890, Kafka 4.0) all transactions of a producer have one epoch. A message that was delayed on its way can " +
			"land in the next transaction, or hold readers of committed messages up until somebody aborts it by hand.",
		Fix:   "with Kafka 4.0 or newer: kafka-features.sh upgrade --feature transaction.version=2, and clients that know it",
		check: transactionsShareEpochs,
	},
}

func transactionNeedsIdempotence(v view) []Finding {
	if !transactional(v.settings) || idempotent(v.settings) {
		return nil
	}
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		return found(v1alpha1.SeverityError, fmt.Sprintf("%s does not start with a transactional id and without idempotence", client),
			seen("transaction.id", v.settings.Transaction.ID), seen("idempotence", false), seen("acks", v.settings.Acks))
	})
}

func transactionalIDShared(v view) []Finding {
	if !transactional(v.settings) || strings.Contains(v.settings.Transaction.ID, PodName) {
		return nil
	}
	return found(v1alpha1.SeverityError, "all pods have one transactional id, and fence each other", seen("transaction.id", v.settings.Transaction.ID))
}

func transactionTimeoutTooLong(v view) []Finding {
	if !transactional(v.settings) {
		return nil
	}
	const name = "transaction.max.timeout.ms"
	return whenKnown(name, v.Brokers.TransactionMaxTimeout, func(most time.Duration) []Finding {
		timeout := v.settings.Transaction.Timeout
		if timeout.Duration <= most {
			return nil
		}
		return found(v1alpha1.SeverityError, "the brokers refuse the producer", seen("transaction.timeout", timeout), seen(name, most))
	})
}

func abortedMessagesRead(v view) []Finding {
	if !transactional(v.settings) {
		return nil
	}
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		var all []Finding
		for _, group := range v.Groups[t.Name] {
			if group.Isolation == kafka.ReadCommitted {
				continue
			}
			all = append(all, found(v1alpha1.SeverityWarning, fmt.Sprintf("the group %s handles messages of aborted transactions", group.Name),
				seen("isolationLevel", group.Isolation))...)
		}
		return all
	})
}

func transactionLogWeak(v view) []Finding {
	if !transactional(v.settings) {
		return nil
	}
	atLeast := func(name string, setting kafka.Setting[int32], least int32) []Finding {
		return whenKnown(name, setting, func(value int32) []Finding {
			if value >= least {
				return nil
			}
			return found(v1alpha1.SeverityError, fmt.Sprintf("the outcome of transactions can be lost with a broker: %d is needed", least), seen(name, value))
		})
	}
	return append(atLeast("transaction.state.log.replication.factor", v.Brokers.TransactionLogReplication, 3),
		atLeast("transaction.state.log.min.isr", v.Brokers.TransactionLogMinISR, 2)...)
}

func transactionsShareEpochs(v view) []Finding {
	if !transactional(v.settings) {
		return nil
	}
	const feature = "transaction.version"
	return whenKnown(feature, v.Brokers.TransactionVersion, func(level int16) []Finding {
		if level >= 2 {
			return nil
		}
		return found(v1alpha1.SeverityInfo, "a message that was delayed can land in the next transaction", seen(feature, level))
	})
}
