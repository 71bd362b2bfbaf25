package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/hack/kafka/replay"
)

func TestSectionStartsAtZero(t *testing.T) {
	whole := replay.Curve{{At: 0, Value: 1}, {At: 5, Value: 2}, {At: 11, Value: 3}, {At: 15, Value: 4}}
	want := replay.Curve{{At: 0, Value: 2}, {At: 6, Value: 3}}
	if diff := cmp.Diff(want, section(whole, 1, 3)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDefaults(t *testing.T) {
	cases := map[string]struct {
		options options
		want    time.Duration
		refused bool
	}{
		"Whole":    {options: options{}, want: 5 * time.Minute},
		"Short":    {options: options{short: true}, want: 75 * time.Second},
		"Chosen":   {options: options{short: true, duration: time.Hour}, want: time.Hour},
		"TooShort": {options: options{duration: time.Second}, refused: true},
		"Broker":   {options: options{kafka: "other"}, refused: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := tc.options.withDefaults()
			if (err != nil) != tc.refused {
				t.Fatalf("got error %v", err)
			}
			if err == nil && got.duration != tc.want {
				t.Errorf("got %s, want %s", got.duration, tc.want)
			}
		})
	}
}

// What the demo is about must be in what it replays: a peak for which the
// sample's worker (20 ms a message) is needed about ten times, and hours for
// which a few suffice.
func TestCurvesAskForMoreAndForLess(t *testing.T) {
	const perWorker, hour = 50.0, time.Hour
	for name, o := range map[string]options{"Whole": {}, "Short": {short: true}} {
		t.Run(name, func(t *testing.T) {
			curve, err := o.curve()
			if err != nil {
				t.Fatal(err)
			}
			fewest, most := 1e9, 0.0
			for at := time.Duration(0); at+hour <= curve.Length(); at += hour {
				workers := (curve.Area(at+hour) - curve.Area(at)) / hour.Seconds() * scale / perWorker
				fewest, most = min(fewest, workers), max(most, workers)
			}
			if fewest > 4 || most < 6 || most > partitions+1 {
				t.Errorf("from %.1f to %.1f workers are needed", fewest, most)
			}
		})
	}
}

func TestTheFirstLoadIsAFewMessages(t *testing.T) {
	load, err := firstLoad("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if got := load.Total(); got != firstMessages {
		t.Errorf("%d messages, want %d", got, firstMessages)
	}
}
