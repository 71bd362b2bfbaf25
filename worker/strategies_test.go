package worker_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lagrange-operator/lagrange/worker"
)

// assignment is what the group says of itself once it is stable: the protocol,
// and each client's partitions as "topic-number".
type assignment struct {
	protocol string
	of       map[string][]string
}

func (b *broker) assignment(t *testing.T, members int) assignment {
	t.Helper()
	b.awaitMembers(t, members)
	groups, err := b.admin.DescribeConsumerGroups([]string{group})
	if err != nil {
		t.Fatal(err)
	}
	result := assignment{protocol: groups[0].Protocol, of: make(map[string][]string)}
	for _, member := range groups[0].Members {
		given, err := member.GetMemberAssignment()
		if err != nil {
			t.Fatal(err)
		}
		result.of[member.ClientId] = partitionNames(given.Topics)
	}
	return result
}

func partitionNames(topics map[string][]int32) []string {
	names := []string{}
	for name, numbers := range topics {
		for _, number := range numbers {
			names = append(names, fmt.Sprintf("%s-%d", name, number))
		}
	}
	slices.Sort(names)
	return names
}

func (b *broker) as(name string, assignment worker.Assignment) worker.Config {
	config := b.config()
	config.ClientID, config.Assignment = name, assignment
	return config
}

func TestStableMembersKeepTheirPartitionsOverARestart(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 11), newRecord()
	members := make(map[string]*running)
	for _, name := range []string{"x", "y", "z"} {
		members[name] = start(t, b.as(name, worker.Stable), handled.handle)
		b.awaitMembers(t, len(members))
	}
	before := b.assignment(t, 3)
	members["y"].stop(t)
	if without := b.assignment(t, 2); len(without.of["x"])+len(without.of["z"]) != 11 {
		t.Errorf("nobody stands in for y: %v", without)
	}
	start(t, b.as("y", worker.Stable), handled.handle)
	after := b.assignment(t, 3)
	if after.protocol != "lagrange-stable" {
		t.Errorf("the group is assigned by %q", after.protocol)
	}
	for _, name := range []string{"x", "z"} {
		for _, partition := range before.of[name] {
			if !slices.Contains(after.of[name], partition) {
				t.Errorf("%s has lost %s\nbefore %v\nafter  %v", name, partition, before.of, after.of)
			}
		}
	}
	for name, partitions := range after.of {
		if len(partitions) < 3 || len(partitions) > 4 {
			t.Errorf("%s has %d of 11 partitions", name, len(partitions))
		}
	}
}

func TestCoPartitionedTopicsGoToOneMember(t *testing.T) {
	t.Parallel()
	b := newBrokerWith(t, func(*sarama.Config) {}, kfake.SeedTopics(12, "orders", "payments"))
	join := func(name string) {
		config := b.as(name, worker.StableConsistent)
		config.Topics = []string{"orders", "payments"}
		start(t, config, newRecord().handle)
	}
	for _, name := range []string{"w", "x", "y"} {
		join(name)
	}
	before := b.assignment(t, 3)
	join("z")
	after := b.assignment(t, 4)
	if after.protocol != "lagrange-stable-consistent" {
		t.Errorf("the group is assigned by %q", after.protocol)
	}
	for name, partitions := range after.of {
		orders, payments := partitions[:len(partitions)/2], partitions[len(partitions)/2:]
		for i := range orders {
			if "payments"+orders[i][len("orders"):] != payments[i] {
				t.Errorf("%s has %v", name, partitions)
				break
			}
		}
		if kept := len(before.of[name]); kept > 0 && !subset(partitions, before.of[name]) {
			t.Errorf("%s had %v and was given %v", name, before.of[name], partitions)
		}
		if len(orders) != 3 {
			t.Errorf("%s has %d of 12 numbers", name, len(orders))
		}
	}
}

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(name string) bool { return !slices.Contains(whole, name) })
}

// Members are replaced one by one: a new one starts before an old one stops, as
// in a Deployment's rollout, and messages go on. In each step the group is
// stable with all its members, and in the end assigned as wanted.
func TestARolloutChangesTheAssignment(t *testing.T) {
	cases := map[string]struct {
		from, to worker.Assignment
		protocol string
	}{
		"RangeToStable":             {worker.Range, worker.Stable, "lagrange-stable"},
		"StableToSticky":            {worker.Stable, worker.Sticky, "sticky"},
		"StableToCooperativeSticky": {worker.Stable, worker.CooperativeSticky, "cooperative-sticky"},
		"CooperativeStickyToStable": {worker.CooperativeSticky, worker.Stable, "lagrange-stable"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const partitions, perStep = 6, 20
			b, handled := newBroker(t, partitions), newRecord()
			var members []*running
			join := func(assignment worker.Assignment) {
				config := b.as(fmt.Sprintf("%s-%d", assignment, len(members)), assignment)
				members = append(members, start(t, config, handled.handle))
			}
			produce := func() {
				for partition := range int32(partitions) {
					b.produce(t, partition, perStep)
				}
			}
			for range 3 {
				join(tc.from)
			}
			b.awaitMembers(t, 3)
			for old := range 3 {
				produce()
				join(tc.to)
				b.awaitMembers(t, 4)
				produce()
				members[old].stop(t)
				b.awaitMembers(t, 3)
			}
			await(t, "every message", func() bool { return handled.distinct() == partitions*perStep*6 })
			// A cooperative group is balanced only after another rebalance.
			await(t, "two partitions for each by "+tc.protocol, func() bool {
				after := b.assignment(t, 3)
				uneven := slices.ContainsFunc(slices.Collect(maps.Values(after.of)), func(given []string) bool { return len(given) != 2 })
				return after.protocol == tc.protocol && !uneven
			})
		})
	}
}

