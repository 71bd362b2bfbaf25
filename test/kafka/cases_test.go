package kafka_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

func TestCases(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stand) {
		e := startEngine(t, kafkaadmin.Options{})
		cases := slices.Concat(commitCases, transactionCases, memberCases)
		t.Run("all", func(t *testing.T) { // returns when all parallel ones have ended
			for order, c := range cases {
				t.Run(c.id, func(t *testing.T) {
					t.Parallel()
					c.run(t, s, e, order)
				})
			}
			t.Run("many", func(t *testing.T) {
				t.Parallel()
				manyGroups(t, s, e, len(cases))
			})
		})
	})
}

// commitCases are about where the commit lies in the log.
var commitCases = []lagCase{
	{
		id: "none-earliest", name: "no commits, initialOffset earliest", partitions: 2,
		reason:  "a group that starts at the log start has everything before it",
		prepare: func(x *trial) { x.fill(x.T, x.topic, 0, 5) },
		want: map[string]reading{
			"none-earliest-0": {Committed: kafka.NoOffset, End: 5, Lag: 5},
			"none-earliest-1": {Committed: kafka.NoOffset, End: 0, Lag: 0},
		},
		toolFails: "not found",
		why:       "the tool knows a group only from its first commit or member on; we count from `initialOffset`",
	},
	{
		id: "none-latest", name: "no commits, initialOffset latest", partitions: 1, initial: kafka.InitialLatest,
		reason:    "a group that starts at the log end has nothing before it",
		prepare:   func(x *trial) { x.fill(x.T, x.topic, 0, 5) },
		want:      map[string]reading{"none-latest-0": {Committed: kafka.NoOffset, End: 5, Lag: 0}},
		toolFails: "not found",
		why:       "as above",
	},
	{
		id: "some", name: "some partitions never committed", partitions: 3, initial: kafka.InitialLatest,
		reason: "partitions without a commit beside others with one were added later, and start at the log start",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 5)
			x.fill(x.T, x.topic, 1, 3)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 4})
		},
		want: map[string]reading{
			"some-0": {Committed: 4, End: 5, Lag: 1},
			"some-1": {Committed: kafka.NoOffset, End: 3, Lag: 3},
			"some-2": {Committed: kafka.NoOffset, End: 0, Lag: 0},
		},
		tool: map[string]string{"some-1": noLine, "some-2": noLine},
		why:  "the tool leaves out a partition that has neither commit nor member; we count it from the log start",
	},
	{
		id: "retention", name: "retention passed the commit", partitions: 1, late: true, // the log start is read once a minute
		reason: "what retention deleted is not work any more",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 10)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 2})
			x.deleteRecords(x.T, x.topic, 0, 6)
		},
		want: map[string]reading{"retention-0": {Committed: 2, End: 10, Lag: 4, Anomaly: lag.CommittedBelowStart}},
		tool: map[string]string{"retention-0": "2 / 10 / 8"},
		why:  "the tool counts offsets 2 to 5, which retention has deleted: log start is 6",
	},
	{
		id: "above", name: "commit above the log end", partitions: 1,
		reason: "the log was truncated or made anew under the commit: no negative work, and a name for it",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 3)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 100})
		},
		want: map[string]reading{"above-0": {Committed: 100, End: 3, Lag: 0, Anomaly: lag.CommittedAboveEnd}},
		tool: map[string]string{"above-0": "100 / 3 / -97"},
		why:  "the tool gives a negative lag; we give none and name the anomaly",
	},
	{
		id: "caught-up", name: "caught up", partitions: 1,
		reason: "a commit at the end is no lag",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 3)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 3})
		},
		want: map[string]reading{"caught-up-0": {Committed: 3, End: 3, Lag: 0, Health: lag.HealthOK}},
	},
	{
		id: "deleted", name: "topic deleted", partitions: 1,
		reason: "a topic that is gone is unknown lag, not zero",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 5)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 2})
			x.seen("deleted-0", 3)
			x.deleteTopic(x.T, x.topic)
		},
		want: map[string]reading{"deleted": {Unknown: kafka.ErrTopicMissing}},
		tool: map[string]string{"deleted": noLine},
		why:  "Kafka deletes the commits with the topic, and the tool has nothing to show; we say that the topic does not exist",
	},
	{
		id: "recreated", name: "topic deleted and re-created", partitions: 1,
		reason: "the new topic's records are all new, whatever was committed on the old one",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 5)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 5})
			x.seen("recreated-0", 0)
			x.deleteTopic(x.T, x.topic)
			var id kadm.TopicID
			eventually(x.T, "the new topic", func() bool {
				made, err := x.admin.CreateTopic(within(x.T), 1, 1, nil, x.topic)
				id = made.ID
				return err == nil
			})
			x.awaitTopic(x.T, x.topic, func(known kadm.TopicDetail) bool { return known.ID == id })
			x.produce(x.T, x.newClient(x.T), messages(x.topic, 0, 3)...) // the other client knows the old topic's id
		},
		want: map[string]reading{"recreated-0": {Committed: kafka.NoOffset, End: 3, Lag: 3}},
		tool: map[string]string{"recreated-0": noLine},
		why:  "the commits went with the old topic; we count the new one from `initialOffset`",
	},
	{
		id: "grown", name: "topic grown", partitions: 1, initial: kafka.InitialLatest,
		reason: "what arrives in a new partition before a member looks at it must not be lost from sight",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 2)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 2})
			x.seen("grown-0", 0)
			_, err := x.admin.UpdatePartitions(within(x.T), 2, x.topic)
			must(x.T, "grow the topic", err)
			x.awaitTopic(x.T, x.topic, func(known kadm.TopicDetail) bool { return len(known.Partitions) == 2 })
			x.produce(x.T, x.newClient(x.T), messages(x.topic, 1, 1)...) // the other client knows one partition
		},
		want: map[string]reading{
			"grown-0": {Committed: 2, End: 2, Lag: 0},
			"grown-1": {Committed: kafka.NoOffset, End: 1, Lag: 1},
		},
		tool: map[string]string{"grown-1": noLine},
		why:  "the tool leaves out a partition that has neither commit nor member",
	},
	{
		id: "compacted", name: "compacted topic", partitions: 1, settings: compaction,
		reason: "lag counts offsets: how many of them compaction has emptied, nobody says",
		prepare: func(x *trial) {
			x.fillKeys(x.T, x.topic, 20, 2)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 4})
			x.awaitRecords(x.T, x.topic, 22, 21)
		},
		want: map[string]reading{"compacted-0": {Committed: 4, End: 22, Lag: 18}},
	},
	{
		id: "compacted-away", name: "compacted topic of which nothing is left", partitions: 1, settings: compaction,
		late:   true, // a record once found counts for an hour: compaction is slow
		reason: "what is before the group are holes and markers: a lag that no worker can ever take away",
		prepare: func(x *trial) {
			x.produce(x.T, x.client, keyed(x.topic, "first"), keyed(x.topic, "key"), &kgo.Record{Topic: x.topic, Key: []byte("key")})
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 2}) // the next one is the tombstone
			x.abort(x.T, x.topic)
			x.awaitRecords(x.T, x.topic, 5, 2)
			x.abort(x.T, x.topic) // the tombstone goes with the second cleaning
			x.awaitRecords(x.T, x.topic, 7, 1)
		},
		want: map[string]reading{"compacted-away-0": {Committed: 2, End: 7, Lag: 0, Health: lag.HealthOK}},
		tool: map[string]string{"compacted-away-0": "2 / 7 / 5"},
		why:  "of offsets 2 to 6 none has a record",
	},
}

