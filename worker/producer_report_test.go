package worker_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/worker"
)

// underPolicy has the configuration as Load would leave it. Policies have a name
// of their own in each test: what was produced against one is noted for good.
func underPolicy(t *testing.T, config worker.Config) worker.Config {
	t.Helper()
	config.Producer.Compression = worker.CompressionLZ4
	config.ProducerPolicy = worker.ProducerPolicy{Name: "shop/" + t.Name(), Hash: "0123456789abcdef", Settings: config.Producer}
	return config
}

// shared is a log that may be read while it is written.
type shared struct {
	mutex sync.Mutex
	lines bytes.Buffer
}

func (s *shared) Write(line []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.lines.Write(line)
}

func (s *shared) count(text string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strings.Count(s.lines.String(), text)
}

// report asks as the operator does.
func report(t *testing.T, url string) workerconfig.ProducerReport {
	t.Helper()
	answer, err := http.Get(url + workerconfig.ReportPath) //nolint:noctx // a server of the test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var report workerconfig.ProducerReport
	if err := json.Unmarshal(raw, &report); err != nil || !strings.Contains(string(raw), `"hash":`) || answer.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("GET %s: %d %q, %v", workerconfig.ReportPath, answer.StatusCode, raw, err)
	}
	return report
}

// exported are the hashes of lagrange_worker_producer_info.
func exported(t *testing.T, registry *prometheus.Registry) []string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for _, family := range families {
		if family.GetName() != "lagrange_worker_producer_info" {
			continue
		}
		for _, m := range family.GetMetric() {
			hashes = append(hashes, m.GetLabel()[0].GetValue())
		}
	}
	return hashes
}

// TestRunReportsThePolicy beside the probes, in the metrics and once in the log.
func TestRunReportsThePolicy(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	for _, with := range []bool{true, false} {
		var log shared
		config := b.config()
		config.ListenAddress, config.Logger = freeAddress(t), slog.New(slog.NewJSONHandler(&log, nil))
		var want workerconfig.ProducerReport
		hashes, lines := 0, 0
		if with {
			config = underPolicy(t, config)
			want, hashes, lines = workerconfig.ProducerReport{Policy: config.ProducerPolicy.Name, Hash: config.ProducerPolicy.Hash}, 1, 1
		}
		running := start(t, config, newRecord().handle)
		b.awaitMembers(t, 1)
		if got := report(t, "http://"+config.ListenAddress); got != want {
			t.Errorf("with a policy %t: %+v, want %+v", with, got, want)
		}
		if got := exported(t, config.Registry); len(got) != hashes || with && got[0] != want.Hash {
			t.Errorf("with a policy %t: exported %q", with, got)
		}
		if got := log.count(`"msg":"producer policy"`); got != lines {
			t.Errorf("with a policy %t: the log names it %d times", with, got)
		}
		running.stop(t)
	}
}

// TestAProgramThatOnlyProducesReports, by the handler that it mounts, and with
// no group.
func TestAProgramThatOnlyProducesReports(t *testing.T) {
	t.Parallel()
	var log shared
	config := underPolicy(t, worker.Config{
		BootstrapServers: newBroker(t, 1).ListenAddrs(), Registry: prometheus.NewRegistry(), Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	server := httptest.NewServer(http.HandlerFunc(config.ServeProducerReport))
	t.Cleanup(server.Close)
	newProducer(t, config)
	newProducer(t, config) // two of one registry are no problem
	if got, want := report(t, server.URL), (workerconfig.ProducerReport{Policy: config.ProducerPolicy.Name, Hash: config.ProducerPolicy.Hash}); got != want {
		t.Errorf("reports %+v, want %+v", got, want)
	}
	if got := exported(t, config.Registry); len(got) != 1 || got[0] != config.ProducerPolicy.Hash {
		t.Errorf("exported %q", got)
	}
	if log.count(config.ProducerPolicy.Hash) != 2 {
		t.Errorf("the log has not the hash of each producer: %s", log.lines.String())
	}
}

// TestAProducerOfOtherSettingsIsNoSecret: the report is one for the process, also
// where the producer was made of a copy of the configuration that is served.
func TestAProducerOfOtherSettingsIsNoSecret(t *testing.T) {
	t.Parallel()
	var log shared
	config := underPolicy(t, worker.Config{
		BootstrapServers: newBroker(t, 1).ListenAddrs(), Registry: prometheus.NewRegistry(), Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	newProducer(t, config)
	other := config
	other.Producer.Compression = worker.CompressionGzip
	newProducer(t, other)
	if got := config.ProducerReport(); got.Hash != workerconfig.HashNotInForce || got.Policy != config.ProducerPolicy.Name {
		t.Errorf("reports %+v", got)
	}
	if got := exported(t, config.Registry); len(got) != 1 || got[0] != workerconfig.HashNotInForce {
		t.Errorf("exported %q", got)
	}
	if log.count("other settings than the policy's") != 1 {
		t.Errorf("the log does not say so: %s", log.lines.String())
	}
}
