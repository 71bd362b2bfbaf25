package producerpolicy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestResolve: the classes, and what follows from a field that is set.
func TestResolve(t *testing.T) {
	lossless := v1alpha1.EffectiveProducer{
		Durability: v1alpha1.Lossless,
		ProducerSettings: v1alpha1.ProducerSettings{
			Acks: v1alpha1.AcksAll, Idempotence: new(true), StopOnError: new(true),
			RetryBudget: of(2 * time.Minute), DeliveryTimeout: of(135 * time.Second), RequestTimeout: of(10 * time.Second), ResponseTimeout: of(15 * time.Second),
			MaxInFlight: 5, Partitioner: v1alpha1.PartitionMurmur2, Compression: v1alpha1.CompressionNone, MaxMessageBytes: 1 << 20,
		},
		Retry: v1alpha1.ProducerRetry{Attempts: 64, InitialBackoff: of(100 * time.Millisecond), MaxBackoff: of(2 * time.Second)},
	}
	with := func(mod func(*Settings)) Settings {
		s := *lossless.DeepCopy()
		mod(&s)
		return s
	}
	cases := map[string]struct {
		reason string
		mod    func(*Facts)
		want   Settings
	}{
		"Lossless": {"the default class", class(""), lossless},
		"AtLeastOnce": {"not lost", class(v1alpha1.AtLeastOnce), with(func(s *Settings) {
			s.Durability, s.Idempotence, s.StopOnError = v1alpha1.AtLeastOnce, new(false), new(false)
		})},
		"BestEffort": {"soon told", bestEffort, with(func(s *Settings) {
			s.Durability, s.Acks, s.Idempotence, s.StopOnError = v1alpha1.BestEffort, v1alpha1.AcksLeader, new(false), new(false)
			s.RetryBudget, s.DeliveryTimeout, s.Retry.Attempts = of(10*time.Second), of(25*time.Second), 9
		})},
		"AcksNone": {"what needs answers goes with them", acks(v1alpha1.AcksNone), with(func(s *Settings) {
			s.Acks, s.Idempotence, s.StopOnError = v1alpha1.AcksNone, new(false), new(false)
		})},
		"Random": {"no order to keep", partitioner(v1alpha1.PartitionRandom), with(func(s *Settings) {
			s.Partitioner, s.StopOnError = v1alpha1.PartitionRandom, new(false)
		})},
		"Times": {"what is built upon others", settings(func(s *v1alpha1.ProducerSettings) {
			s.Batch.Linger, s.RetryBudget, s.RequestTimeout = of(time.Second), of(time.Minute), of(20*time.Second)
		}), with(func(s *Settings) {
			s.Batch.Linger, s.RetryBudget, s.RequestTimeout = of(time.Second), of(time.Minute), of(20*time.Second)
			s.ResponseTimeout, s.DeliveryTimeout, s.Retry.Attempts = of(25*time.Second), of(86*time.Second), 34
		})},
		"Longest": {"no longer than the API allows", retryBudget(24 * time.Hour), with(func(s *Settings) {
			s.RetryBudget, s.DeliveryTimeout, s.Retry.Attempts = of(24*time.Hour), of(24*time.Hour), 43204
		})},
		"Transaction": {"its timeout", transaction("a"), with(func(s *Settings) {
			s.Transaction = &v1alpha1.ProducerTransaction{ID: "a", Timeout: of(time.Minute)}
		})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Resolve(good(tc.mod).Spec)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRetryWithin: the pauses of so many tries are the budget at least, and those of one less are not.
func TestRetryWithin(t *testing.T) {
	for budget, want := range map[time.Duration]int32{
		time.Millisecond: 1, 100 * time.Millisecond: 1, 101 * time.Millisecond: 2, 3100 * time.Millisecond: 5, 3101 * time.Millisecond: 6,
		10 * time.Second: 9, 30 * time.Second: 19, 2 * time.Minute: 64, 24 * time.Hour: 43204,
	} {
		if got := retryWithin(budget).Attempts; got != want {
			t.Errorf("%s: %d tries, want %d", budget, got, want)
		}
	}
}

// TestLongestDelivery: with the defaults 65 tries of 15 s, and 64 pauses of 2.4 s at most.
func TestLongestDelivery(t *testing.T) {
	if got, want := longestDelivery(Resolve(good().Spec)), 65*15*time.Second+64*2400*time.Millisecond; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