// seen waits until the engine has seen the partition with this lag.
func (x *trial) seen(partition string, messages int64) {
	x.Helper()
	owner := strings.TrimSuffix(x.group, "-group")
	x.engine.until(x.T, owner, fmt.Sprintf("%s with a lag of %d", partition, messages), func(_ kafka.GroupSample, group lag.Group) bool {
		for _, topic := range group.Topics {
			for _, p := range topic.Partitions {
				if p.String() == partition && p.Err == nil && p.Messages == messages {
					return true
				}
			}
		}
		return false
	})
}

func text(s string) *string { return &s }

// compaction has a segment of its own for each record, and cleans them at once.
var compaction = map[string]*string{
	"cleanup.policy": text("compact"), "segment.ms": text("1"), "min.cleanable.dirty.ratio": text("0.001"),
	"delete.retention.ms": text("0"),
}

func keyed(topic, key string) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte("x")}
}

// fillKeys makes count records of so many keys between two of other keys: the
// first keeps kfake's log start where it is, and the last is not compacted.
func (s *stand) fillKeys(t *testing.T, topic string, count, keys int) {
	t.Helper()
	s.produce(t, s.client, keyed(topic, "first"))
	for i := range count {
		s.produce(t, s.client, keyed(topic, fmt.Sprintf("key-%d", i%keys)))
	}
	s.produce(t, s.client, keyed(topic, "last"))
}

// abort makes one record in a transaction that is aborted, and its marker.
func (s *stand) abort(t *testing.T, topic string) {
	t.Helper()
	producer := s.begin(t, topic)
	defer producer.Close()
	s.produce(t, producer, keyed(topic, "aborted"))
	must(t, "abort a transaction", producer.EndTransaction(within(t), kgo.TryAbort))
}

// awaitRecords waits until compaction has left at most so many records.
func (s *stand) awaitRecords(t *testing.T, topic string, end int64, most int) {
	t.Helper()
	eventually(t, fmt.Sprintf("compaction of topic %s to %d records", topic, most), func() bool {
		if s.fake != nil {
			s.fake.Compact()
		}
		return s.count(t, topic, end) <= most
	})
}

// count reads the topic's first partition up to the end and counts its records.
func (s *stand) count(t *testing.T, topic string, end int64) int {
	t.Helper()
	reader := s.newClient(t, kgo.KeepControlRecords(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	defer reader.Close()
	records := 0
	for last := int64(-1); last < end-1; {
		fetches := reader.PollFetches(within(t))
		must(t, "read topic "+topic, fetches.Err0())
		fetches.EachRecord(func(r *kgo.Record) {
			last = r.Offset
			if !r.Attrs.IsControl() {
				records++
			}
		})
	}
	return records
}
