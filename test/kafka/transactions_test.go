package kafka_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

const readsHighWatermark = "the tool asks for the high watermark; a consumer of read_committed gets to the last stable offset"

// transactionCases are about records that are not there for everybody.
var transactionCases = []lagCase{
	{
		id: "open-uncommitted", name: "transaction open, read_uncommitted", partitions: 1,
		reason:  "all records can be read",
		prepare: openTransaction,
		want:    map[string]reading{"open-uncommitted-0": {Committed: 2, End: 12, Lag: 10}},
	},
	{
		id: "open-committed", name: "transaction open, read_committed", partitions: 1, isolation: kafka.ReadCommitted,
		reason:  "nothing behind the open transaction can be read, and workers for it would idle",
		prepare: openTransaction,
		want:    map[string]reading{"open-committed-0": {Committed: 2, End: 5, Lag: 3}},
		also: func(sample kafka.GroupSample, _ lag.Group) string {
			if p := sample.Topics[0].Partitions[0]; p.HighWatermark != 12 || p.Open == nil {
				return fmt.Sprintf("high watermark %d, held back by %v; want 12 and a transaction", p.HighWatermark, p.Open)
			}
			return ""
		},
		tool: map[string]string{"open-committed-0": "2 / 12 / 10"},
		why:  readsHighWatermark,
	},
	{
		id: "aborted-committed", name: "transaction aborted, read_committed", partitions: 1, isolation: kafka.ReadCommitted,
		reason:  "aborted records and the marker are passed over: nothing is left to read",
		prepare: func(x *trial) { transactionAfterCommit(x, 5, kgo.TryAbort) },
		want:    map[string]reading{"aborted-committed-0": {Committed: 5, End: 10, Lag: 0, Health: lag.HealthOK}},
		tool:    map[string]string{"aborted-committed-0": "5 / 10 / 5"},
		why:     "one fetch from the commit found no record up to the end: four aborted ones and a marker are no work",
	},
	{
		id: "aborted-uncommitted", name: "transaction aborted, read_uncommitted", partitions: 1,
		reason:  "aborted records are read, and are work",
		prepare: func(x *trial) { transactionAfterCommit(x, 5, kgo.TryAbort) },
		want:    map[string]reading{"aborted-uncommitted-0": {Committed: 5, End: 10, Lag: 5}},
	},
	{
		id: "marker", name: "trailing transaction marker", partitions: 1,
		reason:  "a client that commits the last record's offset + 1 never gets past the marker: a lag of 1 for ever",
		prepare: func(x *trial) { transactionAfterCommit(x, 9, kgo.TryCommit) },
		want:    map[string]reading{"marker-0": {Committed: 9, End: 10, Lag: 0, Health: lag.HealthOK}},
		tool:    map[string]string{"marker-0": "9 / 10 / 1"},
		why:     "the marker is no record",
	},
	{
		id: "marker-committed", name: "trailing transaction marker, read_committed", partitions: 1, isolation: kafka.ReadCommitted,
		reason:  "the same for a consumer of read_committed",
		prepare: func(x *trial) { transactionAfterCommit(x, 9, kgo.TryCommit) },
		want:    map[string]reading{"marker-committed-0": {Committed: 9, End: 10, Lag: 0, Health: lag.HealthOK}},
		tool:    map[string]string{"marker-committed-0": "9 / 10 / 1"},
		why:     "as above",
	},
}

// openTransaction has records 0 to 4, 5 to 8 in a transaction that stays open,
// and 9 to 11 behind it.
func openTransaction(x *trial) {
	x.fill(x.T, x.topic, 0, 5)
	x.commit(x.T, x.group, x.topic, map[int32]int64{0: 2})
	producer := x.begin(x.T, x.topic)
	x.produce(x.T, producer, messages(x.topic, 0, 4)...)
	x.fill(x.T, x.topic, 0, 3)
}

// transactionAfterCommit has records 0 to 4, 5 to 8 in a transaction, its marker
// at 9, and the group's commit.
func transactionAfterCommit(x *trial, commit int64, how kgo.TransactionEndTry) {
	x.fill(x.T, x.topic, 0, 5)
	producer := x.begin(x.T, x.topic)
	x.produce(x.T, producer, messages(x.topic, 0, 4)...)
	must(x.T, "end the transaction", producer.EndTransaction(within(x.T), how))
	x.commit(x.T, x.group, x.topic, map[int32]int64{0: commit})
}

// begin opens a transaction, which ends with the test at the latest.
func (s *stand) begin(t *testing.T, id string) *kgo.Client {
	t.Helper()
	producer := s.newClient(t, kgo.TransactionalID(id))
	must(t, "begin a transaction", producer.BeginTransaction())
	return producer
}