// What range made is kept: the first assignment of stable moves nothing.
func TestStableLearnsFromTheAssignmentBefore(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 12)
	start(t, b.as("x", worker.Range), newRecord().handle)
	leaves := start(t, b.as("old", worker.Range), newRecord().handle)
	b.awaitMembers(t, 2)
	start(t, b.as("y", worker.Stable), newRecord().handle)
	start(t, b.as("z", worker.Stable), newRecord().handle)
	before := b.assignment(t, 4)
	leaves.stop(t)
	after := b.assignment(t, 3)
	if after.protocol != "lagrange-stable" {
		t.Fatalf("the group is assigned by %q", after.protocol)
	}
	for _, name := range []string{"x", "y", "z"} {
		if !subset(before.of[name], after.of[name]) {
			t.Errorf("%s had %v and was given %v", name, before.of[name], after.of[name])
		}
	}
}

// firstTakesAll is somebody's own strategy. Its data is nothing that another
// strategy could read.
type firstTakesAll struct{}

func (firstTakesAll) Name() string { return "first-takes-all" }

func (firstTakesAll) Plan(members map[string]sarama.ConsumerGroupMemberMetadata, topics map[string][]int32) (sarama.BalanceStrategyPlan, error) {
	first := slices.Min(slices.Collect(maps.Keys(members)))
	return sarama.BalanceStrategyPlan{first: topics}, nil
}

func (firstTakesAll) AssignmentData(string, map[string][]int32, int32) ([]byte, error) {
	return []byte("of no concern to others"), nil
}

func TestOnesOwnStrategyIsUsedOnceAllMembersHaveIt(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 4)
	own := func(name string) worker.Config {
		config := b.as(name, worker.Sticky)
		config.Strategy = firstTakesAll{}
		return config
	}
	start(t, own("x"), newRecord().handle)
	start(t, own("y"), newRecord().handle)
	all := map[string][]string{"x": partitionNames(map[string][]int32{topic: {0, 1, 2, 3}}), "y": {}}
	if diff := cmp.Diff(assignment{"first-takes-all", all}, b.assignment(t, 2), cmp.AllowUnexported(assignment{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	other := start(t, b.as("z", worker.Sticky), newRecord().handle)
	if mixed := b.assignment(t, 3); mixed.protocol != "sticky" || len(mixed.of["x"]) > 2 {
		t.Errorf("with a member that doesn't have it: %+v", mixed)
	}
	other.stop(t)
	if again := b.assignment(t, 2); again.protocol != "first-takes-all" {
		t.Errorf("the group is assigned by %q", again.protocol)
	}
}

// eagerAndCooperative is a strategy of one's own that can be cooperative.
type eagerAndCooperative struct{ sarama.BalanceStrategy }

func (eagerAndCooperative) SupportedProtocols() []sarama.RebalanceProtocol {
	return []sarama.RebalanceProtocol{sarama.RebalanceProtocolEager, sarama.RebalanceProtocolCooperative}
}

func TestACooperativeAssignmentNeedsABrokerThatKnowsIt(t *testing.T) {
	cases := map[string]func(*worker.Config){
		"CooperativeSticky": func(c *worker.Config) { c.Assignment = worker.CooperativeSticky },
		"OnesOwn":           func(c *worker.Config) { c.Strategy = eagerAndCooperative{sarama.NewBalanceStrategyRange()} },
	}
	for name, choose := range cases {
		t.Run(name, func(t *testing.T) {
			config := worker.Config{BootstrapServers: []string{"b:9092"}, GroupID: group, Topics: []string{topic}}
			choose(&config)
			if err := config.Validate(); err != nil {
				t.Errorf("with the default version: %v", err)
			}
			config.KafkaVersion = "2.3.0"
			if err := config.Validate(); err == nil {
				t.Error("accepted for Kafka 2.3.0")
			}
		})
	}
}

func TestAStrategyNeedsAName(t *testing.T) {
	config := worker.Config{
		BootstrapServers: []string{"b:9092"}, GroupID: group, Topics: []string{topic}, Strategy: nameless{},
	}
	if err := config.Validate(); err == nil {
		t.Error("members can't agree on a strategy without a name")
	}
}

type nameless struct{ firstTakesAll }

func (nameless) Name() string { return "" }
