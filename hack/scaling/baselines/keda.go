package baselines

import (
	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// kedaSettings are a ScaledObject's: lagThreshold, ensureEvenDistributionOfPartitions
// and the behavior of its HPA. All else has its default, so that allowIdleConsumers,
// limitToPartitionsWithLag and excludePersistentLag are false.
type kedaSettings struct {
	threshold int64
	even      bool
	behavior  behavior
}

// keda is KEDA's Kafka scaler with the HPA it makes. Source: kedacore/keda
// pkg/scalers/kafka_scaler.go and pkg/scaling/executor, read at 8b4f083.
type keda struct {
	kedaSettings
	hpa        hpa
	activation *activation
}

func newKEDA(k sim.Knowledge, s kedaSettings) *keda {
	b := boundsOf(k)
	policy := &keda{kedaSettings: s, hpa: hpa{bounds: b.atLeastOne(), behavior: s.behavior}}
	if b.min == 0 {
		policy.activation = &activation{}
	}
	return policy
}

// Decide polls for KEDA and syncs for the HPA. KEDA's step is seen by the next sync.
func (k *keda) Decide(v sim.View) int32 {
	if k.activation != nil {
		if n, acts := k.activation.poll(v); acts {
			return n
		}
	}
	return k.hpa.sync(v, k.desired)
}

// desired is the HPA's count for an external metric with an AverageValue: the ratio is
// that of all pods, ready or not, the count is not.
func (k *keda) desired(v sim.View) (int32, bool) {
	metric := float64(k.metric(lagOf(v), int64(len(v.Partitions))))
	if within(metric / (float64(k.threshold) * float64(v.Status))) {
		return v.Status, true
	}
	return ceil(metric / float64(k.threshold)), true
}

// metric is the lag as the HPA gets it, where one below zero is none: never more than partitions times the
// threshold, and with even distribution so that a divisor of the partitions comes out.
// The division drops the rest: with 5 partitions and a threshold of 5, a lag of 29 is
// not above 5 times 5 yet, and is 6 workers.
func (k *keda) metric(lag, partitions int64) int64 {
	if k.even {
		lag = k.threshold * evenCount(lag, k.threshold, partitions)
	}
	if lag/k.threshold > partitions {
		lag = partitions * k.threshold
	}
	return lag
}

// evenCount is the least divisor of the partitions that is enough for the lag: 1 or
// all for a prime.
func evenCount(lag, threshold, partitions int64) int64 {
	for n := int64(1); n < partitions; n++ {
		if partitions%n == 0 && n*threshold >= lag {
			return n
		}
	}
	return partitions
}
