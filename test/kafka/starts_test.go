package kafka_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

// startCase is what a group finds when a worker opens the first partition of a
// topic, and where it must open then. One more message is produced to it once
// it is open.
type startCase struct {
	id, reason string
	settings   map[string]*string // of the topic
	prepare    func(*opened)
	config     func(*opened)
	// committed is what the group has committed, none for nothing.
	committed int64
	// opens is where the partition opens. fails is set instead if Run ends.
	opens int64
	fails *worker.OffsetOutOfRangeError
	// handled are the offsets of the messages that come to the handler, of what
	// was there before the worker.
	handled []int64
	skipped map[string]float64 // offsets passed over, by reason
	// policy is the one that is counted for an offset out of range, "" for none.
	policy worker.OutOfRange
	// notFake is why the case can't be tried on kfake.
	notFake string
}

// opened is a run of a case.
type opened struct {
	*testing.T
	*stand
	group, topic string
	settings     worker.Config

	mutex    sync.Mutex
	handled  map[int32][]int64
	assigned map[int32]int64
}

func (s *stand) opened(t *testing.T, id string) *opened {
	x := &opened{T: t, stand: s, group: id + "-group", topic: id, handled: map[int32][]int64{}, assigned: map[int32]int64{}}
	x.settings = worker.Config{
		BootstrapServers: s.servers, ClientID: "worker", GroupID: x.group, Topics: []string{id},
		HeartbeatInterval: 100 * time.Millisecond, CommitInterval: 50 * time.Millisecond, MetadataRefresh: 200 * time.Millisecond,
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), Registry: prometheus.NewRegistry(),
		OnAssigned: func(_ context.Context, partitions []worker.Assigned) {
			x.mutex.Lock()
			defer x.mutex.Unlock()
			for _, p := range partitions {
				x.assigned[p.Partition] = p.Offset
			}
		},
	}
	return x
}

func (x *opened) handle(_ context.Context, msg worker.Message) error {
	x.mutex.Lock()
	defer x.mutex.Unlock()
	x.handled[msg.Partition] = append(x.handled[msg.Partition], msg.Offset)
	return nil
}

// opensAt is where the member that has the partition opened it, none if it has not.
func (x *opened) opensAt(partition int32) int64 {
	x.mutex.Lock()
	defer x.mutex.Unlock()
	if at, ok := x.assigned[partition]; ok {
		return at
	}
	return none
}

func (x *opened) has(partition int32) []int64 {
	x.mutex.Lock()
	defer x.mutex.Unlock()
	return slices.Clone(x.handled[partition])
}

// run begins a worker, which ends with the test or with stop.
func (x *opened) run() (result <-chan error, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { done <- worker.Run(ctx, x.settings, x.handle) })
	stop = func() { cancel(); running.Wait() }
	x.Cleanup(stop)
	return done, stop
}

func (x *opened) committedAt(partition int32) int64 {
	offsets, err := x.admin.FetchOffsets(within(x.T), x.group)
	if at, ok := offsets.Lookup(x.topic, partition); err == nil && ok {
		return at.At
	}
	return none
}

// counted is a metric by its label reason, of those that are not zero.
func (x *opened) counted(name, label string) map[string]float64 {
	families, err := x.settings.Registry.Gather()
	must(x.T, "gather the metrics", err)
	counted := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, series := range family.GetMetric() {
			for _, pair := range series.GetLabel() {
				if pair.GetName() == label && series.GetCounter().GetValue() > 0 {
					counted[pair.GetValue()] += series.GetCounter().GetValue()
				}
			}
		}
	}
	return counted
}

const none int64 = -1

