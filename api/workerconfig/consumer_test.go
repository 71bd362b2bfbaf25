package workerconfig

import (
	"encoding/json"
	"testing"
	"time"
)

const minute = Duration(time.Minute)

// TestWithoutDefaults: what says the default is left out of the file, so that
// the pods of those who wrote it down, and of those who didn't, are the same.
func TestWithoutDefaults(t *testing.T) {
	percent := func(n int) *int { return &n }
	cases := map[string]struct {
		reason   string
		consumer Consumer
		want     string
	}{
		"Nothing": {reason: "what is always there stays", want: `{"initialOffset":"","assignment":"","maxProcessingTime":"0s"}`},
		"Always": {
			reason:   "fields that older workers need stay, default or not",
			consumer: Consumer{InitialOffset: "earliest", Assignment: "range", MaxProcessingTime: Duration(10 * time.Second)},
			want:     `{"initialOffset":"earliest","assignment":"range","maxProcessingTime":"10s"}`,
		},
		"Defaults": {
			reason: "all that has its default goes, and what it was in",
			consumer: Consumer{
				OnOutOfRange: "earliest", IsolationLevel: "read_uncommitted", MaxProcessingTime: minute,
				SessionTimeout: DefaultSessionTimeout, HeartbeatInterval: DefaultHeartbeatInterval, RebalanceTimeout: minute + Duration(30*time.Second),
				Commit: Commit{DefaultCommitInterval}, Ordering: "partition", InFlight: InFlight{DefaultInFlightMessages, DefaultInFlightBytes},
				Retry: Retry{InitialBackoff: DefaultInitialBackoff, MaxBackoff: DefaultMaxBackoff, JitterPercent: percent(20)},
			},
			want: `{"initialOffset":"","assignment":"","maxProcessingTime":"1m0s"}`,
		},
		"Others": {
			reason: "all that has another value stays",
			consumer: Consumer{
				OnOutOfRange: "fail", MaxMessageAge: minute, IsolationLevel: "read_committed", MaxProcessingTime: minute,
				SessionTimeout: minute, HeartbeatInterval: minute, RebalanceTimeout: minute,
				Commit: Commit{minute}, Ordering: "none", Concurrency: 15, InFlight: InFlight{1, 2},
				Retry: Retry{3, minute, 2 * minute, percent(0)}, DeadLetter: &DeadLetter{"dead"},
			},
			want: `{"initialOffset":"","onOutOfRange":"fail","maxMessageAge":"1m0s","isolationLevel":"read_committed","assignment":"",` +
				`"maxProcessingTime":"1m0s","sessionTimeout":"1m0s","heartbeatInterval":"1m0s","rebalanceTimeout":"1m0s","commit":{"interval":"1m0s"},` +
				`"ordering":"none","concurrency":15,"inFlight":{"messages":1,"bytes":2},` +
				`"retry":{"attempts":3,"initialBackoff":"1m0s","maxBackoff":"2m0s","jitterPercent":0},"deadLetter":{"topic":"dead"}}`,
		},
		"ConcurrencyByKey": {
			reason:   "16 is the default with key",
			consumer: Consumer{Ordering: "key", Concurrency: 16},
			want:     `{"initialOffset":"","assignment":"","maxProcessingTime":"0s","ordering":"key"}`,
		},
		"ConcurrencyByPartition": {
			reason:   "and a bound like any other with partition",
			consumer: Consumer{Ordering: "partition", Concurrency: 16},
			want:     `{"initialOffset":"","assignment":"","maxProcessingTime":"0s","concurrency":16}`,
		},
		"BackoffsEqual": {
			reason:   "the longest pause is at least the first",
			consumer: Consumer{Retry: Retry{InitialBackoff: minute, MaxBackoff: minute}},
			want:     `{"initialOffset":"","assignment":"","maxProcessingTime":"0s","retry":{"initialBackoff":"1m0s"}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(tc.consumer.WithoutDefaults())
			if err != nil || string(got) != tc.want {
				t.Errorf("%s:\ngot  %s, %v\nwant %s", tc.reason, got, err, tc.want)
			}
		})
	}
}
