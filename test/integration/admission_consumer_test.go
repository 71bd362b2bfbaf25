package integration

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestAdmissionOfConsumer: settings of the workers that contradict each other,
// or that no worker would start with, are refused with the field and the reason.
func TestAdmissionOfConsumer(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	cases := map[string]struct {
		reason   string
		consumer fields
		words    []string // of the error; nil: it is accepted
	}{
		"All": {"a whole configuration", fields{
			"onOutOfRange": "fail", "maxMessageAge": "168h", "assignment": "stable", "maxProcessingTime": "30s",
			"sessionTimeout": "45s", "heartbeatInterval": "3s", "rebalanceTimeout": "1m", "commit": fields{"interval": "5s"},
			"ordering": "key", "concurrency": int64(64), "inFlight": fields{"messages": int64(64), "bytes": int64(1 << 20)},
			"retry":      fields{"attempts": int64(5), "initialBackoff": "1s", "maxBackoff": "1s", "jitterPercent": int64(0)},
			"deadLetter": fields{"topic": "orders-dead"},
		}, nil},
		"Empty": {"all of it may be left out", fields{"commit": fields{}, "inFlight": fields{}, "retry": fields{}}, nil},

		"OutOfRange":  {"a typo", fields{"onOutOfRange": "newest"}, []string{"spec.consumer.onOutOfRange", `"earliest", "latest", "fail"`}},
		"Ordering":    {"a typo", fields{"ordering": "keys"}, []string{"spec.consumer.ordering", `"partition", "key", "none"`}},
		"Assignments": {"Kafka's own name", fields{"assignment": "cooperative-sticky"}, []string{"spec.consumer.assignment", `"stable", "stableConsistent", "cooperativeSticky"`}},

		"AgeZero":    {"would drop everything", fields{"maxMessageAge": "0s"}, []string{"spec.consumer.maxMessageAge", "between 1ms and 8760h", "leave it out"}},
		"AgeDays":    {"no unit of ours", fields{"maxMessageAge": "7d"}, []string{"spec.consumer.maxMessageAge", "such as 30m or 168h"}},
		"AgeLongest": {"a year", fields{"maxMessageAge": "8760h"}, nil},
		"AgeTooLong": {"beyond a year", fields{"maxMessageAge": "8761h"}, []string{"spec.consumer.maxMessageAge", "8760h"}},

		"SessionNumber":   {"no unit", fields{"sessionTimeout": "45"}, []string{"spec.consumer.sessionTimeout", "such as 500ms"}},
		"SessionNegative": {"before it began", fields{"sessionTimeout": "-10s"}, []string{"spec.consumer.sessionTimeout", "between 1ms and 24h"}},
		"SessionTooLong":  {"beyond a day", fields{"sessionTimeout": "25h"}, []string{"spec.consumer.sessionTimeout", "between 1ms and 24h"}},
		"HeartbeatIsSession": {"a heartbeat that is due when the session is over", fields{"heartbeatInterval": "20s", "sessionTimeout": "20s"},
			[]string{"spec.consumer.heartbeatInterval", "shorter than sessionTimeout (default 10s)"}},
		"HeartbeatDefaultSession": {"the default session counts", fields{"heartbeatInterval": "10s"},
			[]string{"spec.consumer.heartbeatInterval", "shorter than sessionTimeout (default 10s)"}},
		"SessionDefaultHeartbeat": {"the default heartbeat counts", fields{"sessionTimeout": "1s"},
			[]string{"spec.consumer.heartbeatInterval", "heartbeatInterval (default 1s)"}},
		"HeartbeatUnits":   {"compared as times, not as words: 2s and 10s", fields{"heartbeatInterval": "2s"}, nil},
		"HeartbeatMinutes": {"90s is shorter than 2m", fields{"heartbeatInterval": "90s", "sessionTimeout": "2m"}, nil},

		"RebalanceShort": {"three quarters of 13s are less than the 10s of a message", fields{"rebalanceTimeout": "13s"},
			[]string{"spec.consumer.rebalanceTimeout", "four thirds of maxProcessingTime (default 10s)"}},
		"RebalanceJust":  {"30s are three quarters of 40s", fields{"maxProcessingTime": "30s", "rebalanceTimeout": "40s"}, nil},
		"RebalanceUnder": {"and not of 39.999s", fields{"maxProcessingTime": "30s", "rebalanceTimeout": "39s999ms"}, []string{"spec.consumer.rebalanceTimeout"}},
		"RebalanceHeartbeat": {"over before a worker learns of it", fields{"maxProcessingTime": "100ms", "rebalanceTimeout": "1s"},
			[]string{"spec.consumer.rebalanceTimeout", "longer than heartbeatInterval (default 1s)"}},

		"CommitZero":         {"no time at all", fields{"commit": fields{"interval": "0s"}}, []string{"spec.consumer.commit.interval", "between 1ms and 24h"}},
		"ConcurrencyZero":    {"nothing would be handled", fields{"concurrency": int64(0)}, []string{"spec.consumer.concurrency", "greater than or equal to 1"}},
		"ConcurrencyTooMany": {"each is a goroutine with a message", fields{"concurrency": int64(10001)}, []string{"spec.consumer.concurrency", "less than or equal to 10000"}},
		"ConcurrencyInFlight": {"what is not taken can't be handled", fields{"concurrency": int64(100), "inFlight": fields{"messages": int64(99)}},
			[]string{"spec.consumer.concurrency", "must not be greater than inFlight.messages"}},
		"InFlightZero": {"nothing would be taken", fields{"inFlight": fields{"messages": int64(0)}}, []string{"spec.consumer.inFlight.messages", "greater than or equal to 1"}},
		"InFlightMany": {"beyond any memory", fields{"inFlight": fields{"messages": int64(10_000_001)}}, []string{"spec.consumer.inFlight.messages", "less than or equal to"}},
		"InFlightFew":  {"less than a message may have", fields{"inFlight": fields{"bytes": int64(1<<20 - 1)}}, []string{"spec.consumer.inFlight.bytes", "greater than or equal to 1"}},

		"Dedup":        {"what dedup.Store takes, and room for a pass", fields{"dedup": fields{"namespace": strings.Repeat("n", 45) + "a-_./:2A"}}, nil},
		"DedupNone":    {"which one?", fields{"dedup": fields{}}, []string{"spec.consumer.dedup.namespace", "Required"}},
		"DedupEmpty":   {"which one?", fields{"dedup": fields{"namespace": ""}}, []string{"spec.consumer.dedup.namespace", "at least 1"}},
		"DedupTooLong": {"no room for a pass", fields{"dedup": fields{"namespace": strings.Repeat("n", 54)}}, []string{"spec.consumer.dedup.namespace", "53"}},
		"DedupSpace":   {"dedup.Store takes none", fields{"dedup": fields{"namespace": "my chat"}}, []string{"spec.consumer.dedup.namespace", "A-Za-z0-9"}},
		"DedupLine":    {"nor that", fields{"dedup": fields{"namespace": "chat\n"}}, []string{"spec.consumer.dedup.namespace", "A-Za-z0-9"}},

		"AttemptsNegative": {"0 is without end", fields{"retry": fields{"attempts": int64(-1)}}, []string{"spec.consumer.retry.attempts", "greater than or equal to 0"}},
		"BackoffZero":      {"a busy loop", fields{"retry": fields{"initialBackoff": "0s"}}, []string{"spec.consumer.retry.initialBackoff", "between 1ms and 24h"}},
		"BackoffAboveMax": {"the first pause is beyond the longest", fields{"retry": fields{"initialBackoff": "2s", "maxBackoff": "1s"}},
			[]string{"spec.consumer.retry.initialBackoff", "must not be longer than maxBackoff"}},
		"BackoffDefault": {"the default counts", fields{"retry": fields{"maxBackoff": "99ms"}},
			[]string{"spec.consumer.retry.initialBackoff", "initialBackoff (default 100ms)"}},
		"BackoffLong":    {"alone it raises the longest", fields{"retry": fields{"initialBackoff": "1m"}}, nil},
		"JitterNegative": {"0 is none", fields{"retry": fields{"jitterPercent": int64(-1)}}, []string{"spec.consumer.retry.jitterPercent", "greater than or equal to 0"}},
		"JitterAll":      {"between nothing and twice", fields{"retry": fields{"jitterPercent": int64(100)}}, nil},
		"JitterTooMuch":  {"a pause below nothing", fields{"retry": fields{"jitterPercent": int64(101)}}, []string{"spec.consumer.retry.jitterPercent", "less than or equal to 100"}},

		"DeadLetterNoTopic": {"where to?", fields{"deadLetter": fields{}}, []string{"spec.consumer.deadLetter.topic", "Required"}},
		"DeadLetterName":    {"no Kafka topic has one", fields{"deadLetter": fields{"topic": "a/b"}}, []string{"spec.consumer.deadLetter.topic", "[a-zA-Z0-9._-]"}},
		"DeadLetterDot":     {"Kafka reserves it", fields{"deadLetter": fields{"topic": ".."}}, []string{"spec.consumer.deadLetter.topic", "can't be named"}},
		"DeadLetterLong":    {"Kafka's limit is 249", fields{"deadLetter": fields{"topic": strings.Repeat("a", 250)}}, []string{"spec.consumer.deadLetter.topic", "249"}},
		"DeadLetterConsumed": {"it would go round for ever", fields{"deadLetter": fields{"topic": "orders"}},
			[]string{"spec.consumer.deadLetter.topic", "must not be one of topics"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := manifest(t, ns, fields{"spec.consumer": tc.consumer})
			wantAdmission(t, tc.reason, kube.Create(context.Background(), u, client.DryRunAll), tc.words)
		})
	}
}

