package producerpolicy

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/worker"
)

// asTold are the settings of a worker that read its file.
func asTold(s Settings) worker.ProducerSettings {
	told := WorkerProducer(s)
	return worker.ProducerSettings{
		Acks: worker.Acks(told.Acks), NotIdempotent: !*told.Idempotence, StopOnError: told.StopOnError,
		RetryBudget: time.Duration(told.RetryBudget), RequestTimeout: time.Duration(told.RequestTimeout),
		Partitioner: worker.Partitioner(told.Partitioner), Compression: worker.Compression(told.Compression), CompressionLevel: told.CompressionLevel,
		Linger: time.Duration(told.Batch.Linger), BatchMessages: told.Batch.Messages, BatchBytes: told.Batch.Bytes, MaxMessageBytes: told.MaxMessageBytes,
	}
}

// notInTheFile are the rules about what the worker runtime decides without its file.
var notInTheFile = []string{"idempotence-in-flight", "transaction-needs-idempotence", "transaction-timeout-too-long"}

// TestRefusalsAreTheWorkers: the rules say that sarama doesn't start exactly
// where the worker runtime doesn't.
func TestRefusalsAreTheWorkers(t *testing.T) {
	refused := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		facts := good(sarama, settings(func(s *v1alpha1.ProducerSettings) {
			*s = randomSettings(r)
			s.MaxMessageBytes = one[int32](r, 0, 100<<20)
		}))
		said := slices.ContainsFunc(Check(facts), func(f Finding) bool {
			return ruleOf(f.Rule).Refuses && !slices.Contains(notInTheFile, f.Rule)
		})
		err := asTold(Resolve(facts.Spec)).Validate()
		if said != (err != nil) {
			t.Fatalf("the rules say %t of %+v, and the worker: %v", said, facts.Spec.ProducerSettings, err)
		}
		if said {
			refused++
		}
	}
	if refused == 0 || refused == 2000 {
		t.Errorf("%d of 2000 are refused: nothing was compared", refused)
	}
}
