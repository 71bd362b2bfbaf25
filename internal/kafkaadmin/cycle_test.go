package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// crowd is a client with groups of one topic of 4 partitions on 3 brokers, and
// the number of requests that the brokers got so far.
func crowd(t testing.TB, groups int) (*client, []Subscription, *atomic.Int64) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(4, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	requests := new(atomic.Int64)
	cluster.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		requests.Add(1)
		return nil, nil, false
	})
	connection := NewConnection(cluster.ListenAddrs(), "", kafkaauth.Security{})
	subscriptions := make([]Subscription, groups)
	for i := range subscriptions {
		subscriptions[i] = Subscription{Connection: connection, GroupID: fmt.Sprintf("group-%d", i), Topics: []string{"orders"}}
	}
	life, end := context.WithCancel(context.Background())
	client := newClient(life, connection, Options{}.withDefaults())
	t.Cleanup(client.close)
	t.Cleanup(end)
	sampleAll(t, client, subscriptions) // connects, and looks up the coordinators
	return client, subscriptions, requests
}

func sampleAll(t testing.TB, client *client, subscriptions []Subscription) {
	t.Helper()
	samples, err := client.sample(context.Background(), subscriptions)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if s.StateErr != nil || len(s.Topics[0].Partitions) != 4 || s.Topics[0].Partitions[3].Err != nil {
			t.Fatalf("got %+v", s)
		}
	}
}

func TestRequestsDoNotGrowWithGroups(t *testing.T) {
	for _, groups := range []int{50, 500} {
		client, subscriptions, requests := crowd(t, groups)
		before := requests.Load()
		sampleAll(t, client, subscriptions)
		// Metadata, and from each of 3 brokers commits, states, ends and starts.
		if got := requests.Load() - before; got > 1+3*4 {
			t.Errorf("a cycle of %d groups took %d requests, want 13 at most", groups, got)
		}
	}
}

func TestLookUpsGoOnInTheNextCycle(t *testing.T) {
	client, subscriptions, requests := crowd(t, 3)
	known, err := client.locate(t.Context(), topicsOf(subscriptions))
	if err != nil {
		t.Fatal(err)
	}
	delete(client.coordinators, "group-0")
	before, timeout := requests.Load(), client.timeout
	client.timeout = -1 // no time is left before the first request
	failed := client.findCoordinators(t.Context(), known, []string{"group-0", "group-1"})
	if len(failed) != 1 || !errors.Is(failed["group-0"], kafka.ErrTimeout) {
		t.Errorf("got %v, want ErrTimeout for the group that is not known alone", failed)
	}
	if asked := requests.Load() - before; asked != 0 {
		t.Errorf("asked %d times after the end", asked)
	}
	client.timeout = timeout
	sampleAll(t, client, subscriptions)
}

// BenchmarkCycle is one poll cycle of 500 groups x 4 partitions on 3 brokers,
// which run in the same process.
func BenchmarkCycle(b *testing.B) {
	client, subscriptions, requests := crowd(b, 500)
	before := requests.Load()
	b.ReportAllocs()
	for b.Loop() {
		sampleAll(b, client, subscriptions)
	}
	b.ReportMetric(float64(requests.Load()-before)/float64(b.N), "requests/op")
}
