package producerpolicy

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// everything sets each field to another value than its default.
func everything(s *v1alpha1.ProducerSettings) {
	s.RetryBudget, s.DeliveryTimeout = of(time.Minute), of(90*time.Second)
	s.RequestTimeout, s.ResponseTimeout = of(20*time.Second), of(30*time.Second)
	s.Compression, s.CompressionLevel = v1alpha1.CompressionZstd, 3
	s.Batch = v1alpha1.ProducerBatch{Linger: of(1500 * time.Microsecond), Messages: 100, Bytes: 65536}
	s.MaxMessageBytes = 900_000
	s.Partitioner = v1alpha1.PartitionCRC32
	s.Transaction = &v1alpha1.ProducerTransaction{ID: "orders-" + PodName, Timeout: of(40 * time.Second)}
}

// TestRenderedFiles: a change of these files rolls every pod that has one. It
// must be meant.
func TestRenderedFiles(t *testing.T) {
	cases := map[string][]func(*Facts){
		"lossless":   nil,
		"leastonce":  {class(v1alpha1.AtLeastOnce)},
		"besteffort": {bestEffort, partitioner(v1alpha1.PartitionRandom)},
		"everything": {settings(everything)},
	}
	for name, mods := range cases {
		t.Run(name, func(t *testing.T) {
			for _, file := range Render("shop/orders", good(mods...).Spec) {
				golden(t, filepath.Join("testdata", name+"-"+file.Name), file.Content)
				if !strings.Contains(file.Content, file.Hash) {
					t.Errorf("%s does not name its hash %s", file.Name, file.Hash)
				}
			}
		})
	}
}

func golden(t *testing.T, path, content string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), content); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestJavaMemory: a batch fits into Java's memory twice, whatever size it and messages have.
func TestJavaMemory(t *testing.T) {
	for name, tc := range map[string]struct {
		message, batch int32
		want           string
	}{
		"Default":     {0, 0, ""},
		"Half":        {16 << 20, 16 << 20, ""},
		"LongMessage": {16<<20 + 1, 0, "buffer.memory=33554434\n"},
		"LargeBatch":  {0, 40 << 20, "buffer.memory=83886080\n"},
		"Largest":     {0, math.MaxInt32, "buffer.memory=4294967294\n"},
	} {
		facts := good(java, size(tc.message), settings(func(s *v1alpha1.ProducerSettings) { s.Batch.Bytes = tc.batch }))
		content := Render("shop/orders", facts.Spec)[0].Content
		if strings.Contains(content, "buffer.memory") != (tc.want != "") || !strings.Contains(content, tc.want) {
			t.Errorf("%s: want %q in\n%s", name, tc.want, content)
		}
	}
}

// TestHash: it is that of the settings, for one client each.
func TestHash(t *testing.T) {
	hashes := func(policy string, mods ...func(*Facts)) map[v1alpha1.ProducerClient]string {
		all := make(map[v1alpha1.ProducerClient]string)
		for _, file := range Render(policy, good(mods...).Spec) {
			all[file.Client] = file.Hash
		}
		return all
	}
	base := hashes("shop/orders")
	if diff := cmp.Diff(base, hashes("other/name", func(f *Facts) { f.Spec.Enforcement = v1alpha1.EnforcementDeny })); diff != "" {
		t.Errorf("a name and what no client reads change a hash: %s", diff)
	}
	if one := hashes("shop/orders", java); len(one) != 1 || one[v1alpha1.ClientJava] != base[v1alpha1.ClientJava] {
		t.Errorf("the other clients of a policy change a file: %v", one)
	}
	for client, hash := range hashes("shop/orders", retryBudget(time.Minute)) {
		if hash == base[client] {
			t.Errorf("another retryBudget has the same hash for %s", client)
		}
	}
}

// TestWorkersReadTheirFile: all that producer.json says to the worker runtime
// comes back as settings that it starts with.
func TestWorkersReadTheirFile(t *testing.T) {
	for name, mods := range map[string][]func(*Facts){
		"Lossless": {}, "BestEffort": {bestEffort}, "Everything": {settings(everything)},
	} {
		facts := good(append(mods, sarama)...)
		decoder := json.NewDecoder(strings.NewReader(Render("shop/orders", facts.Spec)[0].Content))
		decoder.DisallowUnknownFields()
		var file workerconfig.ProducerFile
		if err := decoder.Decode(&file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := Resolve(facts.Spec)
		if diff := cmp.Diff(WorkerProducer(want), file.Settings.Producer); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if err := asTold(want).Validate(); err != nil {
			t.Errorf("%s: the worker does not start: %v", name, err)
		}
	}
}
