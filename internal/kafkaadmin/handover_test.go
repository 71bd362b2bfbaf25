package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

func TestRotationKeepsTheBook(t *testing.T) {
	pool := NewPool(Options{})
	before := NewConnection([]string{"kafka:9092"}, "", kafkaauth.Security{})
	after := NewConnection([]string{"kafka:9092"}, "", kafkaauth.Security{SASL: kafkaauth.SASL{Password: "rotated"}})
	elsewhere := NewConnection([]string{"elsewhere:9092"}, "", kafkaauth.Security{})
	watch := func(connection Connection) {
		pool.WatchCluster("c", connection)
		for _, owner := range []string{"a", "b"} {
			pool.Watch(owner, Subscription{Connection: connection, GroupID: owner, Topics: []string{"orders"}})
		}
	}
	watch(before)
	book := pool.owners["a"].poller.book
	watch(after)
	for _, owner := range []string{"a", "b"} {
		if w := pool.owners[owner]; w.poller.connection != after || w.poller.book != book {
			t.Errorf("the watch of %q has another book after the rotation", owner)
		}
	}
	watch(elsewhere)
	if pool.owners["a"].poller.book == book {
		t.Error("another cluster's poller has the book")
	}
}

// Two pollers of one book run at once, while one owner after another moves.
func TestRotationKeepsTheAge(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	sampled := make(chan string, 1000)
	pool := NewPool(Options{Interval: 20 * time.Millisecond, OnSample: func(owner string) { sampled <- owner }})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = pool.Start(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	security := kafkaauth.Security{}
	watch := func(owner string) {
		pool.Watch(owner, Subscription{
			Connection: NewConnection(r.ListenAddrs(), "", security), GroupID: owner, Topics: []string{"orders"},
		})
	}
	next := func(owner string, wanted func(kafka.PartitionSample) bool) kafka.PartitionSample {
		for {
			<-sampled
			if s, known := pool.Latest(owner); known && wanted(r.partition(s)) {
				return r.partition(s)
			}
		}
	}
	r.produce("orders", 2, time.Time{})
	for _, owner := range []string{"a", "b"} {
		r.commit(owner, "orders", 0, 3)
		watch(owner)
		next(owner, func(p kafka.PartitionSample) bool { return p.End == 2 })
	}
	r.produce("orders", 2, time.Time{})
	for _, owner := range []string{"a", "b"} {
		next(owner, func(p kafka.PartitionSample) bool { return p.End == 4 })
	}
	security.SASL.Password = "rotated"
	for _, owner := range []string{"a", "b"} {
		old, _ := pool.Latest(owner)
		watch(owner)
		got := next(owner, func(kafka.PartitionSample) bool {
			s, _ := pool.Latest(owner)
			return s.At.After(old.At)
		})
		if got.Appended.OrEarlier {
			t.Errorf("after the rotation the age of %q begins anew: %+v", owner, got.Appended)
		}
	}
}

// The metadata of no topic are asked for in a form that all brokers know.
func TestConnectionOpenedInACycleOfAnOldBroker(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "orders", offsetsTopic), kfake.MaxVersions(kversion.V2_7_0()))
	for p := range int32(3) {
		if err := r.MoveTopicPartition("orders", p, p); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.cycle(reads("billing", "", "orders"))[0]; len(got.Topics) != 1 || got.Topics[0].Err != nil {
		t.Errorf("the first cycle says %+v", got)
	}
	if got := r.cycle(matching("billing", "refunds"))[0]; got.Topics != nil || got.StateErr != nil {
		t.Errorf("a group without a topic is %+v", got)
	}
	if log := r.client.book.topics[offsetsTopic]; log != nil {
		t.Error("the log of the offsets' topic is read")
	}
}

func TestSampleIsOfTheTimeBeforeItsOffsets(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	var fetched time.Time
	r.ControlKey(int16(kmsg.OffsetFetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if fetched.IsZero() {
			fetched = time.Now()
		}
		return nil, nil, false
	})
	r.commit("billing", "orders", 0, 0)
	got := r.cycle(reads("billing", "", "orders"))[0]
	r.mu.Lock()
	defer r.mu.Unlock()
	if fetched.IsZero() || got.At.After(fetched) {
		t.Errorf("the sample is of %v, and its commits were asked for at %v", got.At, fetched)
	}
}

func TestListingLeavesTheOtherLane(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	s := []interest{matching("billing", "ord.*")}
	for _, c := range []struct {
		reason string
		names  []string
		err    error
	}{
		{"there is no list yet", nil, errPending},
		{"there is an old list", []string{"orders"}, nil},
	} {
		asked, release := make(chan struct{}), make(chan struct{})
		once := sync.OnceFunc(func() { close(asked) })
		r.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
			once()
			<-release // kfake serves nobody meanwhile, and nobody else asks it
			return nil, nil, false
		})
		r.client.patterns.listedAt = time.Time{}
		var slow sync.WaitGroup
		slow.Go(func() { r.client.resolve(context.Background(), s) })
		<-asked
		resolved, errs := r.client.resolve(hurry(context.Background()), s)
		close(release)
		slow.Wait()
		if !slices.Equal(resolved[0].Topics, c.names) || !errors.Is(errs[0], c.err) {
			t.Errorf("%s: another lane has %v, %v", c.reason, resolved[0].Topics, errs[0])
		}
		if resolved, errs := r.client.resolve(context.Background(), s); len(resolved[0].Topics) != 1 || errs[0] != nil {
			t.Errorf("%s: after the listing there are %v, %v", c.reason, resolved[0].Topics, errs[0])
		}
	}
}

func TestLateListingIsLeftToTheSlowLane(t *testing.T) {
	p := patterns{names: []string{"orders"}}
	for _, c := range []struct {
		hurried bool
		due     bool
	}{{true, true}, {false, false}} {
		now := time.Now()
		p.listedAt = time.Time{}
		if !p.begin(now) {
			t.Fatal("the list is not due")
		}
		p.end(nil, nil, errLate, now, c.hurried)
		if got := p.begin(now); got != c.due {
			t.Errorf("late, in a hurry %t: the list is due %t", c.hurried, got)
		}
		p.listing = false
	}
}

func TestDescriptionsThatAreTooLargeAreHalved(t *testing.T) {
	ids := []string{"a", "b", "c", "d", "e"}
	got := describeEach(t.Context(), nil, ids, func(_ context.Context, _ *link, part []string) (map[string]description, error) {
		if len(part) > 1 || part[0] == "e" {
			return nil, fmt.Errorf("broker: %w", errTooLarge)
		}
		return map[string]description{part[0]: {state: kafka.StateStable}}, nil
	})
	for _, id := range ids {
		if read, large := got[id], id == "e"; errors.Is(read.err, errTooLarge) != large || (read.state == kafka.StateStable) == large {
			t.Errorf("group %q is %+v", id, read)
		}
	}
}
