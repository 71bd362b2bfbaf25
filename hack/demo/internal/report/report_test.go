package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// counts is a series with one sample a second and these numbers of workers.
func counts(replicas ...int32) Series {
	var s Series
	for i, n := range replicas {
		s = append(s, Sample{At: time.Duration(i) * time.Second, Desired: n, Replicas: n, Ready: n})
	}
	return s
}

func good() Outcome {
	return Outcome{Series: counts(1, 6, 12, 4, 1), Partitions: 12, Produced: 1000, Distinct: 1000, Redelivered: 3}
}

func TestVerdict(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*Outcome)
		want   string
	}{
		"Good":          {"Redeliveries are no fault: delivery is at least once.", func(*Outcome) {}, ""},
		"Lost":          {"A message that was never handled is lost.", func(o *Outcome) { o.Distinct = 998 }, "1000 messages were produced and 998 distinct ones handled"},
		"Unknown":       {"More handled than acknowledged: the counts can't be trusted.", func(o *Outcome) { o.Distinct = 1001 }, "1000 messages were produced and 1001 distinct ones handled"},
		"OutOfOrder":    {"A partition is handled in order.", func(o *Outcome) { o.OutOfOrder = 2 }, "2 messages were handled after a later one of their partition"},
		"TooMany":       {"Twelve partitions can't use thirteen workers.", func(o *Outcome) { o.Series = counts(1, 13, 1) }, "there were 13 workers for 12 partitions"},
		"SurgedTooMany": {"Workers count that exist without being asked for.", func(o *Outcome) { o.Series[2].Replicas = 24 }, "there were 24 workers for 12 partitions"},
		"NeverRose":     {"A group that only shrinks doesn't follow.", func(o *Outcome) { o.Series = counts(6, 6, 1) }, "the number of workers never rose"},
		"NeverFell":     {"A group that only grows doesn't follow.", func(o *Outcome) { o.Series = counts(1, 6, 6) }, "the number of workers never fell"},
		"Flat": {"Both are said.", func(o *Outcome) { o.Series = counts(1, 1) },
			"the number of workers never rose, and the number of workers never fell"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := good()
			tc.change(&o)
			got := ""
			if err := o.Verdict(); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("%s\ngot  %q\nwant %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestReplicaMinutesHoldUntilTheNextSample(t *testing.T) {
	s := Series{{At: 0, Replicas: 4}, {At: 30 * time.Second, Replicas: 2}, {At: 90 * time.Second, Replicas: 9}}
	if got := s.ReplicaMinutes(); got != 4 {
		t.Errorf("4 for 30 s and 2 for 60 s are %v replica-minutes, want 4", got)
	}
}

func TestWrite(t *testing.T) {
	o := good()
	o.Series[2].Lag = 12345
	o.Series = append(o.Series, Sample{At: 64 * time.Second, Desired: 1, Replicas: 1})
	o.FirstMessage = 4140 * time.Millisecond
	var out strings.Builder
	if err := o.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := `  messages       1,000 produced, 1,000 distinct handled; 3 redeliveries apart
  lag            12,345 at most
  replicas       1 to 12 of 12 partitions, 4 changes
  cost           1.4 replica-minutes, 11 % of the 12.8 of running 12 all the time
  first message  handled 4.1 s after the apply
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPlot(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new")
	paths, err := good().Plot(folder)
	if err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(folder, "demo.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"Arrivals (messages/s)", "Lag (messages)", "Replicas (of 12 useful)", "seconds since the replay began"} {
		if !strings.Contains(string(svg), label) {
			t.Errorf("the plot has no %q", label)
		}
	}
	png, err := os.ReadFile(paths[1])
	if err != nil || !strings.HasPrefix(string(png), "\x89PNG") {
		t.Errorf("the picture %q is no PNG: %v", paths[1], err)
	}
	if _, err := (Outcome{Series: counts(1)}).Plot(folder); err == nil {
		t.Error("one sample makes a plot")
	}
}
