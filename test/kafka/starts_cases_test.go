package kafka_test

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/worker"
)

func outOfRange(choice worker.OutOfRange) func(*opened) {
	return func(x *opened) { x.settings.OnOutOfRange = choice }
}

// deleted has messages 6 to 9 left of 0 to 9.
func deleted(x *opened) {
	x.fill(x.T, x.topic, 0, 10)
	x.deleteRecords(x.T, x.topic, 0, 6)
}

// recreated has messages 0 to 2 in a topic that had more under the same name.
// Kafka deletes the commits with the topic, so the case makes its own: it stands
// for one that was restored, mirrored, or made by a member that held on.
func recreated(x *opened) {
	x.fill(x.T, x.topic, 0, 20)
	x.deleteTopic(x.T, x.topic)
	var id kadm.TopicID
	eventually(x.T, "the new topic", func() bool {
		made, err := x.admin.CreateTopic(within(x.T), 1, 1, nil, x.topic)
		id = made.ID
		return err == nil
	})
	x.awaitTopic(x.T, x.topic, func(known kadm.TopicDetail) bool { return known.ID == id })
	x.produce(x.T, x.newClient(x.T), messages(x.topic, 0, 3)...)
}

func nothing(*opened) {}

var rangeCases = []startCase{
	{
		id: "below-earliest", reason: "what is left is handled, what was deleted is counted",
		prepare: deleted, committed: 2, policy: worker.RangeEarliest, opens: 6, handled: upTo(6, 10), skipped: map[string]float64{"outOfRange": 4},
	},
	{
		id: "below-latest", reason: "what is left is passed over and counted, too",
		prepare: deleted, config: outOfRange(worker.RangeLatest),
		committed: 2, policy: worker.RangeLatest, opens: 10, skipped: map[string]float64{"outOfRange": 8},
	},
	{
		id: "below-fail", reason: "a person decides", prepare: deleted, config: outOfRange(worker.RangeFail), committed: 2,
		fails: &worker.OffsetOutOfRangeError{Topic: "starts-below-fail", Committed: 2, LogStart: 6, LogEnd: 10},
	},
	{
		id: "above-earliest", reason: "the new topic's messages are all new",
		prepare: recreated, committed: 15, policy: worker.RangeEarliest, opens: 0, handled: upTo(0, 3),
	},
	{
		id: "above-latest", reason: "all there is is passed over",
		prepare: recreated, config: outOfRange(worker.RangeLatest),
		committed: 15, policy: worker.RangeLatest, opens: 3, skipped: map[string]float64{"outOfRange": 3},
	},
	{
		id: "above-fail", reason: "a person decides", prepare: recreated, config: outOfRange(worker.RangeFail), committed: 15,
		fails: &worker.OffsetOutOfRangeError{Topic: "starts-above-fail", Committed: 15, LogStart: 0, LogEnd: 3},
	},
	{
		id: "empty-earliest", reason: "of an empty partition nothing is passed over", prepare: nothing, committed: none, opens: 0,
	},
	{
		id: "empty-latest", reason: "as above", prepare: nothing, committed: none, opens: 0,
		config: func(x *opened) { x.settings.InitialOffset = worker.Latest },
	},
}

// young are the messages of the last hour.
func young(x *opened) { x.settings.MaxMessageAge = time.Hour }

const old = 2 * time.Hour

// ageCases are about messages that are too old.
var ageCases = []startCase{
	{
		id: "all-old", reason: "no message is young enough: the broker says -1, which is the log end and not 'keep the commit'",
		prepare: func(x *opened) { x.ages(old, old, old, old, old) }, config: young,
		committed: 2, opens: 5, skipped: map[string]float64{"tooOld": 3},
	},
	{
		id: "all-old-none", reason: "as above, without a commit",
		prepare: func(x *opened) { x.ages(old, old, old) }, config: young,
		committed: none, opens: 3, skipped: map[string]float64{"tooOld": 3},
	},
	{
		id: "some-old", reason: "the first message that is young enough",
		prepare: func(x *opened) { x.ages(old, old, old, 0, 0) }, config: young,
		committed: 1, opens: 3, handled: upTo(3, 5), skipped: map[string]float64{"tooOld": 2},
	},
	{
		id: "never-back", reason: "what is committed is not handled again",
		prepare: func(x *opened) { x.ages(old, 0, 0, 0) }, config: young,
		committed: 3, opens: 3, handled: upTo(3, 4),
	},
	{
		id: "disorder", reason: "an old message behind a young one is dropped as it comes, not where the claim opens",
		prepare: func(x *opened) { x.ages(old, old, 0, old, 0) }, config: young,
		committed: none, opens: 2, handled: []int64{2, 4}, skipped: map[string]float64{"tooOld": 2},
	},
	{
		id: "old-and-deleted", reason: "each offset is counted once, by what it fell to",
		prepare: func(x *opened) {
			x.ages(old, old, old, old, 0)
			x.deleteRecords(x.T, x.topic, 0, 2)
		},
		config: young, committed: 1, policy: worker.RangeEarliest, opens: 4, handled: upTo(4, 5), skipped: map[string]float64{"outOfRange": 1, "tooOld": 2},
	},
	{
		id: "old-empty", reason: "an empty partition has no message of any age", prepare: nothing, config: young, committed: none, opens: 0,
	},
	{
		id: "append-time", reason: "the broker's time counts where it sets it: the producer's says two hours",
		settings: map[string]*string{"message.timestamp.type": text("LogAppendTime")},
		prepare:  func(x *opened) { x.ages(old, old) }, config: young, committed: none, opens: 0, handled: upTo(0, 2),
		notFake: "kfake keeps the producer's time whatever the topic says",
	},
	{
		id: "compacted", reason: "the first record young enough that compaction has left, behind a gap", settings: compaction,
		prepare: func(x *opened) {
			x.fillKeys(x.T, x.topic, 20, 2)
			x.awaitRecords(x.T, x.topic, 22, 4)
		},
		config: young, committed: 4, opens: 4, handled: []int64{19, 20, 21},
	},
	{
		id: "compacted-old", reason: "a commit in a gap, and nothing young behind it", settings: compaction,
		prepare: func(x *opened) {
			x.ages(old, old+1, old, old, old, old+2)
			x.awaitRecords(x.T, x.topic, 6, 4)
		},
		config: young, committed: 3, opens: 6, skipped: map[string]float64{"tooOld": 3},
	},
}