func TestStarts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stand) {
		t.Run("all", func(t *testing.T) {
			for _, c := range slices.Concat(rangeCases, ageCases, hookCases, isolationCases) {
				t.Run(c.id, func(t *testing.T) {
					t.Parallel()
					c.run(t, s)
				})
			}
			for _, assignment := range []worker.Assignment{worker.Range, worker.CooperativeSticky} {
				t.Run("growth-"+string(assignment), func(t *testing.T) {
					t.Parallel()
					s.growth(t, assignment)
				})
			}
			for _, c := range lateCases {
				t.Run("late-"+c.id, func(t *testing.T) {
					t.Parallel()
					c.run(t, s)
				})
			}
			t.Run("late-refused", func(t *testing.T) {
				t.Parallel()
				s.lateRefused(t)
			})
			t.Run("undecided", func(t *testing.T) {
				t.Parallel()
				s.undecided(t)
			})
		})
	})
}

func (c startCase) run(t *testing.T, s *stand) {
	if s.fake != nil && c.notFake != "" {
		t.Skip(c.notFake)
	}
	x := s.opened(t, "starts-"+c.id)
	s.createTopic(t, x.topic, 1, c.settings)
	c.prepare(x)
	if c.committed != none {
		s.commit(t, x.group, x.topic, map[int32]int64{0: c.committed})
	}
	if c.config != nil {
		c.config(x)
	}
	result, stop := x.run()
	if c.fails != nil {
		c.ended(x, result)
		return
	}
	eventually(t, "the partition to be open", func() bool { return x.opensAt(0) != none })
	last := x.probe()
	eventually(t, "the message that came then", func() bool { return slices.Contains(x.has(0), last) })
	eventually(t, "its commit", func() bool { return x.committedAt(0) == last+1 })
	counted := x.counted("lagrange_worker_offsets_skipped_total", "reason")
	ranged := x.counted("lagrange_worker_out_of_range_total", "policy")
	stop()
	if got := x.opensAt(0); got != c.opens {
		t.Errorf("%s: opened at %d, want %d", c.reason, got, c.opens)
	}
	if diff := gocmp.Diff(append(c.handled, last), x.has(0)); diff != "" {
		t.Errorf("%s: handled, -want +got:\n%s", c.reason, diff)
	}
	if diff := gocmp.Diff(c.skipped, counted); diff != "" && len(c.skipped)+len(counted) > 0 {
		t.Errorf("%s: counted as passed over, -want +got:\n%s", c.reason, diff)
	}
	if c.policy != "" && ranged[string(c.policy)] != 1 || c.policy == "" && len(ranged) > 0 {
		t.Errorf("%s: counted as out of range: %v, want one of %q", c.reason, ranged, c.policy)
	}
}

// probe produces a message and returns its offset. A client of its own knows
// no topic that was deleted.
func (x *opened) probe() int64 {
	record := keyed(x.topic, "probe")
	x.produce(x.T, x.newClient(x.T), record)
	return record.Offset
}

func (c startCase) ended(x *opened, result <-chan error) {
	x.Helper()
	var err error
	eventually(x.T, "the end of Run", func() bool {
		select {
		case err = <-result:
			return true
		default:
			return false
		}
	})
	var told *worker.OffsetOutOfRangeError
	if !errors.As(err, &told) {
		x.Fatalf("%s: Run: %v, want an OffsetOutOfRangeError", c.reason, err)
	}
	if diff := gocmp.Diff(c.fails, told); diff != "" {
		x.Errorf("%s: -want +got:\n%s", c.reason, diff)
	}
	if at := x.committedAt(0); at != c.committed || len(x.has(0)) > 0 {
		x.Errorf("%s: committed %d, handled %v; want what was committed before, and nothing handled", c.reason, at, x.has(0))
	}
}

