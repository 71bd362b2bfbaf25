package kafkaadmin

import (
	"testing"
	"time"

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
