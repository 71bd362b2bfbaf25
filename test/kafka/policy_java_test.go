package kafka_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// TestJavaStartsWithWhatRulesAllow: Kafka's own producer starts with the file of
// a policy, knows every name in it, and refuses it exactly where a rule says so.
func TestJavaStartsWithWhatRulesAllow(t *testing.T) {
	program, err := filepath.Abs(filepath.Join("testdata", "ProducersStart.java"))
	must(t, "find the program", err)
	folder, rules := t.TempDir(), make(map[string]string)
	for seed := range uint64(300) {
		spec := randomPolicy(rand.New(rand.NewPCG(seed, 5)))
		name := fmt.Sprintf("policy-%d", seed)
		rules[name] = refusedByJava(spec)
		content := producerpolicy.Render("shop/"+name, spec)[0].Content
		must(t, "write "+name, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	out, err := apacheStand(t).apache.Tool(t.Context(), program, folder)
	must(t, "run the program", err)
	refused := 0
	for line := range strings.Lines(out) {
		name, answer, _ := strings.Cut(strings.TrimSpace(line), ":")
		if strings.HasPrefix(answer, "refused") != (rules[name] != "") || strings.Contains(answer, "UNKNOWN") {
			content, _ := os.ReadFile(filepath.Join(folder, name))
			t.Errorf("the rules: %q; the producer: %s; the file:\n%s", rules[name], answer, content)
		}
		if rules[name] != "" {
			refused++
		}
		delete(rules, name)
	}
	if len(rules) > 0 || refused == 0 || refused == 300 {
		t.Errorf("%d files without an answer, %d refused: not all was compared", len(rules), refused)
	}
}

// refusedByJava is the rule that says so.
func refusedByJava(spec v1alpha1.KafkaProducerPolicySpec) string {
	for _, rule := range producerpolicy.Rules {
		for _, f := range rule.Check(producerpolicy.Facts{Spec: spec}) {
			if rule.Refuses && f.Severity == v1alpha1.SeverityError {
				return rule.ID
			}
		}
	}
	return ""
}

// randomPolicy is one for Java, of values at the edges of what is taken.
func randomPolicy(r *rand.Rand) v1alpha1.KafkaProducerPolicySpec {
	ms := func(durations ...time.Duration) v1alpha1.Duration {
		return v1alpha1.Duration{Duration: pick(r, durations...)}
	}
	spec := v1alpha1.KafkaProducerPolicySpec{
		Durability: pick(r, v1alpha1.Lossless, v1alpha1.Lossless, v1alpha1.AtLeastOnce, v1alpha1.BestEffort),
		Clients:    []v1alpha1.ProducerClient{v1alpha1.ClientJava},
	}
	spec.Acks = pick(r, "", "", v1alpha1.AcksAll, v1alpha1.AcksLeader, v1alpha1.AcksNone)
	spec.Idempotence = pick(r, nil, nil, new(true), new(false))
	spec.MaxInFlight = pick[int32](r, 0, 0, 1, 5, 6)
	spec.DeliveryTimeout = ms(0, 0, 12*time.Millisecond, 16*time.Second, time.Minute)
	spec.ResponseTimeout = ms(0, 0, 10500*time.Microsecond)
	spec.Batch = v1alpha1.ProducerBatch{Linger: ms(0, 1500*time.Microsecond, time.Second), Bytes: pick[int32](r, 0, 1, 65536)}
	spec.Partitioner = pick(r, "", v1alpha1.PartitionManual, v1alpha1.PartitionRandom, v1alpha1.PartitionRoundRobin, v1alpha1.PartitionCRC32)
	spec.Compression = pick(r, "", v1alpha1.CompressionGzip, v1alpha1.CompressionSnappy, v1alpha1.CompressionLZ4, v1alpha1.CompressionZstd)
	spec.CompressionLevel = pick[int32](r, 0, 0, 1, 9, 10, 17, 18, 22)
	spec.MaxMessageBytes = pick[int32](r, 0, 1000, 1_000_000_000)
	if r.IntN(4) == 0 {
		spec.Transaction = &v1alpha1.ProducerTransaction{ID: "orders"} // no pod has told its name here
	}
	return spec
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }
