package kafkaadmin_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

func TestEqualConnectionsShareOneClient(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.commitMany(t, 500, "orders")
	before := b.accepted.Load()
	cycles := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "orders", Observe: true, Count: forever})
	pool := started(t, kafkaadmin.Options{Interval: time.Hour})
	pool.Watch("first", b.subscription("group", "orders"))
	sampleOf(t, pool, "first", "a sample", healthy)
	for i := range 500 {
		pool.Watch(strconv.Itoa(i), b.subscription(fmt.Sprintf("group-%d", i), "orders"))
	}
	eventually(t, "a sample of each", func() bool {
		for i := range 500 {
			if sample, known := pool.Latest(strconv.Itoa(i)); !known || !healthy(sample) {
				return false
			}
		}
		return true
	})
	if got := b.accepted.Load() - before; got != 1 {
		t.Errorf("501 owners made %d connections to one broker", got)
	}
	if got := cycles.Hits(); got != 2 {
		t.Errorf("an owner and 500 more in one go took %d cycles", got)
	}
}

func TestForgetClosesTheClient(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "orders"))
	pool := started(t, kafkaadmin.Options{})
	before := goleak.IgnoreCurrent()
	pool.Watch("a", b.subscription("billing", "orders"))
	pool.Watch("b", b.subscription("shipping", "orders"))
	sampleOf(t, pool, "a", "a sample", healthy)
	sampleOf(t, pool, "b", "a sample", healthy)

	pool.Forget("a")
	if _, known := pool.Latest("a"); known {
		t.Error("a forgotten owner has a sample")
	}
	later(t, pool, "b")
	if b.open.Load() == 0 {
		t.Error("the client is closed although an owner is left")
	}
	pool.Forget("b")
	eventually(t, "the connections to close", func() bool { return b.open.Load() == 0 })
	goleak.VerifyNone(t, before)
	pool.Forget("b") // what is not known is forgotten already
}

func TestStartEndsWithAllGoroutines(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "orders"))
	mute := kafkaadmin.NewConnection([]string{muteAddress(t)}, "", kafkaauth.Security{})
	before := goleak.IgnoreCurrent()
	pool := kafkaadmin.NewPool(kafkaadmin.Options{Interval: 20 * time.Millisecond, RequestTimeout: time.Hour})
	pool.Watch("a", b.subscription("billing", "orders"))
	pool.Watch("mute", kafkaadmin.Subscription{Connection: mute, GroupID: "billing", Topics: []string{"orders"}})
	stop := run(t, pool)
	sampleOf(t, pool, "a", "a sample", healthy)
	stop()
	if sample, known := pool.Latest("mute"); known {
		t.Errorf("stopping is no failure of the broker's: %+v", sample)
	}
	pool.Watch("late", kafkaadmin.Subscription{Connection: kafkaadmin.NewConnection(b.addresses, "3.6.0", kafkaauth.Security{}), GroupID: "billing", Topics: []string{"orders"}})
	eventually(t, "the connections to close", func() bool { return b.open.Load() == 0 })
	goleak.VerifyNone(t, before)
	if err := pool.Start(t.Context()); err == nil {
		t.Error("a second Start succeeded")
	}
}

func TestOnSampleNamesEachOwner(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	told := make(chan string, 1000)
	pool := kafkaadmin.NewPool(kafkaadmin.Options{Interval: time.Hour, OnSample: func(owner string) { told <- owner }})
	stop := run(t, pool)
	for _, owner := range []string{"a", "b", "c"} {
		pool.Watch(owner, b.subscription("billing", "orders"))
		sampleOf(t, pool, owner, "a sample", anySample)
	}
	stop()
	close(told)
	var got []string
	for owner := range told {
		got = append(got, owner)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
		t.Errorf("each once, when it is new\n-want +got:\n%s", diff)
	}
}

func TestForgottenOwnersAreNotNamed(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	var pool *kafkaadmin.Pool
	var told []string
	owners := []string{"a", "b", "c"}
	pool = kafkaadmin.NewPool(kafkaadmin.Options{Interval: time.Hour, OnSample: func(owner string) {
		told = append(told, owner)
		for _, other := range owners {
			if other != owner {
				pool.Forget(other)
			}
		}
	}})
	for _, owner := range owners {
		pool.Watch(owner, b.subscription("billing", "orders"))
	}
	stop := run(t, pool)
	eventually(t, "a sample of the one that is left", func() bool {
		known := 0
		for _, owner := range owners {
			if _, sampled := pool.Latest(owner); sampled {
				known++
			}
		}
		return known == 1
	})
	stop()
	if len(told) != 1 {
		t.Errorf("told of %v, want the first alone", told)
	}
}

func TestStartWaitsForTheCycle(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := false
	pool := kafkaadmin.NewPool(kafkaadmin.Options{OnSample: func(string) {
		cancel()
		for range 10_000 {
			runtime.Gosched()
		}
		ended = true
	}})
	pool.Watch("a", b.subscription("billing", "orders"))
	if err := pool.Start(ctx); err != nil {
		t.Error(err)
	}
	if !ended {
		t.Error("Start returned before the cycle had ended")
	}
}

func TestForgottenGroupIsLookedUpAnew(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	lookups := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Observe: true, Count: forever})
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders"))
	pool.Watch("b", b.subscription("shipping", "orders"))
	sampleOf(t, pool, "a", "a sample", healthy)
	pool.Forget("a")
	later(t, pool, "b")
	pool.Watch("a", b.subscription("billing", "orders"))
	sampleOf(t, pool, "a", "a sample", healthy)
	if got := lookups.Hits(); got != 3 {
		t.Errorf("%d look-ups, want 3: what was known of the forgotten group is kept for ever", got)
	}
}