// growth has a group with latest run while a partition is added, of which the
// first messages are there before any member has heard of it.
func (s *stand) growth(t *testing.T, assignment worker.Assignment) {
	x := s.opened(t, "starts-growth-"+string(assignment))
	s.createTopic(t, x.topic, 1, nil)
	s.fill(t, x.topic, 0, 5)
	x.settings.InitialOffset, x.settings.Assignment = worker.Latest, assignment
	_, stop := x.run()
	eventually(t, "the first partition to be open", func() bool { return x.opensAt(0) == 5 })
	_, err := s.admin.CreatePartitions(within(t), 1, x.topic)
	must(t, "add a partition", err)
	s.awaitTopic(t, x.topic, func(known kadm.TopicDetail) bool { return len(known.Partitions) == 2 })
	s.produce(t, s.newClient(t), messages(x.topic, 1, 20)...)
	eventually(t, "all of the new partition", func() bool { return len(x.has(1)) >= 20 })
	stop()
	if got := x.opensAt(1); got != 0 {
		t.Errorf("the new partition opened at %d, want its start", got)
	}
	if diff := gocmp.Diff(upTo(0, 20), x.has(1)); diff != "" {
		t.Errorf("handled, -want +got:\n%s", diff)
	}
}

// undecided has the group's offset in a transaction that is open, as a program
// leaves it that consumes, transforms and produces, and was killed. Where the
// group stands is known when it ends: 2 before it, 4 with it.
func (s *stand) undecided(t *testing.T) {
	x := s.opened(t, "starts-undecided")
	s.createTopic(t, x.topic, 1, nil)
	s.createTopic(t, x.topic+"-out", 1, nil)
	s.fill(t, x.topic, 0, 6)
	s.commit(t, x.group, x.topic, map[int32]int64{0: 2})
	producer := s.begin(t, x.topic)
	s.produce(t, producer, messages(x.topic+"-out", 0, 1)...)
	s.commitIn(t, producer, x, 4)
	_, stop := x.run()
	eventually(t, "an attempt that fails", func() bool { return x.sum("lagrange_worker_consumer_errors_total") > 0 })
	if at := x.opensAt(0); at != none {
		t.Errorf("opened at %d beside an offset that was not decided", at)
	}
	must(t, "commit the transaction", producer.EndTransaction(within(t), kgo.TryCommit))
	eventually(t, "what is behind it", func() bool { return x.committedAt(0) == 6 })
	stop()
	if diff := gocmp.Diff(upTo(4, 6), x.has(0)); diff != "" {
		t.Errorf("handled, -want +got:\n%s", diff)
	}
}

// commitIn commits the offset in the producer's transaction.
func (s *stand) commitIn(t *testing.T, producer *kgo.Client, x *opened, offset int64) {
	t.Helper()
	id, epoch, err := producer.ProducerID(within(t))
	must(t, "get the producer's id", err)
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = x.topic, id, epoch, x.group
	added, err := add.RequestWith(within(t), producer)
	must(t, "add the offsets to the transaction", errors.Join(err, kerr.ErrorForCode(added.ErrorCode)))
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = x.topic, id, epoch, x.group
	partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Offset = offset
	commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{
		Topic: x.topic, TopicID: s.topicID(t, x.topic), Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{partition},
	}}
	done, err := commit.RequestWith(within(t), producer)
	must(t, "commit in the transaction", err)
	must(t, "commit in the transaction", kerr.ErrorForCode(done.Topics[0].Partitions[0].ErrorCode))
}

func (s *stand) topicID(t *testing.T, topic string) kadm.TopicID {
	t.Helper()
	topics, err := s.admin.ListTopics(within(t), topic)
	must(t, "look up topic "+topic, err)
	return topics[topic].ID
}

// upTo are the offsets from, from+1 and so on, without to.
func upTo(from, to int64) (list []int64) {
	for offset := from; offset < to; offset++ {
		list = append(list, offset)
	}
	return list
}

// ages makes a message of each age.
func (x *opened) ages(ages ...time.Duration) {
	for _, age := range ages {
		record := keyed(x.topic, "key-"+age.String())
		record.Timestamp = time.Now().Add(-age)
		x.produce(x.T, x.client, record)
	}
}
