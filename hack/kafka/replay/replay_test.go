package replay

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

func TestTwoDays(t *testing.T) {
	curve, err := TwoDays()
	if err != nil {
		t.Fatal(err)
	}
	if got := curve.Length(); got != 48*time.Hour {
		t.Errorf("the curve is %s long", got)
	}
	// Means of three hours: low at 0 h, 24 h and 45 h, high at 12 h and 36 h.
	mean := func(from time.Duration) float64 {
		return (curve.Area(from+3*time.Hour) - curve.Area(from)) / (3 * time.Hour).Seconds()
	}
	for _, peak := range []time.Duration{12 * time.Hour, 36 * time.Hour} {
		for _, trough := range []time.Duration{0, 24 * time.Hour, 45 * time.Hour} {
			if high, low := mean(peak), mean(trough); high < 2*low {
				t.Errorf("%.0f at %s is not a peak beside %.0f at %s", high, peak, low, trough)
			}
		}
	}
}

func TestCurve(t *testing.T) {
	curve := Curve{{0, 10}, {2 * time.Second, 0}, {3 * time.Second, 4}}
	if got := curve.Length(); got != 4*time.Second {
		t.Errorf("length %s, want 4s: the last point holds as long as the one before", got)
	}
	for at, want := range map[time.Duration]float64{0: 10, 1999 * time.Millisecond: 10, 2 * time.Second: 0, 3 * time.Second: 4, 4 * time.Second: 0} {
		if got := curve.Value(at); got != want {
			t.Errorf("value at %s is %g, want %g", at, got, want)
		}
	}
	for until, want := range map[time.Duration]float64{0: 0, time.Second: 10, 2 * time.Second: 20, 3 * time.Second: 20, 3500 * time.Millisecond: 22, time.Minute: 24} {
		if got := curve.Area(until); math.Abs(got-want) > 1e-9 {
			t.Errorf("area until %s is %g, want %g", until, got, want)
		}
	}
}

func TestReadNABNamesTheRow(t *testing.T) {
	cases := map[string]struct {
		reason, trace, want string
	}{
		"Empty":      {"There is nothing to replay.", "timestamp,value\n", "fewer than two rows"},
		"Time":       {"The third line is at fault.", "timestamp,value\n2014-04-10 00:04:00,1\nyesterday,2\n", "row 3"},
		"Value":      {"The second line is at fault.", "timestamp,value\n2014-04-10 00:04:00,much\n2014-04-10 00:09:00,2\n", "row 2"},
		"Descending": {"Time goes forward.", "timestamp,value\n2014-04-10 00:09:00,1\n2014-04-10 00:04:00,2\n", "not after"},
		"Negative":   {"A rate isn't negative.", "timestamp,value\n2014-04-10 00:04:00,-1\n2014-04-10 00:09:00,2\n", "negative"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadNAB(strings.NewReader(tc.trace)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nReadNAB: %v, want it to contain %q", tc.reason, err, tc.want)
			}
		})
	}
}

func start(t *testing.T, options Options) (*Replay, sarama.Client) {
	t.Helper()
	running, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "demo", Partitions: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Close)
	options.BootstrapServers, options.Topic = []string{running.Address}, "demo"
	load, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	client, err := sarama.NewClient(options.BootstrapServers, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return load, client
}

// The log holds exactly what was counted as acknowledged, in all partitions.
func TestRunCountsWhatTheBrokerHas(t *testing.T) {
	// 10 s of 50/s and 10 s of 150/s at 2.5 messages each and 40 times the
	// speed: (10 x 50 + 10 x 150) x 2.5 / 40 = 125 messages in half a second.
	curve := Curve{{0, 50}, {10 * time.Second, 150}}
	load, client := start(t, Options{Curve: curve, SpeedUp: 40, Scale: 2.5})
	if err := load.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := load.Progress()
	if done.Sent != 125 || done.Acknowledged != 125 || done.Failed != 0 {
		t.Errorf("sent %d, acknowledged %d, failed %d; want 125, 125, 0", done.Sent, done.Acknowledged, done.Failed)
	}
	for partition := range int32(4) {
		end, err := client.GetOffset("demo", partition, sarama.OffsetNewest)
		if err != nil {
			t.Fatal(err)
		}
		if end != done.Partitions[partition] || end == 0 {
			t.Errorf("partition %d holds %d messages, counted %d", partition, end, done.Partitions[partition])
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	load, _ := start(t, Options{Curve: Curve{{0, 100}, {time.Hour, 100}}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- load.Run(ctx) }()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for load.Progress().Acknowledged == 0 {
		<-look.C
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if done := load.Progress(); done.Acknowledged != done.Sent {
		t.Errorf("%d of %d messages acknowledged: what was sent is not awaited", done.Acknowledged, done.Sent)
	}
}

func TestRunReportsWhatWasNotAcknowledged(t *testing.T) {
	load, _ := start(t, Options{Curve: Curve{{0, 10}, {time.Second, 10}}, SpeedUp: 10})
	load.options.Topic = "missing"
	err := load.Run(t.Context())
	if done := load.Progress(); err == nil || done.Failed != load.Total() || done.Acknowledged != 0 {
		t.Errorf("Run: %v with %d of %d failed", err, done.Failed, load.Total())
	}
}

func TestNewRefusesOptionsThatCannotWork(t *testing.T) {
	good := Curve{{0, 1}, {time.Second, 1}}
	cases := map[string]Options{
		"NoCurve":       {},
		"NegativeScale": {Curve: good, Scale: -1},
		"NegativeSpeed": {Curve: good, SpeedUp: -1},
	}
	for name, options := range cases {
		if _, err := New(options); err == nil {
			t.Errorf("%s: New succeeded", name)
		}
	}
}
