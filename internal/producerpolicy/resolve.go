package producerpolicy

import (
	"cmp"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// Settings are a policy's, each with its value.
type Settings = v1alpha1.EffectiveProducer

// What is not set has these values.
const (
	defaultRequestTimeout  = 10 * time.Second
	defaultMaxInFlight     = 5
	defaultMaxMessageBytes = 1 << 20
	defaultTransaction     = time.Minute
	// answerReserve is how much longer a producer waits than the leader, so that
	// the leader's answer that it waited in vain comes first.
	answerReserve = 5 * time.Second
	// longest is what the API allows.
	longest = 24 * time.Hour
)

// Resolve gives every setting its value: that of the spec, or the class's
// default. What it made is resolved to itself.
func Resolve(spec v1alpha1.KafkaProducerPolicySpec) Settings {
	s := Settings{Durability: cmp.Or(spec.Durability, v1alpha1.Lossless), ProducerSettings: *spec.ProducerSettings.DeepCopy()}
	resolveGuarantees(&s)
	resolveTimes(&s)
	s.MaxInFlight = cmp.Or(s.MaxInFlight, defaultMaxInFlight)
	s.Partitioner = cmp.Or(s.Partitioner, v1alpha1.PartitionMurmur2)
	s.Compression = cmp.Or(s.Compression, v1alpha1.CompressionNone)
	s.MaxMessageBytes = cmp.Or(s.MaxMessageBytes, defaultMaxMessageBytes)
	s.StopOnError = cmp.Or(s.StopOnError, new(s.Durability == v1alpha1.Lossless && keepsOrder(s)))
	s.Retry = retryWithin(s.RetryBudget.Duration)
	return s
}

// resolveGuarantees: where a field leaves the class, what builds upon it does too.
func resolveGuarantees(s *Settings) {
	if s.Durability == v1alpha1.BestEffort {
		s.Acks = cmp.Or(s.Acks, v1alpha1.AcksLeader)
	}
	s.Acks = cmp.Or(s.Acks, v1alpha1.AcksAll)
	s.Idempotence = cmp.Or(s.Idempotence, new(s.Durability == v1alpha1.Lossless && s.Acks == v1alpha1.AcksAll))
}

// resolveTimes: with the defaults of Lossless the result is told after
// 0 + 120 + 15 = 135 s at most.
func resolveTimes(s *Settings) {
	budget := map[v1alpha1.Durability]time.Duration{v1alpha1.BestEffort: 10 * time.Second}[s.Durability]
	fill(&s.RetryBudget, cmp.Or(budget, 2*time.Minute))
	fill(&s.RequestTimeout, defaultRequestTimeout)
	fill(&s.ResponseTimeout, s.RequestTimeout.Duration+answerReserve)
	fill(&s.DeliveryTimeout, s.Batch.Linger.Duration+s.RetryBudget.Duration+s.ResponseTimeout.Duration)
	if s.Transaction != nil {
		fill(&s.Transaction.Timeout, defaultTransaction)
	}
}

func fill(d *v1alpha1.Duration, otherwise time.Duration) {
	d.Duration = cmp.Or(d.Duration, min(otherwise, longest))
}

// keepsOrder tells whether there is an order of keys that a failure could break.
func keepsOrder(s Settings) bool {
	return s.Partitioner.KeepsKeys() && s.Acks != v1alpha1.AcksNone
}

func durable(s Settings) bool       { return s.Durability != v1alpha1.BestEffort }
func lossless(s Settings) bool      { return s.Durability == v1alpha1.Lossless }
func idempotent(s Settings) bool    { return *s.Idempotence }
func stops(s Settings) bool         { return *s.StopOnError }
func transactional(s Settings) bool { return s.Transaction != nil }
