package kafka_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/worker"
)

// replayCase is a topic of one partition, and what a replay of it must hand in.
type replayCase struct {
	reason    string
	settings  map[string]*string
	isolation worker.IsolationLevel
	prepare   func(*replayTrial)
	options   worker.ReplayOptions
	want      []int64
	from, to  int64
}

type replayTrial struct {
	*testing.T
	*stand
	topic string
}

// anHourAgo is neither in the future, which Kafka refuses, nor so old that it
// deletes the message.
var anHourAgo = time.Now().Add(-time.Hour).Truncate(time.Second)

// secondly has ten messages a second apart, the first an hour ago.
func secondly(x *replayTrial) {
	for i := range 10 {
		x.produce(x.T, x.client, &kgo.Record{Topic: x.topic, Value: []byte("x"), Timestamp: anHourAgo.Add(time.Duration(i) * time.Second)})
	}
}

// transactions has messages 0 and 1, a transaction of 2 and 3 that is committed
// at 4, one of 5 to 7 that is aborted at 8, and one of 9 that stays open.
func transactions(x *replayTrial) {
	x.fill(x.T, x.topic, 0, 2)
	committed := x.begin(x.T, x.topic)
	x.produce(x.T, committed, messages(x.topic, 0, 2)...)
	must(x.T, "commit", committed.EndTransaction(within(x.T), kgo.TryCommit))
	aborted := x.begin(x.T, x.topic+"-aborted")
	x.produce(x.T, aborted, messages(x.topic, 0, 3)...)
	must(x.T, "abort", aborted.EndTransaction(within(x.T), kgo.TryAbort))
	x.produce(x.T, x.begin(x.T, x.topic+"-open"), messages(x.topic, 0, 1)...)
}

// compacted has 20 messages of two keys between two of others, of which the
// first, the newest of each key at 19 and 20, and the last are left.
func compacted(x *replayTrial) {
	x.fillKeys(x.T, x.topic, 20, 2)
	x.awaitRecords(x.T, x.topic, 22, 4)
}

// emptied has one message, and behind it six offsets of which nothing is left.
func emptied(x *replayTrial) {
	x.produce(x.T, x.client, keyed(x.topic, "first"), keyed(x.topic, "key"), &kgo.Record{Topic: x.topic, Key: []byte("key")})
	x.abort(x.T, x.topic)
	x.awaitRecords(x.T, x.topic, 5, 2)
	x.abort(x.T, x.topic) // the tombstone goes with the second cleaning
	x.awaitRecords(x.T, x.topic, 7, 1)
}

var replayCases = map[string]replayCase{
	"times": {
		reason: "the first message of a time or later, and none of the end's", prepare: secondly,
		options: worker.ReplayOptions{From: worker.AtTime(anHourAgo.Add(2 * time.Second)), To: worker.AtTime(anHourAgo.Add(4*time.Second + 1))},
		want:    []int64{2, 3, 4}, from: 2, to: 5,
	},
	"times-behind-the-end": {
		reason: "Kafka answers -1 for a time behind the last message", prepare: secondly,
		options: worker.ReplayOptions{From: worker.AtTime(anHourAgo.Add(9 * time.Second)), To: worker.AtTime(anHourAgo.Add(time.Minute))},
		want:    []int64{9}, from: 9, to: 10,
	},
	"below-the-log-start": {
		reason: "earliest is where the log starts",
		prepare: func(x *replayTrial) {
			secondly(x)
			x.deleteRecords(x.T, x.topic, 0, 7)
		},
		want: []int64{7, 8, 9}, from: 7, to: 10,
	},
	"committed": {
		reason: "the last of what can be read are aborted messages and their marker", isolation: worker.ReadCommitted,
		prepare: transactions, want: []int64{0, 1, 2, 3}, to: 9,
	},
	"uncommitted": {
		reason: "all but the markers", prepare: transactions, want: []int64{0, 1, 2, 3, 5, 6, 7, 9}, to: 10,
	},
	"up-to-a-marker": {
		reason: "the last offset is a marker", prepare: transactions, options: worker.ReplayOptions{To: worker.AtOffset(5)},
		want: []int64{0, 1, 2, 3}, to: 5,
	},
	"compacted": {
		reason: "the last offsets before the end are compacted away", settings: compaction, prepare: compacted,
		options: worker.ReplayOptions{To: worker.AtOffset(19)}, want: []int64{0}, to: 19,
	},
	"compacted-from-a-hole": {
		reason: "reading begins where nothing is left", settings: compaction, prepare: compacted,
		options: worker.ReplayOptions{From: worker.AtOffset(5)}, want: []int64{19, 20, 21}, from: 5, to: 22,
	},
	"emptied": {
		reason: "of all behind the first message nothing is left but batches without records, and a marker", settings: compaction,
		prepare: emptied, want: []int64{0}, to: 7, isolation: worker.ReadCommitted,
	},
	"emptied-from-a-hole": {
		reason: "nothing is left at all", settings: compaction, prepare: emptied,
		options: worker.ReplayOptions{From: worker.AtOffset(1), To: worker.AtOffset(5)}, from: 1, to: 5,
	},
}