// to is a hook that is asked about what the case has, and says an offset.
func to(committed, offset, says int64) func(*opened) {
	return func(x *opened) {
		want := worker.Start{Topic: x.topic, Committed: committed, LogStart: 2, LogEnd: 10, Offset: offset}
		x.settings.StartAt = func(_ context.Context, start worker.Start) (int64, error) {
			if start != want {
				x.Errorf("the hook was asked with %+v, want %+v", start, want)
			}
			return says, nil
		}
	}
}

// shortened has messages 2 to 9 left of 0 to 9.
func shortened(x *opened) {
	x.fill(x.T, x.topic, 0, 10)
	x.deleteRecords(x.T, x.topic, 0, 2)
}

// hookCases are about StartAt.
var hookCases = []startCase{
	{
		id: "hook-forward", reason: "what it passes over is counted",
		prepare: shortened, config: to(4, 4, 7), committed: 4, opens: 7, handled: upTo(7, 10), skipped: map[string]float64{"hook": 3},
	},
	{
		id: "hook-back", reason: "a commit does not hold it back",
		prepare: shortened, config: to(8, 8, 5), committed: 8, opens: 5, handled: upTo(5, 10),
	},
	{
		id: "hook-none", reason: "it is asked without a commit, too",
		prepare: shortened, config: to(none, 2, 9), committed: none, opens: 9, handled: upTo(9, 10), skipped: map[string]float64{"hook": 7},
	},
	{
		id: "hook-end", reason: "the log end is an offset, too",
		prepare: shortened, config: to(none, 2, 10), committed: none, opens: 10, skipped: map[string]float64{"hook": 8},
	},
	{
		id: "hook-range", reason: "it is told what the log holds and what would be done",
		prepare: shortened, config: to(1, 2, 2), committed: 1, policy: worker.RangeEarliest, opens: 2, handled: upTo(2, 10), skipped: map[string]float64{"outOfRange": 1},
	},
}

// whileOpen has 2 messages, 4 more in a transaction that ends once the
// partition is open, and with a marker at 6.
func whileOpen(age time.Duration, end kgo.TransactionEndTry) func(*opened) {
	return func(x *opened) {
		x.ages(age, age)
		producer := x.begin(x.T, x.topic)
		x.produce(x.T, producer, messages(x.topic, 0, 4)...)
		assigned := x.settings.OnAssigned
		x.settings.OnAssigned = func(ctx context.Context, partitions []worker.Assigned) {
			if err := producer.EndTransaction(ctx, end); err != nil {
				x.Errorf("end the transaction: %v", err)
			}
			assigned(ctx, partitions)
		}
	}
}

func readCommitted(then func(*opened)) func(*opened) {
	return func(x *opened) {
		x.settings.IsolationLevel = worker.ReadCommitted
		then(x)
	}
}

// isolationCases are about a transaction that is open when the partition opens.
var isolationCases = []startCase{
	{
		id: "open-latest", reason: "what the transaction wrote may yet be committed: latest is before it",
		prepare: whileOpen(0, kgo.TryCommit), committed: none, opens: 2, handled: upTo(2, 6), skipped: map[string]float64{"latest": 2},
		config: readCommitted(func(x *opened) { x.settings.InitialOffset = worker.Latest }),
	},
	{
		id: "open-range", reason: "the same for an offset out of range",
		prepare: whileOpen(0, kgo.TryCommit), committed: 30, policy: worker.RangeLatest, opens: 2, handled: upTo(2, 6), skipped: map[string]float64{"outOfRange": 2},
		config: readCommitted(outOfRange(worker.RangeLatest)),
	},
	{
		id: "open-old", reason: "young messages behind the last stable offset are none to the broker, and are not passed over",
		prepare: whileOpen(old, kgo.TryCommit), committed: none, opens: 2, handled: upTo(2, 6), skipped: map[string]float64{"tooOld": 2},
		config: readCommitted(young),
	},
	{
		id: "open-abort", reason: "what was aborted does not come",
		prepare: whileOpen(old, kgo.TryAbort), committed: 1, opens: 2, skipped: map[string]float64{"tooOld": 1},
		config: readCommitted(young),
	},
	{
		id: "open-uncommitted", reason: "with read_uncommitted latest is behind it",
		prepare: whileOpen(0, kgo.TryCommit), committed: none, opens: 6, skipped: map[string]float64{"latest": 6},
		config: func(x *opened) { x.settings.InitialOffset = worker.Latest },
	},
}
