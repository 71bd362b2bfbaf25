package producerpolicy

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// acksRules are about who has a message when it counts as written.
var acksRules = []Rule{
	{
		ID: "acks-none", Pitfalls: []int{1}, Severity: v1alpha1.SeverityError,
		Harm: "Nobody confirms a message. One that is lost on its way, or that the broker refuses, counts as written; " +
			"the client reports success without an offset.",
		Fix:   "set acks: all",
		check: acksNone,
	},
	{
		ID: "acks-leader", Pitfalls: []int{2}, Severity: v1alpha1.SeverityError,
		Harm:  "The leader alone confirms a message. When it dies before the others have fetched it, the message is gone, and was confirmed.",
		Fix:   "set acks: all, or durability: BestEffort if that is meant",
		check: acksLeader,
	},
	{
		ID: "idempotence-needs-acks", Severity: v1alpha1.SeverityError, Refuses: true,
		Harm:  "No client starts with idempotence and acks other than all. Refused at admission too.",
		Fix:   "set acks: all, or idempotence: false",
		check: idempotenceNeedsAcks,
	},
	{
		ID: "idempotence-in-flight", Pitfalls: []int{7}, Severity: v1alpha1.SeverityError, Refuses: true,
		Harm: "The brokers remember the last five batches of a producer, so that Java and librdkafka refuse idempotence with more than five " +
			"requests in flight (at admission too). sarama's idempotent producer needs exactly one.",
		Fix:   "leave maxInFlight out: each client then has the most that it can",
		check: idempotenceInFlight,
	},
}

func acksNone(v view) []Finding {
	if v.settings.Acks != v1alpha1.AcksNone {
		return nil
	}
	return found(errorIf(durable(v.settings)),
		"a message that is lost on its way counts as written", seen("acks", v.settings.Acks))
}

func acksLeader(v view) []Finding {
	if v.settings.Acks != v1alpha1.AcksLeader || !durable(v.settings) {
		return nil
	}
	return found(v1alpha1.SeverityError,
		"what the other replicas don't have yet is lost with the leader, although it was confirmed", seen("acks", v.settings.Acks))
}

func idempotenceNeedsAcks(v view) []Finding {
	if !idempotent(v.settings) || v.settings.Acks == v1alpha1.AcksAll {
		return nil
	}
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		return found(v1alpha1.SeverityError, fmt.Sprintf("%s does not start with idempotence and acks %s", client, v.settings.Acks),
			seen("idempotence", true), seen("acks", v.settings.Acks))
	})
}

// mostInFlight with idempotence, by client.
var mostInFlight = map[v1alpha1.ProducerClient]int32{
	v1alpha1.ClientSarama: 1, v1alpha1.ClientJava: 5, v1alpha1.ClientLibrdkafka: 5,
}

// idempotenceInFlight: a default is never too many, see Translate.
func idempotenceInFlight(v view) []Finding {
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		if !idempotent(v.settings) || v.Spec.MaxInFlight <= mostInFlight[client] {
			return nil
		}
		return found(v1alpha1.SeverityError,
			fmt.Sprintf("%s takes no idempotence with %d requests in flight: %d at most", client, v.Spec.MaxInFlight, mostInFlight[client]),
			seen("idempotence", true), seen("maxInFlight", v.Spec.MaxInFlight))
	})
}