// wantAdmission: an error with the words, or none where there are no words.
func wantAdmission(t *testing.T, reason string, err error, words []string) {
	t.Helper()
	switch {
	case words == nil && err != nil:
		t.Errorf("%s: %v", reason, err)
	case words != nil && err == nil:
		t.Errorf("%s: it was accepted", reason)
	case words != nil:
		if lacks := mentions(err.Error(), words...); lacks != nil {
			t.Errorf("%s: %v", reason, lacks)
		}
	}
}

// TestAdmissionOfDeadLetterByPattern: a topic that the pattern matches would be consumed.
func TestAdmissionOfDeadLetterByPattern(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	cases := map[string]struct {
		reason  string
		pattern string
		words   []string
	}{
		"Matches":     {"it would go round for ever", "orders.*", []string{"spec.consumer.deadLetter.topic", "must not match topicPattern"}},
		"Alternative": {"each alternative is for the whole name", "returns|orders-dead", []string{"must not match topicPattern"}},
		"Part":        {"a part of the name is no match", "orders|dead", nil},
		"Other":       {"another topic", "orders-(eu|us)", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := manifest(t, ns, fields{
				"spec.topics": nil, "spec.topicPattern": tc.pattern, "spec.consumer.deadLetter": fields{"topic": "orders-dead"},
			})
			wantAdmission(t, tc.reason, kube.Create(context.Background(), u, client.DryRunAll), tc.words)
		})
	}
}

