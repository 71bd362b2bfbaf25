package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

// undecided is a transaction of somebody else's that has an offset of the group.
type undecided struct {
	*broker
	id    string
	pid   int64
	epoch int16
}

func (b *broker) undecided(t *testing.T, partition int32, offset int64) *undecided {
	t.Helper()
	u := &undecided{broker: b, id: "elsewhere"}
	begin := kmsg.NewInitProducerIDRequest()
	begin.TransactionalID, begin.TransactionTimeoutMillis = &u.id, int32(patience.Milliseconds())
	begun, err := begin.RequestWith(t.Context(), b.reader(t))
	u.done(t, err, begun.ErrorCode)
	u.pid, u.epoch = begun.ProducerID, begun.ProducerEpoch
	add := kmsg.NewAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = u.id, u.pid, u.epoch, group
	added, err := add.RequestWith(t.Context(), b.reader(t))
	u.done(t, err, added.ErrorCode)
	at := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	at.Partition, at.Offset = partition, offset
	commit := kmsg.NewTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = u.id, u.pid, u.epoch, group
	commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{at}}}
	committed, err := commit.RequestWith(t.Context(), b.reader(t))
	u.done(t, err, committed.Topics[0].Partitions[0].ErrorCode)
	return u
}

func (u *undecided) done(t *testing.T, err error, code int16) {
	t.Helper()
	if err := errors.Join(err, kerr.ErrorForCode(code)); err != nil {
		t.Fatal(err)
	}
}

func (u *undecided) end(t *testing.T, commit bool) {
	t.Helper()
	end := kmsg.NewEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = u.id, u.pid, u.epoch, commit
	ended, err := end.RequestWith(t.Context(), u.reader(t))
	u.done(t, err, ended.ErrorCode)
}

// The partition's last owner left a transaction open: its offset decides where
// the next one begins.
func TestAPartitionOpensOnceItsTransactionIsDecided(t *testing.T) {
	t.Parallel()
	for _, committed := range []bool{true, false} {
		t.Run(fmt.Sprint(committed), func(t *testing.T) {
			t.Parallel()
			b := newTransactionalBroker(t, 1)
			b.produce(t, 0, 10)
			b.commit(t, 0, 2)
			open := b.undecided(t, 0, 6)
			asked := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Observe: true, Count: -1, Group: group})
			joins := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Observe: true, Count: -1, Group: group})
			handled := newRecord()
			config := b.config()
			w := startTransactions(t, config, func(ctx context.Context, msg worker.Message) ([]worker.Outgoing, error) {
				return nil, handled.handle(ctx, msg)
			})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := asked.Wait(ctx, 8); err != nil { // sarama's, four tries, and those once more
				t.Fatal(err)
			}
			if b.committed(0) != 2 || len(handled.of(0)) > 0 {
				t.Errorf("committed %d, handled %v before the transaction was decided", b.committed(0), handled.of(0))
			}
			open.end(t, committed)
			b.awaitCommitted(t, 1, 10)
			if got := joins.Hits(); got > 2 { // the first is told its member id
				t.Errorf("%d requests to join: the first session did not wait", got)
			}
			w.stop(t)
			from := int64(2)
			if committed {
				from = 6
			}
			if diff := cmp.Diff(offsets(from, 10), handled.of(0)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A coordinator that has gone silent can't hold up the end.
func TestASilentCoordinatorDoesNotHoldUpTheEndOfTransactions(t *testing.T) {
	t.Parallel()
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.EndTxn} {
		t.Run(key.Name(), func(t *testing.T) {
			t.Parallel()
			b := newTransactionalBroker(t, 1)
			b.produce(t, 0, 5)
			asked, over := make(chan struct{}), make(chan struct{})
			t.Cleanup(func() { close(over) })
			var once sync.Once
			b.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
				b.KeepControl()
				once.Do(func() { close(asked) })
				b.SleepControl(func() { <-over })
				return nil, nil, false
			})
			config := b.config()
			config.GracePeriod = time.Second
			config.RebalanceTimeout = 2 * patience // so that no answer is waited for longer than the test
			config.Transaction.Timeout = 2 * patience
			config.Producer.RequestTimeout = 2 * patience
			w := startTransactions(t, config, twice)
			<-asked
			w.stop(t)
		})
	}
}
