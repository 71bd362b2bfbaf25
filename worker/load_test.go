package worker

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// everything has a value other than the default in each field of the consumer.
const everything = `{"consumer": {
  "initialOffset": "latest", "onOutOfRange": "fail", "maxMessageAge": "168h", "isolationLevel": "read_committed",
  "assignment": "stableConsistent", "maxProcessingTime": "1m30s", "sessionTimeout": "45s", "heartbeatInterval": "3s",
  "rebalanceTimeout": "5m0s", "commit": {"interval": "5s"}, "ordering": "key", "concurrency": 64,
  "inFlight": {"messages": 1000, "bytes": 1048576},
  "retry": {"attempts": 5, "initialBackoff": "1s", "maxBackoff": "1m0s", "jitterPercent": 50},
  "deadLetter": {"topic": "orders-dead"}, "dedup": {"namespace": "chat/2"}
}}`

func TestLoadEverySettingOfTheConsumer(t *testing.T) {
	setEnvironment(t, everything, nil)
	got, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		InitialOffset: Latest, OnOutOfRange: RangeFail, MaxMessageAge: 168 * time.Hour, IsolationLevel: ReadCommitted,
		Assignment: StableConsistent, MaxProcessingTime: 90 * time.Second, SessionTimeout: 45 * time.Second, HeartbeatInterval: 3 * time.Second,
		RebalanceTimeout: 5 * time.Minute, CommitInterval: 5 * time.Second, Ordering: OrderByKey, Concurrency: 64,
		MaxInFlight: 1000, MaxInFlightBytes: 1 << 20,
		Retry:      Retry{Attempts: 5, InitialBackoff: time.Second, MaxBackoff: time.Minute, JitterPercent: 50},
		DeadLetter: &DeadLetter{Topic: "orders-dead"}, DedupNamespace: "chat/2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestEverythingIsEverything: a field that is added to the file is added to the test above.
func TestEverythingIsEverything(t *testing.T) {
	var file workerconfig.File
	if err := json.Unmarshal([]byte(everything), &file); err != nil {
		t.Fatal(err)
	}
	for _, part := range []any{file.Consumer, file.Consumer.Commit, file.Consumer.InFlight, file.Consumer.Retry, *file.Consumer.DeadLetter, *file.Consumer.Dedup} {
		value := reflect.ValueOf(part)
		for i := range value.NumField() {
			if value.Field(i).IsZero() {
				t.Errorf("%s.%s is not set", value.Type(), value.Type().Field(i).Name)
			}
		}
	}
}

// TestAbsentMeansDefault: what the file's contract calls the default is the runtime's.
func TestAbsentMeansDefault(t *testing.T) {
	for name, tc := range map[string]struct{ absent, written string }{
		"ByPartition": {`{"maxProcessingTime": "10s"}`, `{"maxProcessingTime": "10s", "ordering": "partition"}`},
		"ByKey":       {`{"maxProcessingTime": "10s", "ordering": "key"}`, `{"maxProcessingTime": "10s", "ordering": "key"}`},
		"LongBackoff": {
			`{"maxProcessingTime": "10s", "retry": {"initialBackoff": "1m"}}`,
			`{"maxProcessingTime": "10s", "retry": {"initialBackoff": "1m", "maxBackoff": "1m"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			absent, written := inForce(t, tc.absent, false), inForce(t, tc.written, true)
			if diff := cmp.Diff(written, absent); diff != "" {
				t.Errorf("default written down, and absent:\n%s", diff)
			}
		})
	}
}

// settings are those of a Config that come from the file's consumer.
type settings struct {
	OnOutOfRange                                                     OutOfRange
	IsolationLevel                                                   IsolationLevel
	SessionTimeout, HeartbeatInterval, RebalanceTimeout, CommitEvery time.Duration
	Ordering                                                         Ordering
	Concurrency, MaxInFlight                                         int
	MaxInFlightBytes                                                 int64
	Retry                                                            Retry
}

// inForce reads a consumer, writes every default into it where asked to, and
// has the runtime fill in its own.
func inForce(t *testing.T, consumer string, write bool) settings {
	t.Helper()
	var file workerconfig.Consumer
	if err := json.Unmarshal([]byte(consumer), &file); err != nil {
		t.Fatal(err)
	}
	if write {
		writeDefaults(&file)
	}
	config, err := fromFile(workerconfig.File{Consumer: file}).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return settings{
		config.OnOutOfRange, config.IsolationLevel, config.SessionTimeout, config.HeartbeatInterval, config.RebalanceTimeout, config.CommitInterval,
		config.Ordering, config.Concurrency, config.MaxInFlight, config.MaxInFlightBytes, config.Retry,
	}
}

func writeDefaults(c *workerconfig.Consumer) {
	c.OnOutOfRange, c.IsolationLevel = workerconfig.DefaultOnOutOfRange, workerconfig.DefaultIsolationLevel
	c.SessionTimeout, c.HeartbeatInterval = workerconfig.DefaultSessionTimeout, workerconfig.DefaultHeartbeatInterval
	c.RebalanceTimeout = workerconfig.DefaultRebalanceTimeout(c.MaxProcessingTime)
	c.Commit.Interval = workerconfig.DefaultCommitInterval
	c.InFlight = workerconfig.InFlight{Messages: workerconfig.DefaultInFlightMessages, Bytes: workerconfig.DefaultInFlightBytes}
	if c.Ordering == "key" {
		c.Concurrency = workerconfig.DefaultConcurrency
	}
	if c.Retry == (workerconfig.Retry{}) {
		jitter := workerconfig.DefaultJitterPercent
		c.Retry = workerconfig.Retry{
			InitialBackoff: workerconfig.DefaultInitialBackoff, MaxBackoff: workerconfig.DefaultMaxBackoff, JitterPercent: &jitter,
		}
	}
}

func TestLoadProducer(t *testing.T) {
	setEnvironment(t, `{"producer": {"acks": "leader", "idempotence": false}}`, nil)
	config, err := Load()
	if err != nil || config.Producer.Acks != AcksLeader || !config.Producer.NotIdempotent {
		t.Errorf("producer %+v, %v", config.Producer, err)
	}
}

// TestNoJitter: 0 per cent in the file is none, and not the default.
func TestNoJitter(t *testing.T) {
	for file, want := range map[string]int{
		`{}`: 0, `{"consumer":{"retry":{"jitterPercent":0}}}`: -1, `{"consumer":{"retry":{"jitterPercent":7}}}`: 7,
	} {
		setEnvironment(t, file, nil)
		config, err := Load()
		if err != nil || config.Retry.JitterPercent != want {
			t.Errorf("%s: %d, %v; want %d", file, config.Retry.JitterPercent, err, want)
		}
	}
}

// TestInstanceID comes from the environment alone: the file is the same for all pods.
func TestInstanceID(t *testing.T) {
	for _, want := range []string{"orders-0", ""} {
		setEnvironment(t, everything, nil)
		t.Setenv(workerconfig.EnvInstanceID, want)
		config, err := Load()
		if err != nil || config.InstanceID != want {
			t.Errorf("instance id %q, %v; want %q", config.InstanceID, err, want)
		}
	}
}
