package dedup_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/worker"
	"github.com/lagrange-operator/lagrange/worker/dedup"
)

const topic = "orders"

type broker struct {
	*kfake.Cluster
	client *kgo.Client
	admin  *kadm.Client
}

func newBroker(t *testing.T) broker {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return broker{Cluster: cluster, client: client, admin: kadm.NewClient(client)}
}

func (b broker) create(t *testing.T) {
	t.Helper()
	if _, err := b.admin.CreateTopic(t.Context(), 2, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

// produce appends messages, all with the same timestamp.
func (b broker) produce(t *testing.T, values ...string) {
	t.Helper()
	for _, value := range values {
		record := &kgo.Record{Topic: topic, Value: []byte(value), Timestamp: time.Unix(1_700_000_000, 0)}
		if err := b.client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func (b broker) config() worker.Config {
	return worker.Config{
		BootstrapServers: b.ListenAddrs(), GroupID: "workers", Topics: []string{topic}, Logger: slog.New(slog.DiscardHandler),
	}
}

// handles runs a worker until it has been handed so many messages, and returns
// the values of those that had an effect.
func (f fixture) handles(t *testing.T, config worker.Config, count int) []string {
	t.Helper()
	f.ID = dedup.IDFromPosition(&config)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mutex sync.Mutex
	handed := 0
	var fresh []string
	err := worker.Run(ctx, config, func(ctx context.Context, msg worker.Message) error {
		already, err := f.Once(ctx, f.db, msg, done)
		if err != nil {
			return err
		}
		mutex.Lock()
		defer mutex.Unlock()
		if !already {
			fresh = append(fresh, string(msg.Value))
		}
		if handed++; handed == count {
			stop()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func (b broker) rewind(t *testing.T) {
	t.Helper()
	if _, err := b.admin.DeleteGroup(t.Context(), "workers"); err != nil {
		t.Fatal(err)
	}
}

// TestTopicCreatedAgain: offsets begin anew in a topic that is deleted and
// created again. Its messages are others, even with the same timestamps.
func TestTopicCreatedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		b := newBroker(t)
		b.create(t)
		b.produce(t, "1", "2", "3")
		if fresh := f.handles(t, b.config(), 3); len(fresh) != 3 {
			t.Fatalf("new: %q, want all three", fresh)
		}
		b.rewind(t)
		if fresh := f.handles(t, b.config(), 3); len(fresh) != 0 {
			t.Fatalf("new after a rewind: %q, want none", fresh)
		}
		b.rewind(t)
		if _, err := b.admin.DeleteTopic(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
		b.create(t)
		b.client.PurgeTopicsFromClient(topic) // which knows the old one
		b.produce(t, "4", "5", "6")
		if fresh := f.handles(t, b.config(), 3); len(fresh) != 3 {
			t.Errorf("new in the new topic: %q, want all three", fresh)
		}
	})
}

func assigned(partitions ...int32) []worker.Assigned {
	var list []worker.Assigned
	for _, number := range partitions {
		list = append(list, worker.Assigned{Topic: topic, Partition: number})
	}
	return list
}

func at(number int32, offset int64) worker.Message {
	return worker.Message{Topic: topic, Partition: number, Offset: offset, Timestamp: time.Unix(1_700_000_000, 0)}
}

func TestIDFromPosition(t *testing.T) {
	b := newBroker(t)
	b.create(t)
	config := b.config()
	id := dedup.IDFromPosition(&config)
	config.OnAssigned(t.Context(), assigned(0, 1))
	later := at(0, 7)
	later.Timestamp = later.Timestamp.Add(time.Millisecond)
	other := map[string]bool{}
	for _, msg := range []worker.Message{at(0, 7), at(0, 8), at(1, 7), at(0, 7+1<<32), later} {
		first, err := id(t.Context(), msg)
		if err != nil {
			t.Fatal(err)
		}
		second, err := id(t.Context(), msg)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%+v: ids %x and %x, %v; want the same", msg, first, second, err)
		}
		if other[string(first)] {
			t.Errorf("%+v has the id of another message", msg)
		}
		other[string(first)] = true
	}
	below, _ := id(t.Context(), at(0, 255))
	above, _ := id(t.Context(), at(0, 256))
	if bytes.Compare(below, above) >= 0 {
		t.Error("ids don't grow with the offset")
	}
}

// TestIDFromPositionIsAskedForAnew: the topic's id is that of the assignment, no
// older and no newer.
func TestIDFromPositionIsAskedForAnew(t *testing.T) {
	b := newBroker(t)
	b.create(t)
	config := b.config()
	id := dedup.IDFromPosition(&config)
	config.OnAssigned(t.Context(), assigned(0))
	before, err := id(t.Context(), at(0, 7))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	b.create(t)
	if during, err := id(t.Context(), at(0, 7)); err != nil || !bytes.Equal(before, during) {
		t.Errorf("id %x, %v; want that of the assignment, %x", during, err, before)
	}
	config.OnAssigned(t.Context(), assigned(0)) // a session may end without a revocation
	if after, err := id(t.Context(), at(0, 7)); err != nil || bytes.Equal(before, after) {
		t.Errorf("id %x, %v; want another one than %x", after, err, before)
	}
	config.OnRevoked(t.Context(), []worker.Revoked{{Topic: topic, Partition: 0}})
	if none, err := id(t.Context(), at(0, 7)); err == nil || !strings.Contains(err.Error(), "OnAssigned") {
		t.Errorf("id %x, %v; want an error without an assignment", none, err)
	}
}

// TestIDFromPositionOfABrokerThatIsAway: while the topic's id is not known, no
// message has one; it is asked for again with the next message.
func TestIDFromPositionOfABrokerThatIsAway(t *testing.T) {
	b := newBroker(t) // without the topic
	config := b.config()
	id := dedup.IDFromPosition(&config)
	config.OnAssigned(t.Context(), assigned(0))
	if none, err := id(t.Context(), at(0, 7)); err == nil {
		t.Fatalf("id %x without a topic id", none)
	}
	b.create(t)
	if _, err := id(t.Context(), at(0, 7)); err != nil {
		t.Errorf("error %v, although the topic is there", err)
	}
}

// TestIDFromPositionKeepsTheHooks: what the program had set is called, too.
func TestIDFromPositionKeepsTheHooks(t *testing.T) {
	b := newBroker(t)
	b.create(t)
	config := b.config()
	var told []string
	config.OnAssigned = func(_ context.Context, list []worker.Assigned) { told = append(told, "assigned "+list[0].Topic) }
	config.OnRevoked = func(_ context.Context, list []worker.Revoked) { told = append(told, "revoked "+list[0].Topic) }
	_ = dedup.IDFromPosition(&config)
	config.OnAssigned(t.Context(), assigned(0))
	config.OnRevoked(t.Context(), []worker.Revoked{{Topic: topic}})
	if diff := cmp.Diff([]string{"assigned orders", "revoked orders"}, told); diff != "" {
		t.Errorf("-want +told:\n%s", diff)
	}
}
