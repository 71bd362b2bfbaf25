package producerpolicy

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// clientRules are about what a client can't do.
var clientRules = []Rule{
	{
		ID: "setting-not-honoured", Severity: v1alpha1.SeverityWarning,
		Harm:  "The policy sets something that the client has no setting for, or not that value; its file says nothing of it, or the nearest value.",
		Fix:   "do it in the program, or leave the field out",
		check: settingNotHonoured,
	},
	{
		ID: "value-out-of-range", Severity: v1alpha1.SeverityError, Refuses: true,
		Clients: []v1alpha1.ProducerClient{v1alpha1.ClientLibrdkafka},
		Harm:    "librdkafka does not start with a value outside of a setting's range, such as a socket.timeout.ms of more than 5 minutes.",
		Fix:     "take a value that is in the range",
		check:   valueOutOfRange,
	},
}

// settingNotHonoured is about what the spec says itself. What durability sets and
// a client can't do has a rule of its own.
func settingNotHonoured(v view) []Finding {
	said := explicit(v.Spec.ProducerSettings)
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		var all []Finding
		for _, gap := range Translate(client, v.settings).Gaps {
			if value, set := said[gap.Field]; set {
				all = append(all, found(v1alpha1.SeverityWarning, fmt.Sprintf("%s: %s", gap.Field, gap.Why), seen(gap.Field, value))...)
			}
		}
		return all
	})
}

// explicit are the fields that a spec sets, with their values, of those that a
// client may lack.
func explicit(s v1alpha1.ProducerSettings) map[string]any {
	all := map[string]any{
		fieldDeliveryTimeout: s.DeliveryTimeout, fieldRequestTimeout: s.RequestTimeout, fieldResponseTimeout: s.ResponseTimeout,
		fieldMaxInFlight: s.MaxInFlight, fieldBatchMessages: s.Batch.Messages, fieldLevel: s.CompressionLevel,
	}
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == (v1alpha1.Duration{}) || value == int32(0) })
	if s.StopOnError != nil {
		all[fieldStopOnError] = *s.StopOnError
	}
	if s.Transaction != nil {
		all[fieldTransaction] = s.Transaction.ID
	}
	return all
}

// librdkafkaRanges are those of CONFIGURATION.md of librdkafka 2.15, of settings
// that the API leaves more room.
var librdkafkaRanges = map[string][2]int64{
	"linger.ms":              {0, 900_000},
	"request.timeout.ms":     {1, 900_000},
	"socket.timeout.ms":      {10, 300_000},
	"transaction.timeout.ms": {1000, 2147483647},
}

func valueOutOfRange(v view) []Finding {
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		var all []Finding
		for _, option := range Translate(client, v.settings).Options {
			bounds, bounded := librdkafkaRanges[option.Name]
			value, err := strconv.ParseInt(option.Value, 10, 64)
			if !bounded || err == nil && value >= bounds[0] && value <= bounds[1] {
				continue
			}
			all = append(all, found(v1alpha1.SeverityError, fmt.Sprintf("%s has to be in %d to %d", option.Name, bounds[0], bounds[1]),
				seen(option.Name, option.Value))...)
		}
		return all
	})
}
