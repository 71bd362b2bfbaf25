package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// shape is how large a crowd is: group i is on 1 to 3 of the topics.
type shape struct{ groups, topics, partitions, metadata int }

func (s shape) topicsOf(i int) []string {
	var names []string
	for n := range 1 + i%3 {
		names = append(names, fmt.Sprintf("topic-%d", (i+n)%s.topics))
	}
	return names
}

// crowd are groups with commits on a cluster of 3 brokers.
type crowd struct {
	*kfake.Cluster
	shape         shape
	connection    Connection
	subscriptions []interest

	mu       sync.Mutex
	requests map[string]int // by API, as the brokers got them
}

func newCrowd(t testing.TB, s shape) *crowd {
	t.Helper()
	names := make([]string, s.topics)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%d", i)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(int32(s.partitions), names...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	c := &crowd{Cluster: cluster, shape: s, connection: NewConnection(cluster.ListenAddrs(), "", kafkaauth.Security{}), requests: map[string]int{}}
	c.commit(t)
	for i := range s.groups {
		c.subscriptions = append(c.subscriptions, interest{GroupID: groupName(i), Topics: sortedSet(s.topicsOf(i))})
	}
	cluster.Control(func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests[kmsg.NameForKey(request.Key())]++
		return nil, nil, false
	})
	return c
}

func groupName(i int) string { return fmt.Sprintf("group-%d", i) }

func (c *crowd) commit(t testing.TB) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin, metadata := kadm.NewClient(client), strings.Repeat("m", c.shape.metadata)
	for i := range c.shape.groups {
		offsets := kadm.Offsets{}
		for _, name := range c.shape.topicsOf(i) {
			for p := range int32(c.shape.partitions) {
				offsets.Add(kadm.Offset{Topic: name, Partition: p, At: 0, LeaderEpoch: -1, Metadata: metadata})
			}
		}
		if err := admin.CommitAllOffsets(t.Context(), groupName(i), offsets); err != nil {
			t.Fatal(err)
		}
	}
}

// client is one that connects when it is first used.
func (c *crowd) client(t testing.TB) *client {
	t.Helper()
	life, end := context.WithCancel(context.Background())
	client := newClient(life, c.connection, Options{}.withDefaults())
	t.Cleanup(client.close)
	t.Cleanup(end)
	return client
}

// sample runs one cycle, which must read everything, and returns the requests
// that it took, by API.
func (c *crowd) sample(t testing.TB, client *client) map[string]int {
	t.Helper()
	before := c.counts()
	outcomes, err := client.sample(context.Background(), c.subscriptions)
	if err != nil {
		t.Fatal(err)
	}
	for i := range outcomes {
		for err := range errorsIn(outcomes[i].sample) {
			t.Fatalf("group %q: %v", outcomes[i].sample.GroupID, err)
		}
		for _, topic := range outcomes[i].sample.Topics {
			if len(topic.Partitions) != c.shape.partitions {
				t.Fatalf("topic %q has %d partitions", topic.Name, len(topic.Partitions))
			}
		}
	}
	took := c.counts()
	for name, count := range before {
		if took[name] -= count; took[name] == 0 {
			delete(took, name)
		}
	}
	return took
}

func (c *crowd) counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.requests)
}

func sum(counts map[string]int) int {
	total := 0
	for count := range maps.Values(counts) {
		total += count
	}
	return total
}

func TestRequestsDoNotGrowWithGroups(t *testing.T) {
	for _, groups := range []int{50, 500} {
		c := newCrowd(t, shape{groups: groups, topics: 20, partitions: 4, metadata: 60})
		client := c.client(t)
		if cold := c.sample(t, client); sum(cold) > 40 {
			t.Errorf("the first cycle of %d groups took %v, want 40 at most", groups, cold)
		}
		if warm := c.sample(t, client); sum(warm) > 16 || warm["OffsetFetch"] != 3 || warm["FindCoordinator"] > 0 {
			t.Errorf("a cycle of %d groups took %v, want 16 at most, an OffsetFetch a broker and no look-ups", groups, warm)
		}
	}
}

func TestMoveOfCoordinatorsCostsNoLookUps(t *testing.T) {
	c := newCrowd(t, shape{groups: 100, topics: 5, partitions: 4})
	client := c.client(t)
	c.sample(t, client)
	usual := c.sample(t, client)
	c.RehashCoordinators()
	if moved := c.sample(t, client); sum(moved) > sum(usual)+4 || moved["FindCoordinator"] > 0 {
		t.Errorf("the cycle after a move took %v, the one before %v", moved, usual)
	}
}

// A cycle looks up a few of the groups that no broker lists, and does not ask
// for the others at all.
func TestLookUpsAreBounded(t *testing.T) {
	c := newCrowd(t, shape{groups: 1, topics: 1, partitions: 1})
	client := c.client(t)
	for i := range 2 * maxLookUps {
		c.subscriptions = append(c.subscriptions, interest{GroupID: fmt.Sprintf("new-%d", i), Topics: []string{"topic-0"}})
	}
	for cycle, want := range []int{maxLookUps, 0} {
		before := c.counts()["FindCoordinator"]
		outcomes, err := client.sample(t.Context(), c.subscriptions)
		if err != nil {
			t.Fatal(err)
		}
		left := slices.DeleteFunc(outcomes, func(o outcome) bool { return !errors.Is(o.sample.StateErr, errPending) })
		if got := c.counts()["FindCoordinator"] - before; got != maxLookUps || len(left) != want {
			t.Errorf("cycle %d looked up %d groups and left %d, want %d and %d", cycle, got, len(left), maxLookUps, want)
		}
	}
	c.sample(t, client)
}

// BenchmarkCycle is one poll cycle of 3,000 groups with 96,000 offsets on 3
// brokers, which run in the same process.
func BenchmarkCycle(b *testing.B) {
	c := newCrowd(b, shape{groups: 3000, topics: 600, partitions: 16, metadata: 60})
	client := c.client(b)
	b.Logf("cold: %v", c.sample(b, client))
	b.ReportAllocs()
	for b.Loop() {
		b.Logf("warm: %v", c.sample(b, client))
	}
}
