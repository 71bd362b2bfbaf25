package kafkaadmin_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// mutable is a cluster of three brokers, each of which leads the partition of
// its number, and of which one can be told to keep silent.
func mutable(t *testing.T) (b broker, mute *atomic.Bool) {
	t.Helper()
	b, mute = newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "orders")), new(atomic.Bool)
	b.createTopic(t, "elsewhere", 1)
	for p := range int32(3) {
		if err := b.MoveTopicPartition("orders", p, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.MoveTopicPartition("elsewhere", 0, 0); err != nil {
		t.Fatal(err)
	}
	b.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		return nil, nil, mute.Load() && b.CurrentNode() == silent
	})
	return b, mute
}

// silent is the broker of mutable that keeps silent.
const silent = 1

func TestMuteBrokerDelaysOnlyItsOwn(t *testing.T) {
	b, mute := mutable(t)
	lost, kept := groupOf(t, b, silent, true), groupOf(t, b, silent, false)
	b.commit(t, lost, "orders", 0, 0)
	b.commit(t, kept, "elsewhere", 0, 0)
	// The deadline of a request is never reached: who waits for one, waits for good.
	pool := started(t, kafkaadmin.Options{RequestTimeout: time.Hour})
	pool.Watch("lost", b.subscription(lost, "elsewhere"))
	pool.Watch("led", b.subscription(kept, "orders"))
	pool.Watch("kept", b.subscription(kept, "elsewhere"))
	for _, owner := range []string{"lost", "led", "kept"} {
		sampleOf(t, pool, owner, "a sample", healthy)
	}
	mute.Store(true)
	for range 3 {
		if sample := later(t, pool, "kept"); !healthy(sample) {
			t.Fatalf("a group that has nothing on the mute broker has %+v", sample)
		}
	}
	before := map[string]time.Time{}
	for _, owner := range []string{"lost", "led"} {
		sample, _ := pool.Latest(owner)
		before[owner] = sample.At
		if !healthy(sample) {
			t.Errorf("%q has %+v, want its last good sample", owner, sample)
		}
	}
	later(t, pool, "kept")
	for owner, at := range before {
		if sample, _ := pool.Latest(owner); !sample.At.Equal(at) {
			t.Errorf("%q has a new sample %+v while its broker is mute", owner, sample)
		}
	}
}

// A broker that takes its time gives good samples, in its time.
func TestSlowBrokerDelaysOnlyItsOwn(t *testing.T) {
	b, slow := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "orders")), new(atomic.Bool)
	b.createTopic(t, "elsewhere", 1)
	for p := range int32(3) {
		if err := b.MoveTopicPartition("orders", p, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.MoveTopicPartition("elsewhere", 0, 0); err != nil {
		t.Fatal(err)
	}
	group := groupOf(t, b, silent, false)
	b.commit(t, group, "orders", 0, 0)
	b.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if slow.Load() && b.CurrentNode() == silent {
			b.SleepControl(func() { <-time.After(600 * time.Millisecond) })
		}
		return nil, nil, false
	})
	pool := started(t, kafkaadmin.Options{RequestTimeout: time.Hour})
	pool.Watch("led", b.subscription(group, "orders"))
	pool.Watch("kept", b.subscription(group, "elsewhere"))
	sampleOf(t, pool, "led", "a sample", healthy)
	slow.Store(true)
	begin := later(t, pool, "kept").At
	sampleOf(t, pool, "led", "samples by the slow broker", func(s kafka.GroupSample) bool { return s.At.After(begin) && healthy(s) })
	first := later(t, pool, "led").At
	cycles := 0
	for at := first; ; cycles++ {
		kept := later(t, pool, "kept")
		if !healthy(kept) {
			t.Fatalf("a group that has nothing on the slow broker has %+v", kept)
		}
		if led, _ := pool.Latest("led"); led.At.After(at) {
			break
		}
	}
	if cycles < 2 {
		t.Errorf("%d cycles of the others in one of the slow broker's", cycles)
	}
}

func TestGroupsReturnFromTheSlowLane(t *testing.T) {
	b, mute := mutable(t)
	pool := started(t, kafkaadmin.Options{RequestTimeout: 500 * time.Millisecond})
	kept := groupOf(t, b, silent, false)
	b.commit(t, kept, "orders", 0, 0)
	pool.Watch("led", b.subscription(kept, "orders"))
	sampleOf(t, pool, "led", "a sample", healthy)
	mute.Store(true)
	sample := sampleOf(t, pool, "led", "the loss", func(s kafka.GroupSample) bool { return !healthy(s) })
	if got := broken(t, sample.Topics[0], kafka.ErrTimeout); !slices.Equal(got, []int32{silent}) {
		t.Errorf("got %+v, want the partition of the mute broker alone broken", sample)
	}
	mute.Store(false)
	sampleOf(t, pool, "led", "the return", healthy)
	for range 3 {
		if sample := later(t, pool, "led"); !healthy(sample) {
			t.Errorf("after the return the sample is %+v", sample)
		}
	}
}

func TestMuteClusterIsAnError(t *testing.T) {
	pool := started(t, kafkaadmin.Options{RequestTimeout: 500 * time.Millisecond})
	mute := kafkaadmin.Subscription{Connection: kafkaadmin.Connection{BootstrapServers: muteAddress(t)}, GroupID: "billing", Topics: []string{"orders"}}
	pool.Watch("a", mute)
	if sample := sampleOf(t, pool, "a", "a sample", anySample); !errors.Is(sample.ConnectionErr, kafka.ErrTimeout) {
		t.Errorf("got %+v, want ErrTimeout", sample)
	}
}
