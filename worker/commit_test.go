package worker_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

// Whatever the broker answers to a commit, what is handled gets committed in the
// end, by this session or the next one, and nothing is committed that is not.
func TestEachAnswerToACommit(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		err    *kerr.Error
		// result is how the commit is counted.
		result string
		// rejoins says that the session ends by it.
		rejoins bool
	}{
		"Unknown":               {"An error without a name passes or it doesn't.", kerr.UnknownServerError, "error", false},
		"UnknownTopic":          {"A topic that is being deleted, or metadata that comes late.", kerr.UnknownTopicOrPartition, "error", false},
		"MetadataTooLarge":      {"The metadata may get shorter with another version.", kerr.OffsetMetadataTooLarge, "error", false},
		"Loading":               {"The coordinator has just got the group.", kerr.CoordinatorLoadInProgress, "ok", false},
		"NotAvailable":          {"The group's coordinator is being chosen.", kerr.CoordinatorNotAvailable, "ok", false},
		"NotCoordinator":        {"The group has moved.", kerr.NotCoordinator, "ok", false},
		"IllegalGeneration":     {"The group went on without this member.", kerr.IllegalGeneration, "lost", true},
		"UnknownMember":         {"The group has thrown this member out.", kerr.UnknownMemberID, "lost", true},
		"FencedInstance":        {"Another member came with the same instance id.", kerr.FencedInstanceID, "lost", true},
		"Rebalancing":           {"The group rebalances: heartbeats tell when to join again.", kerr.RebalanceInProgress, "rebalancing", false},
		"InvalidSize":           {"Too large for the brokers' limit of a commit.", kerr.InvalidCommitOffsetSize, "error", false},
		"TopicNotAuthorized":    {"The rights may come back.", kerr.TopicAuthorizationFailed, "error", false},
		"GroupNotAuthorized":    {"The rights may come back.", kerr.GroupAuthorizationFailed, "error", false},
		"UnsupportedForMessage": {"What no version before knew is an error like others.", kerr.UnsupportedForMessageFormat, "error", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, handled := newBroker(t, 1), newRecord()
			config := b.config()
			w := start(t, config, handled.handle)
			const sessions = "lagrange_worker_rebalances_total"
			await(t, "the partition is open", func() bool { return b.committed(0) == 0 && metric(t, config.Registry, sessions) > 0 })
			generations := metric(t, config.Registry, sessions)
			fault := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: tc.err, Count: 1})
			b.produce(t, 0, 5)
			await(t, "the refusal, and all is committed after it", func() bool { return fault.Hits() == 1 && b.committed(0) == 5 })
			await(t, "a commit is counted as "+tc.result, func() bool { return counted(t, config, tc.result) > 0 })
			if tc.rejoins {
				await(t, "the next session", func() bool {
					return metric(t, config.Registry, "lagrange_worker_rebalances_total") > generations
				})
			} else if got := metric(t, config.Registry, "lagrange_worker_rebalances_total"); got != generations {
				t.Errorf("%s\n%v sessions instead of %v", tc.reason, got, generations)
			}
			b.produce(t, 0, 1)
			await(t, "what came after it", func() bool { return b.committed(0) == 6 })
			w.stop(t)
			if got := handled.firsts(0); len(got) != 6 {
				t.Errorf("%s\nhandled %v", tc.reason, got)
			}
		})
	}
}

// A commit whose answer gets lost is sent again.
func TestACommitWhoseAnswerIsLostIsRepeated(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	config := b.config()
	config.CommitInterval = time.Hour
	w := start(t, config, handled.handle)
	await(t, "the partition is open", func() bool { return b.committed(0) == 0 })
	b.produce(t, 0, 3)
	await(t, "all messages", func() bool { return len(handled.of(0)) == 3 })
	var lost atomic.Int32
	b.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		lost.Add(1)
		return nil, errors.New("the connection breaks"), true
	})
	w.stop(t)
	if got := b.committed(0); got != 3 || lost.Load() != 1 {
		t.Errorf("committed %d after %d lost answers, want 3 after 1", got, lost.Load())
	}
}

// counted is how many commits had this result.
func counted(t *testing.T, config worker.Config, result string) float64 {
	t.Helper()
	families, err := config.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != "lagrange_worker_commits_total" {
			continue
		}
		for _, series := range family.GetMetric() {
			if series.GetLabel()[0].GetValue() == result {
				sum += series.GetCounter().GetValue()
			}
		}
	}
	return sum
}
