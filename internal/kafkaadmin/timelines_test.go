package kafkaadmin

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestLagOfBeforeTheStartHasAnAge(t *testing.T) {
	now := time.Now()
	cases := map[string]struct {
		reason    string
		at        []time.Duration // of each record, ago
		committed int64
		oldest    time.Duration // Appended is at most this long ago
		youngest  time.Duration // and at least this long ago
		orEarlier bool
	}{
		"Found": {
			reason: "the first record of the last ten minutes came when it says",
			at:     []time.Duration{time.Hour, 5 * time.Minute, 4 * time.Minute}, committed: 1,
			oldest: 6 * time.Minute, youngest: 4 * time.Minute,
		},
		"Older": {
			reason: "a record of before is at least ten minutes old",
			at:     []time.Duration{time.Hour, 5 * time.Minute}, committed: 0,
			oldest: 11 * time.Minute, youngest: 9 * time.Minute, orEarlier: true,
		},
		"NothingYoung": {
			reason: "no record is as young: all are at least ten minutes old",
			at:     []time.Duration{2 * time.Hour, time.Hour}, committed: 1,
			oldest: 11 * time.Minute, youngest: 9 * time.Minute, orEarlier: true,
		},
		"Future": {
			reason: "a producer whose clock is wrong makes no record of the future",
			at:     []time.Duration{-time.Hour, -time.Hour}, committed: 1,
			oldest: 10*time.Minute + 10*time.Second,
		},
		"NoCommit": {
			reason: "the first record that a new group may read",
			at:     []time.Duration{5 * time.Minute}, committed: kafka.NoOffset,
			oldest: 6 * time.Minute, youngest: 4 * time.Minute,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			for _, ago := range c.at {
				r.produce("orders", 1, now.Add(-ago))
			}
			if c.committed >= 0 {
				r.commit("billing", "orders", 0, c.committed)
			}
			s := reads("billing", "", "orders")
			if before := r.partition(r.cycle(s)[0]).Appended; !before.OrEarlier || before.At.Before(now) {
				t.Errorf("before the look-up the record is as old as the client, or older: %+v", before)
			}
			got := r.partition(r.cycles(s)[0]).Appended
			if got.OrEarlier != c.orEarlier || got.At.Before(now.Add(-c.oldest)) || got.At.After(time.Now().Add(-c.youngest)) {
				t.Errorf("%s: appended %v ago (or earlier: %v)", c.reason, time.Since(got.At), got.OrEarlier)
			}
			if counts := byKind(received[*kmsg.ListOffsetsRequest](r)); counts["time"] != 1 {
				t.Errorf("asked by time %d times, want once", counts["time"])
			}
		})
	}
}

func TestNoLookUpWithoutLag(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	r.produce("orders", 2, time.Time{})
	r.commit("billing", "orders", 0, 2)
	s := reads("billing", "", "orders")
	if got := r.partition(r.cycles(s)[0]).Appended; !got.At.IsZero() {
		t.Errorf("nothing is unread since %v", got.At)
	}
	r.produce("orders", 1, time.Time{})
	got := r.partition(r.cycle(s)[0]).Appended
	if got.OrEarlier || time.Since(got.At) > time.Minute {
		t.Errorf("a record that was seen to come is known: %+v", got)
	}
	r.cycle(s)
	if counts := byKind(received[*kmsg.ListOffsetsRequest](r)); counts["time"] != 0 {
		t.Error("asked by time what the reads of the end told")
	}
}

// TestLookUpThatFailsIsMadeAgain has a partition's leader move.
func TestLookUpThatFailsIsMadeAgain(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	r.produce("orders", 2, time.Now().Add(-5*time.Minute))
	var (
		refuse  atomic.Bool
		refused atomic.Int64
	)
	refuse.Store(true)
	r.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
		r.KeepControl()
		asked := request.(*kmsg.ListOffsetsRequest)
		if !refuse.Load() || asked.Topics[0].Partitions[0].Timestamp < 0 {
			return nil, nil, false
		}
		refused.Add(1)
		response := request.ResponseKind().(*kmsg.ListOffsetsResponse)
		partition := kmsg.NewListOffsetsResponseTopicPartition()
		partition.ErrorCode = kerr.NotLeaderForPartition.Code
		response.Topics = []kmsg.ListOffsetsResponseTopic{{Topic: "orders", Partitions: []kmsg.ListOffsetsResponseTopicPartition{partition}}}
		return response, nil, true
	})
	s := reads("billing", "", "orders")
	r.cycles(s)
	probe := &r.log("orders").probe
	if refused.Load() != 1 || probe.step != probeWanted {
		t.Fatalf("asked by time %d times within %v, want once, and later again: %+v", refused.Load(), shortRespite, probe)
	}
	refuse.Store(false)
	probe.respite.until = time.Now()
	r.cycle(s)
	if got := r.partition(r.cycle(s)[0]).Appended; probe.step != probeDone || time.Since(got.At) < 4*time.Minute {
		t.Errorf("after a second look-up: %+v, %+v", got, probe)
	}
}
