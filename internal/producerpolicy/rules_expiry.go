package producerpolicy

import (
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// expiryRules are about what brokers forget.
var expiryRules = []Rule{
	{
		ID: "dedup-expires", Pitfalls: []int{25}, Severity: v1alpha1.SeverityError,
		Harm: "The brokers forget a producer that has written nothing for producer.id.expiration.ms, and with it what they have already. " +
			"A retry that comes later is written twice.",
		Fix:   "raise producer.id.expiration.ms (a day by default) above deliveryTimeout, or shorten that",
		check: dedupExpires,
	},
	{
		ID: "transactional-id-expires", Pitfalls: []int{25}, Severity: v1alpha1.SeverityError,
		Harm: "The brokers forget a transactional id that is idle for transactional.id.expiration.ms. Its producer then fails with its next " +
			"transaction and has to be made anew.",
		Fix:   "raise transactional.id.expiration.ms (seven days by default) above the longest pause between transactions",
		check: transactionalIDExpires,
	},
}

func dedupExpires(v view) []Finding {
	if !idempotent(v.settings) {
		return nil
	}
	const name = "producer.id.expiration.ms"
	return whenKnown(name, v.Brokers.ProducerIDExpiration, func(kept time.Duration) []Finding {
		if kept >= v.settings.DeliveryTimeout.Duration {
			return nil
		}
		return found(v1alpha1.SeverityError, "the brokers may have forgotten what a late retry repeats",
			seen(name, kept), seen("deliveryTimeout", v.settings.DeliveryTimeout))
	})
}

// transactionalIDExpires: a producer that is idle for a day is not unusual.
func transactionalIDExpires(v view) []Finding {
	if !transactional(v.settings) {
		return nil
	}
	const name = "transactional.id.expiration.ms"
	return whenKnown(name, v.Brokers.TransactionalIDExpiration, func(kept time.Duration) []Finding {
		switch {
		case kept <= v.settings.Transaction.Timeout.Duration:
			return found(v1alpha1.SeverityError, "the brokers forget the producer during a transaction",
				seen(name, kept), seen("transaction.timeout", v.settings.Transaction.Timeout))
		case kept < aNight:
			return found(v1alpha1.SeverityWarning, "the brokers forget a producer that pauses for a night", seen(name, kept))
		}
		return nil
	})
}