// TestReplay replays to the end, which must come, keeps how far it came, and has
// nothing to do the second time.
func TestReplay(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *stand) {
		for name, c := range replayCases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				x := &replayTrial{T: t, stand: s, topic: "replay-" + name}
				s.createTopic(t, x.topic, 1, c.settings)
				c.prepare(x)
				options := c.options
				options.Topic, options.KeepAs = x.topic, x.topic+"-replay"
				x.replay(c, options, c.want, worker.ReplayedPartition{From: c.from, To: c.to, Next: c.to, Handled: int64(len(c.want))})
				options.From = worker.AtKept()
				x.replay(c, options, nil, worker.ReplayedPartition{From: c.to, To: c.to, Next: c.to})
				x.kept(options.KeepAs, c.to)
			})
		}
	})
}

func (x *replayTrial) replay(c replayCase, options worker.ReplayOptions, want []int64, summary worker.ReplayedPartition) {
	x.Helper()
	var mutex sync.Mutex
	var handled []int64
	got, err := worker.Replay(within(x.T), x.config(c.isolation), options, func(_ context.Context, msg worker.Message) error {
		mutex.Lock()
		defer mutex.Unlock()
		handled = append(handled, msg.Offset)
		return nil
	})
	must(x.T, "replay", err)
	if !slices.Equal(handled, want) {
		x.Errorf("%s: handled %v, want %v", c.reason, handled, want)
	}
	if diff := gocmp.Diff([]worker.ReplayedPartition{summary}, got.Partitions); diff != "" {
		x.Errorf("%s: -want +got:\n%s", c.reason, diff)
	}
}

func (x *replayTrial) config(isolation worker.IsolationLevel) worker.Config {
	return worker.Config{
		BootstrapServers: x.servers, IsolationLevel: isolation,
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	}
}

func (x *replayTrial) kept(as string, want int64) {
	x.Helper()
	var offsets kadm.OffsetResponses
	eventually(x.T, "the offset kept as "+as, func() (done bool) { // a broker that was restarted has cut the connection
		var err error
		offsets, err = x.admin.FetchOffsets(within(x.T), as)
		return err == nil
	})
	if at, ok := offsets.Lookup(x.topic, 0); !ok || at.At != want {
		x.Errorf("kept %+v, want %d, which is next", at, want)
	}
}

// TestReplayIsRefusedForAGroupWithMembers tries members of both of Kafka's
// protocols: those of the newer one look dead to who asks for the older one.
func TestReplayIsRefusedForAGroupWithMembers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *stand) {
		x := &replayTrial{T: t, stand: s, topic: "replay-refused"}
		s.createTopic(t, x.topic, 1, nil)
		secondly(x)
		for name, protocol := range map[string]context.Context{
			"classic":  context.Background(),
			"consumer": context.WithValue(context.Background(), "opt_in_kafka_next_gen_balancer_beta", true), //nolint:staticcheck // franz-go's key
		} {
			x.commit(t, name, x.topic, map[int32]int64{0: 4})
			s.newClient(t, kgo.WithContext(protocol), kgo.ConsumerGroup(name), kgo.ConsumeTopics(x.topic), kgo.DisableAutoCommit())
			eventually(t, "a member of group "+name, func() bool { return x.hasMembers(name) })
			_, err := worker.Replay(within(t), x.config(""), worker.ReplayOptions{Topic: x.topic, KeepAs: name}, func(context.Context, worker.Message) error {
				t.Errorf("a message was handed in beside group %q", name)
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), "has members") {
				t.Errorf("keeping offsets as group %q: %v, want it to say that it has members", name, err)
			}
			x.kept(name, 4)
		}
	})
}

// TestReplayGoesOnAfterARestart stops the only broker among the messages.
func TestReplayGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	x := &replayTrial{T: t, stand: apacheStand(t), topic: "replay-restart"}
	x.createTopic(t, x.topic, 1, nil)
	x.produceAtOnce(1000)
	var handled []int64
	options := worker.ReplayOptions{Topic: x.topic, KeepAs: "replay-restart"}
	summary, err := worker.Replay(within(t), x.config(""), options, func(_ context.Context, msg worker.Message) error {
		handled = append(handled, msg.Offset)
		if msg.Offset != 100 {
			return nil
		}
		if err := x.apache.Stop(0); err != nil {
			return worker.Permanent(err)
		}
		return worker.Permanent(x.apache.StartAgain(context.Background(), 0))
	})
	must(t, "replay", err)
	if len(handled) != 1000 || handled[999] != 999 || summary.Handled() != 1000 || !slices.IsSorted(handled) {
		t.Errorf("handled %d messages, %+v; want 1000 in order, each once", len(handled), summary)
	}
	x.kept("replay-restart", 1000)
}

// produceAtOnce makes messages that are larger together than what a consumer
// takes in advance.
func (x *replayTrial) produceAtOnce(count int) {
	x.Helper()
	var records []*kgo.Record
	for range count {
		records = append(records, &kgo.Record{Topic: x.topic, Value: make([]byte, 1<<10)})
	}
	must(x.T, "produce", x.client.ProduceSync(within(x.T), records...).FirstErr())
}

func (x *replayTrial) hasMembers(group string) bool {
	classic, err := x.admin.DescribeGroups(within(x.T), group)
	if err == nil && len(classic[group].Members) > 0 {
		return true
	}
	newer, err := x.admin.DescribeConsumerGroups(within(x.T), group)
	return err == nil && len(newer[group].Members) > 0
}
