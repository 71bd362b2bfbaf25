package worker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// policyFile has a value other than the default in each field that a policy sets.
const policyFile = `{"policy": "shop/orders", "hash": "` + policyHash + `", "settings": {"producer": {
  "acks": "leader", "idempotence": false, "retryBudget": "1m", "requestTimeout": "5s", "stopOnError": true,
  "partitioner": "fnv1a", "compression": "zstd", "compressionLevel": 3,
  "batch": {"linger": "5ms", "messages": 100, "bytes": 1000}, "maxMessageBytes": 5000
}, "sarama": {"Producer.RequiredAcks": "1"}}}`

// policyHash is that of the settings in policyFile.
const policyHash = "f8443b177d9d7c9e"

// hashed is policyFile with other settings, as the operator would write it.
func hashed(t *testing.T, old, with string) string {
	t.Helper()
	content := strings.Replace(policyFile, old, with, 1)
	var file workerconfig.ProducerFile
	if err := json.Unmarshal([]byte(content), &file); err != nil || file.Settings.Hash() == policyHash {
		t.Fatalf("%s: %v; want other settings with another hash", content, err)
	}
	return strings.Replace(content, policyHash, file.Settings.Hash(), 1)
}

// mountPolicy is what the operator does for a pod: "" mounts nothing.
func mountPolicy(t *testing.T, content string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), workerconfig.ProducerFileName)
	if content == "" {
		path = ""
	} else if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(workerconfig.EnvProducerConfig, path)
}

// TestThePolicysFileReplacesTheWorkersOwn, all that it says of the producer and
// nothing else, with a group and without one.
func TestThePolicysFileReplacesTheWorkersOwn(t *testing.T) {
	want := ProducerSettings{
		Acks: AcksLeader, NotIdempotent: true, RetryBudget: time.Minute, RequestTimeout: 5 * time.Second, StopOnError: true,
		Partitioner: HashFNV1a, Compression: CompressionZstd, CompressionLevel: 3,
		Linger: 5 * time.Millisecond, BatchMessages: 100, BatchBytes: 1000, MaxMessageBytes: 5000,
	}
	for file, group := range map[string]string{"": "", `{"groupID": "billing", "producer": {"acks": "none", "inFlight": {"messages": 7}}}`: "billing"} {
		setEnvironment(t, file, nil)
		mountPolicy(t, policyFile)
		config, err := Load()
		if err != nil {
			t.Fatal(err)
		}
		if config.Producer != want || config.GroupID != group {
			t.Errorf("with %q: group %q, producer %+v; want %q, %+v", file, config.GroupID, config.Producer, group, want)
		}
		if policy := (ProducerPolicy{Name: "shop/orders", Hash: policyHash, Settings: want}); config.ProducerPolicy != policy {
			t.Errorf("with %q: policy %+v, want %+v", file, config.ProducerPolicy, policy)
		}
	}
}

// TestAPolicysFileThatIsNoneEndsTheProgram: it would else produce by defaults
// that nobody asked for.
func TestAPolicysFileThatIsNoneEndsTheProgram(t *testing.T) {
	for content, want := range map[string]string{
		"{":                    "parse producer configuration",
		"{}":                   "names no policy",
		everything:             "names no policy",
		`{"policy": "a/b"}`:    "names no policy",
		`{"hash": "0123"}`:     "names no policy",
		`{"settings": "none"}`: "parse producer configuration",
	} {
		setEnvironment(t, everything, nil)
		mountPolicy(t, content)
		if _, err := Load(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), workerconfig.ProducerFileName) {
			t.Errorf("%s: %v; want one that says %q and names the file", content, err, want)
		}
	}
	t.Setenv(workerconfig.EnvProducerConfig, filepath.Join(t.TempDir(), "missing.json"))
	if _, err := Load(); err == nil || !strings.Contains(err.Error(), "read producer configuration") {
		t.Errorf("of a file that is not there: %v", err)
	}
}