// TestMalformedDurationIsNamedOnce: the rules that compare two durations keep
// quiet about one that is none.
func TestMalformedDurationIsNamedOnce(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for _, field := range []string{
		"heartbeatInterval", "sessionTimeout", "rebalanceTimeout", "maxProcessingTime", "commit.interval", "retry.initialBackoff", "retry.maxBackoff",
	} {
		set := fields{"spec.consumer.rebalanceTimeout": "1m", "spec.consumer.retry.maxBackoff": "1s"}
		set["spec.consumer."+field] = "3"
		err := kube.Create(context.Background(), manifest(t, ns, set), client.DryRunAll)
		var refused apierrors.APIStatus
		if !errors.As(err, &refused) || len(refused.Status().Details.Causes) != 1 || refused.Status().Details.Causes[0].Field != "spec.consumer."+field {
			t.Errorf("%s: %v, want one cause", field, err)
			continue
		}
		wantAdmission(t, "no unit", err, []string{`Invalid value: "3": must be a duration between 1ms and 24h, such as 500ms or 1m30s`})
	}
}

// TestDefaultsOfConsumer: what is begun is completed, and what isn't stays absent.
func TestDefaultsOfConsumer(t *testing.T) {
	t.Parallel()
	u := manifest(t, namespace(t), fields{"spec.consumer": fields{"commit": fields{}, "inFlight": fields{}, "retry": fields{}}})
	create(t, u)
	want := map[string]any{
		"onOutOfRange": "earliest", "ordering": "partition", "sessionTimeout": "10s", "heartbeatInterval": "1s",
		"commit.interval": "1s", "inFlight.messages": int64(10_000), "inFlight.bytes": int64(64 << 20),
		"retry.initialBackoff": "100ms", "retry.jitterPercent": int64(20),
		"maxMessageAge": nil, "rebalanceTimeout": nil, "concurrency": nil, "retry.attempts": nil, "retry.maxBackoff": nil, "deadLetter": nil,
	}
	for path, value := range want {
		if got, _, _ := unstructured.NestedFieldNoCopy(u.Object, strings.Split("spec.consumer."+path, ".")...); got != value {
			t.Errorf("%s is %v, want %v", path, got, value)
		}
	}
}
