package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
	"github.com/lagrange-operator/lagrange/worker"
)

var replayNow = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestParseReplayOptions(t *testing.T) {
	defaults := replayOptions{replay: worker.ReplayOptions{From: worker.AtEarliest(), To: worker.AtLatest()}}
	with := func(change func(*replayOptions)) replayOptions {
		changed := defaults
		change(&changed)
		return changed
	}
	environment := map[string]string{"WORKER_SERVICE_TIME": "1s", "WORKER_GRACE_PERIOD": "5s", "WORKER_TALLY_ADDR": "host:2"}
	cases := map[string]struct {
		reason string
		args   string
		env    map[string]string
		want   replayOptions
	}{
		"Defaults": {reason: "Everything that is there.", want: defaults},
		"Environment": {reason: "The worker's variables are read.", env: environment, want: with(func(o *replayOptions) {
			o.serviceTime, o.gracePeriod, o.tallyAddress = time.Second, 5*time.Second, "host:2"
		})},
		"Flags": {reason: "Every option has a flag.",
			args: "--topic=t --partitions=0,3-5 --group=g --attempts=3 --print --values --service-time=1s --grace-period=2s --tally=h:1",
			want: with(func(o *replayOptions) {
				o.replay.Topic, o.replay.Partitions, o.replay.KeepAs = "t", []int32{0, 3, 4, 5}, "g"
				o.attempts, o.print, o.values, o.serviceTime, o.gracePeriod, o.tallyAddress = 3, true, true, time.Second, 2*time.Second, "h:1"
			})},
		"Words": {reason: "Words are bounds.", args: "--from=kept --to=never --group=g", want: with(func(o *replayOptions) {
			o.replay.From, o.replay.To, o.replay.KeepAs = worker.AtKept(), worker.Never(), "g"
		})},
		"Offsets": {reason: "Numbers are offsets.", args: "--from=5 --to=10", want: with(func(o *replayOptions) { o.replay.From, o.replay.To = worker.AtOffset(5), worker.AtOffset(10) })},
		"Times": {reason: "A time has a zone.", args: "--from=2026-01-31T14:00:00Z --to=2026-01-31T14:00:00.5Z", want: with(func(o *replayOptions) {
			at := time.Date(2026, 1, 31, 14, 0, 0, 0, time.UTC)
			o.replay.From, o.replay.To = worker.AtTime(at), worker.AtTime(at.Add(500*time.Millisecond))
		})},
		"Ago": {reason: "A duration is ago.", args: "--from=2h --to=1h30m", want: with(func(o *replayOptions) {
			o.replay.From, o.replay.To = worker.AtTime(replayNow.Add(-2*time.Hour)), worker.AtTime(replayNow.Add(-90*time.Minute))
		})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseReplayOptions(strings.Fields(tc.args), func(name string) string { return tc.env[name] }, replayNow)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(replayOptions{}), cmp.Comparer(func(a, b worker.Bound) bool { return a == b })); diff != "" {
				t.Errorf("%s -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestParseReplayOptionsNamesWhatIsWrong(t *testing.T) {
	cases := map[string]string{
		"--from=yesterday":           `--from="yesterday"`,
		"--to=2026-01-31T14:00:00":   "zone",
		"--from=-2h":                 `--from="-2h"`,
		"--partitions=a":             `"a" is no partition`,
		"--partitions=1,,2":          `"" is no partition`,
		"--partitions=-1":            `"-1" is no partition`,
		"--partitions=5-3":           `"5-3" is no partition`,
		"--partitions=0-1000000000":  "is no partition",
		"--partitions=0-99999999999": "is no partition",
		"--service-time=-1s":         "negative",
		"run":                        `"run"`,
		"--no-such-flag":             "no-such-flag",
		"--from=kept":                "--from=kept needs --group",
		"--values":                   "--values needs --print",
	}
	for args, want := range cases {
		if _, err := parseReplayOptions([]string{args}, func(string) string { return "" }, replayNow); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to contain %s", args, err, want)
		}
	}
}

func TestPrintedKeys(t *testing.T) {
	var output bytes.Buffer
	print := printer(&output, false)
	for _, key := range [][]byte{nil, {}, []byte("k\"ü"), {0xff}} {
		if err := print(t.Context(), worker.Message{Topic: "t", Partition: 1, Offset: 2, Key: key, Timestamp: replayNow}); err != nil {
			t.Fatal(err)
		}
	}
	const rest = `"topic":"t","partition":1,"offset":2,"key":`
	want := "{" + rest + `null,"timestamp":"2026-01-31T12:00:00Z"}
{` + rest + `"","timestamp":"2026-01-31T12:00:00Z"}
{` + rest + `"k\"ü","timestamp":"2026-01-31T12:00:00Z"}
{` + rest + `null,"keyBase64":"/w==","timestamp":"2026-01-31T12:00:00Z"}
`
	if diff := cmp.Diff(want, output.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What a dead letter says of itself is in its headers, which are no text where
// another program wrote them.
func TestPrintedHeadersAndValues(t *testing.T) {
	var output bytes.Buffer
	msg := worker.Message{Topic: "t", Timestamp: replayNow, Value: []byte("v"), Headers: []worker.Header{
		{Key: []byte(worker.HeaderOffset), Value: []byte("7")}, {Key: []byte("raw"), Value: []byte{0xff}}, {Key: []byte("none")},
	}}
	for _, value := range [][]byte{[]byte("v"), {0xfe}, nil} {
		msg.Value = value
		if err := printer(&output, true)(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	const rest = `{"topic":"t","partition":0,"offset":0,"key":null,"timestamp":"2026-01-31T12:00:00Z","headers":` +
		`[{"key":"lagrange-offset","value":"7"},{"key":"raw","value":null,"valueBase64":"/w=="},{"key":"none","value":null}],`
	want := rest + `"value":"v"}` + "\n" + rest + `"value":null,"valueBase64":"/g=="}` + "\n" + rest + `"value":null}` + "\n"
	if diff := cmp.Diff(want, output.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// newReplayable is a broker with 20 messages in each of three partitions.
func newReplayable(t *testing.T) *broker.Broker {
	t.Helper()
	kafka, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "demo", Partitions: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	config := sarama.NewConfig()
	config.Producer.Return.Successes, config.Producer.Partitioner = true, sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer([]string{kafka.Address}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = producer.Close() }()
	for i := range 60 {
		key := sarama.StringEncoder(strconv.Itoa(i / 3))
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "demo", Partition: int32(i % 3), Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	return kafka
}

func replayCommand(kafka *broker.Broker, args ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], append([]string{"replay", "--topic=demo"}, args...)...)
	command.Env = append(os.Environ(), beWorker+"=1", workerconfig.EnvBootstrapServers+"="+kafka.Address, workerconfig.EnvGroupID+"=demo")
	return command
}

func TestReplayCommandPrints(t *testing.T) {
	kafka := newReplayable(t)
	command := replayCommand(kafka, "--partitions=0,2", "--from=5", "--to=8", "--print", "--group=again")
	var log bytes.Buffer
	command.Stderr = &log
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	got := map[int32][]string{}
	for line := range strings.Lines(string(output)) {
		var p printed
		if err := json.Unmarshal([]byte(line), &p); err != nil || p.Key == nil || p.Timestamp.IsZero() {
			t.Fatalf("printed %q: %v", line, err)
		}
		got[p.Partition] = append(got[p.Partition], *p.Key+" at "+strconv.FormatInt(p.Offset, 10))
	}
	of := []string{"5 at 5", "6 at 6", "7 at 7"}
	if diff := cmp.Diff(map[int32][]string{0: of, 2: of}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !strings.Contains(log.String(), `"partitions":2,"handled":6`) {
		t.Errorf("no summary in\n%s", &log)
	}
	again := replayCommand(kafka, "--partitions=0", "--from=kept", "--to=9", "--print", "--group=again")
	if output, err := again.Output(); err != nil || strings.Count(string(output), "\n") != 1 {
		t.Errorf("going on printed %q, %v; want offset 8 alone", output, err)
	}
}

func TestReplayCommandTallies(t *testing.T) {
	kafka, counted := newReplayable(t), tally.New()
	server := httptest.NewServer(counted.Handler())
	t.Cleanup(server.Close)
	command := replayCommand(kafka, "--tally="+strings.TrimPrefix(server.URL, "http://"))
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if got := counted.Counts(); got.Distinct != 60 || got.OutOfOrder != 0 {
		t.Errorf("counted %+v, want 60 in order", got)
	}
}

// Told to stop, a replay without an end ends well, and one with an end does not.
func TestReplayCommandIsStopped(t *testing.T) {
	kafka := newReplayable(t)
	for to, fails := range map[string]bool{"never": false, "latest": true} {
		command := replayCommand(kafka, "--to="+to, "--service-time=500ms")
		log, err := command.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Read(make([]byte, 1)); err != nil { // a partition opens
			t.Fatal(err)
		}
		send(t, command, syscall.SIGTERM)
		var rest bytes.Buffer
		_, _ = rest.ReadFrom(log)
		if err := command.Wait(); (err != nil) != fails {
			t.Errorf("up to %s it ended with %v\n%s", to, err, &rest)
		}
	}
}

func TestReplayCommandFails(t *testing.T) {
	kafka := newReplayable(t)
	for args, want := range map[string]string{"--from=99": "from 0 to 20", "--group=demo": "own group", "--from=soon": "soon"} {
		output, err := replayCommand(kafka, args).CombinedOutput()
		if err == nil || !strings.Contains(string(output), want) || strings.Contains(string(output), "replay ended") {
			t.Errorf("%s: %v, %s; want it to contain %s, and no summary of nothing", args, err, output, want)
		}
	}
}