// TestTheReportTellsWhatIsInForce: the policy's hash stands for its settings, and
// for nothing else.
func TestTheReportTellsWhatIsInForce(t *testing.T) {
	inForce := workerconfig.ProducerReport{Policy: "shop/orders", Hash: policyHash}
	against := workerconfig.ProducerReport{Policy: "shop/orders", Hash: workerconfig.HashNotInForce}
	cases := map[string]struct {
		reason string
		file   string
		change func(*Config)
		want   workerconfig.ProducerReport
	}{
		"NoFile":      {reason: "without a policy there is nothing to tell", change: func(c *Config) { c.Producer.Acks = AcksLeader }},
		"Untouched":   {reason: "what Load made is the file's", file: policyFile, want: inForce},
		"SpeltOut":    {reason: "a default that is written down is no other setting", file: hashed(t, `"leader"`, `""`), change: func(c *Config) { c.Producer.Acks = AcksAll }, want: inForce},
		"Bounds":      {reason: "how much it holds is the program's own", file: policyFile, change: func(c *Config) { c.Producer.MaxInFlight, c.Producer.MaxInFlightBytes = 7, 8 }, want: inForce},
		"BoundsAsked": {reason: "unless the file says", file: hashed(t, `"batch"`, `"inFlight": {"messages": 5}, "batch"`), change: func(c *Config) { c.Producer.MaxInFlight = 7 }, want: against},
		"AskedAndRun": {reason: "and they are as it says", file: hashed(t, `"batch"`, `"inFlight": {"messages": 5}, "batch"`), want: inForce},
		"Changed":     {reason: "one setting that is another", file: policyFile, change: func(c *Config) { c.Producer.Compression = CompressionLZ4 }, want: against},
		"Emptied":     {reason: "a program that sets all of it itself", file: policyFile, change: func(c *Config) { c.Producer = ProducerSettings{} }, want: against},
		"Edited":      {reason: "the hash is that of other settings", file: strings.Replace(policyFile, `"leader"`, `"none"`, 1), want: against},
		"EditedOther": {reason: "also where the runtime does not go by it", file: strings.Replace(policyFile, `": "1"`, `": "0"`, 1), want: against},
		"Spaced":      {reason: "blanks are no settings", file: strings.ReplaceAll(policyFile, ": ", ":\n"), want: inForce},
		"Newer":       {reason: "a setting that this version does not know is not in force", file: strings.Replace(policyFile, `"batch"`, `"tide": "high", "batch"`, 1), want: against},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, "", nil)
			mountPolicy(t, tc.file)
			config, err := Load()
			if err != nil {
				t.Fatal(err)
			}
			if tc.change != nil {
				tc.change(&config)
			}
			if tc.want == inForce {
				tc.want.Hash = config.ProducerPolicy.Hash
			}
			if got := config.ProducerReport(); got != tc.want {
				t.Errorf("%s: %+v, want %+v", tc.reason, got, tc.want)
			}
		})
	}
}

// TestEverySettingIsCompared: one that was forgotten would be reported as in force.
func TestEverySettingIsCompared(t *testing.T) {
	setEnvironment(t, "", nil)
	mountPolicy(t, policyFile)
	config, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for i := range reflect.TypeFor[ProducerSettings]().NumField() {
		changed, name := config, reflect.TypeFor[ProducerSettings]().Field(i).Name
		value := reflect.ValueOf(&changed.Producer).Elem().Field(i)
		if bound := strings.HasPrefix(name, "MaxInFlight"); bound != value.IsZero() {
			t.Errorf("ProducerSettings.%s is %v in the file of this test", name, value)
		}
		switch {
		case value.CanInt():
			value.SetInt(value.Int() + 1)
		case value.Kind() == reflect.Bool:
			value.SetBool(!value.Bool())
		default:
			value.SetString("another")
		}
		if inForce := changed.ProducerReport().Hash == config.ProducerPolicy.Hash; inForce != strings.HasPrefix(name, "MaxInFlight") {
			t.Errorf("with another %s the hash is in force: %t", name, inForce)
		}
	}
}
