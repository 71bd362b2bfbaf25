package resetplan

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestReplay: two partitions went back by 1,000 and 200, one ahead, one gained
// its first commit, one lost it.
func TestReplay(t *testing.T) {
	snapshot := []v1alpha1.SavedOffset{saved(0, 1000, ""), saved(1, 500, ""), saved(2, 100, ""), saved(3, none, ""), saved(4, 90, "")}
	writes := []v1alpha1.SavedOffset{saved(0, 0, "t"), saved(1, 300, "t"), saved(2, 400, "t"), saved(3, 10, "t"), saved(4, none, "")}
	committed := func(first, second int64) map[kafka.TopicPartition]int64 {
		return map[kafka.TopicPartition]int64{{Topic: "orders"}: first, {Topic: "orders", Partition: 1}: second, {Topic: "orders", Partition: 2}: 450}
	}
	at := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(d)} }
	cases := map[string]struct {
		reason    string
		committed map[kafka.TopicPartition]int64
		perSecond float64
		now       time.Time
		want      v1alpha1.ResetReplay
	}{
		"Begun": {"nothing is known of the rate", committed(0, 300), 0, noon,
			v1alpha1.ResetReplay{Offsets: 1200, Remaining: 1200, Summary: "0%"}},
		"NothingKnown": {"no commit is known: all of it is left", nil, 0, noon.Add(time.Minute),
			v1alpha1.ResetReplay{Offsets: 1200, Remaining: 1200, Summary: "0%"}},
		"UnderWay": {"the present rate", committed(400, 500), 20, noon,
			v1alpha1.ResetReplay{Offsets: 1200, Remaining: 600, Percent: 50, EstimatedEnd: at(30 * time.Second), Summary: "50%, 30s left"}},
		"NoRate": {"where no rate is known no end is", committed(400, 500), 0, noon.Add(time.Minute),
			v1alpha1.ResetReplay{Offsets: 1200, Remaining: 600, Percent: 50, Summary: "50%"}},
		"Beyond": {"what a partition has beyond its snapshot does not make up for another", committed(400, 9999), 20, noon,
			v1alpha1.ResetReplay{Offsets: 1200, Remaining: 600, Percent: 50, EstimatedEnd: at(30 * time.Second), Summary: "50%, 30s left"}},
		"Overwritten": {"a commit below what was written is no more than all of it", committed(-1, 0), 20, noon,
			v1alpha1.ResetReplay{Offsets: 1200, Remaining: 1200, EstimatedEnd: at(time.Minute), Summary: "0%, 1m left"}},
		"Rounded": {"numbers in status are rounded; nearly all is not all", committed(1000, 499), 0.5, noon,
			v1alpha1.ResetReplay{Offsets: 1200, Remaining: 1, Percent: 99, EstimatedEnd: at(2 * time.Second), Summary: "99%, 2s left"}},
		"Done": {"", committed(1000, 500), 20, noon, v1alpha1.ResetReplay{Offsets: 1200, Percent: 100, Summary: "100%"}},
		"Slow": {"an estimate of years is none", committed(400, 500), 1e-9, noon,
			v1alpha1.ResetReplay{Offsets: 1200, Remaining: 600, Percent: 50, Summary: "50%"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, _ := Replay(nil, Pace{}, snapshot, writes, tc.committed, Workers{PerSecond: tc.perSecond}, tc.now)
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
	if got, _ := Replay(nil, Pace{}, snapshot[2:], writes[2:], nil, Workers{PerSecond: 1}, noon); got != nil {
		t.Errorf("nothing went back, and it says %+v", got)
	}
	if got := percentOf(math.MaxInt64, 1); got != 99 {
		t.Errorf("%d%% with one left of very many", got)
	}
}

// TestReplayStandsStill: a partition that nobody gets on with, while others are
// consumed, has no end that could be told, and nothing new to be written.
func TestReplayStandsStill(t *testing.T) {
	snapshot, writes := []v1alpha1.SavedOffset{saved(0, 1_000_000, "")}, []v1alpha1.SavedOffset{saved(0, 0, "t")}
	looks := []struct {
		reason    string
		after     time.Duration
		committed int64
		perSecond float64
		none      bool
		summary   string
		written   bool
	}{
		{"the first look", 0, 400_000, 1000, false, "40%, 10m left", true},
		{"the same, and another time", 15 * time.Second, 400_000, 1000, false, "40%, 10m left", false},
		{"too little to show", 30 * time.Second, 400_010, 1000, false, "40%, 10m left", false},
		{"a minute since then", 90 * time.Second, 400_010, 1000, false, "40%", true},
		{"still", 105 * time.Second, 400_010, 1000, false, "40%", false},
		{"it goes on", 120 * time.Second, 465_000, 1000, false, "46%, 9m left", true},
		{"without a rate", 135 * time.Second, 465_000, 0, false, "46%", true},
		{"still without", 10 * time.Hour, 465_000, 0, false, "46%", false},
		{"a pause: the rate is of before it", 11 * time.Hour, 470_000, 1000, true, "47%, no workers", true},
		{"still paused", 12 * time.Hour, 470_000, 1000, true, "47%, no workers", false},
		{"workers are back, who have not got on yet", 13 * time.Hour, 470_000, 1000, false, "47%", true},
		{"they have", 13*time.Hour + time.Second, 940_000, 1000, false, "94%, 1m left", true},
		{"at its end nobody is needed", 13*time.Hour + time.Minute, 1_000_000, 0, true, "100%", true},
	}
	var last *v1alpha1.ResetReplay
	var pace Pace
	for _, look := range looks {
		got, next := Replay(last, pace, snapshot, writes, map[kafka.TopicPartition]int64{{Topic: "orders"}: look.committed}, Workers{look.perSecond, look.none}, noon.Add(look.after))
		if written := !cmp.Equal(last, got); got.Summary != look.summary || written != look.written {
			t.Errorf("%s: %q, written: %t; want %q, %t", look.reason, got.Summary, written, look.summary, look.written)
		}
		last, pace = got, next
	}
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Millisecond: "1s", 59 * time.Second: "59s", time.Minute: "1m", 90 * time.Second: "2m",
		time.Hour: "1h", 47*time.Hour + time.Second: "48h", 48 * time.Hour: "2d", 49 * time.Hour: "3d",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}
