package kafkaadmin

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// rig is a cluster with a client whose cycles the test runs one by one, and
// another client for what the test does to the cluster.
type rig struct {
	*kfake.Cluster
	t      *testing.T
	client *client
	admin  *kadm.Client

	mu       sync.Mutex
	requests []kmsg.Request // as the brokers got them
}

func newRig(t *testing.T, options ...kfake.Opt) *rig {
	t.Helper()
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	r := &rig{Cluster: cluster, t: t, admin: kadm.NewClient(newProducer(t, cluster))}
	cluster.Control(func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests = append(r.requests, request)
		return nil, nil, false
	})
	life, end := context.WithCancel(context.Background())
	r.client = newClient(life, NewConnection(cluster.ListenAddrs(), "", kafkaauth.Security{}), Options{}.withDefaults())
	t.Cleanup(r.client.close)
	t.Cleanup(end)
	return r
}

func newProducer(t *testing.T, cluster *kfake.Cluster, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	options = append(options, kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// cycle samples the subscriptions once.
func (r *rig) cycle(subscriptions ...interest) []kafka.GroupSample {
	r.t.Helper()
	outcomes, err := r.client.sample(context.Background(), subscriptions)
	if err != nil {
		r.t.Fatal(err)
	}
	samples := make([]kafka.GroupSample, len(outcomes))
	for i, o := range outcomes {
		samples[i] = *o.sample
	}
	return samples
}

// cycles samples until a look at what stands still has been taken in.
func (r *rig) cycles(subscriptions ...interest) []kafka.GroupSample {
	r.t.Helper()
	for range lookAfter + 2 {
		r.cycle(subscriptions...)
	}
	return r.cycle(subscriptions...)
}

// partition is partition 0 of a sample's only topic, which must be known.
func (r *rig) partition(s kafka.GroupSample) kafka.PartitionSample {
	r.t.Helper()
	if len(s.Topics) != 1 || s.Topics[0].Err != nil || s.Topics[0].Partitions[0].Err != nil {
		r.t.Fatalf("not known: %+v", s)
	}
	return s.Topics[0].Partitions[0]
}

// received returns the requests of one kind since the last call.
func received[R kmsg.Request](r *rig) []R {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []R
	for _, request := range r.requests {
		if matching, ok := request.(R); ok {
			found = append(found, matching)
		}
	}
	r.requests = nil
	return found
}

// produce appends records to partition 0 of the topic, with a timestamp if it
// is not zero.
func (r *rig) produce(topic string, count int, at time.Time) {
	r.t.Helper()
	client := newProducer(r.t, r.Cluster)
	for range count {
		if err := client.ProduceSync(r.t.Context(), &kgo.Record{Topic: topic, Value: []byte("x"), Timestamp: at}).FirstErr(); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) commit(group, topic string, partition int32, at int64) {
	r.t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, partition, at, -1)
	if err := r.admin.CommitAllOffsets(r.t.Context(), group, offsets); err != nil {
		r.t.Fatal(err)
	}
}

// begin opens a transaction with records in partition 0 of the topic.
func (r *rig) begin(id, topic string, count int) *kgo.Client {
	r.t.Helper()
	client := newProducer(r.t, r.Cluster, kgo.TransactionalID(id))
	if err := client.BeginTransaction(); err != nil {
		r.t.Fatal(err)
	}
	for range count {
		if err := client.ProduceSync(r.t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
			r.t.Fatal(err)
		}
	}
	return client
}

func (r *rig) end(transaction *kgo.Client, how kgo.TransactionEndTry) {
	r.t.Helper()
	if err := transaction.EndTransaction(r.t.Context(), how); err != nil {
		r.t.Fatal(err)
	}
}

// log is what the client remembers of partition 0 of a topic.
func (r *rig) log(topic string) *partitionLog { return &r.client.book.topics[topic].partitions[0] }

// answer has the brokers answer one kind of request with what the test makes, and
// returns the number of times that they did.
func (r *rig) answer(key kmsg.Key, with func(kmsg.Response)) (times *atomic.Int64) {
	times = new(atomic.Int64)
	r.ControlKey(int16(key), func(request kmsg.Request) (kmsg.Response, error, bool) {
		r.KeepControl()
		times.Add(1)
		response := request.ResponseKind()
		with(response)
		return response, nil, true
	})
	return times
}

func reads(group string, isolation kafka.Isolation, topics ...string) interest {
	return interest{GroupID: group, Topics: topics, Isolation: isolation}
}
