package kafka_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// memberCases are about who consumes.
var memberCases = []lagCase{
	{
		id: "empty", name: "empty group with lag", partitions: 1,
		reason: "nobody works on it",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 8)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 3})
		},
		want:  map[string]reading{"empty-0": {Committed: 3, End: 8, Lag: 5, Health: lag.HealthStopped}},
		state: kafka.StateEmpty, also: members(0),
	},
	{
		id: "poison", name: "poison message, silent producer", partitions: 1,
		reason: "from offsets alone it looks like a trailing marker; a fetch finds the record that is not got past",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 6)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 5})
			x.join(x.T, x.group, x.topic)
		},
		want: map[string]reading{"poison-0": {Committed: 5, End: 6, Lag: 1, Health: lag.HealthStalled}},
		also: func(sample kafka.GroupSample, group lag.Group) string {
			if stuck := group.Stuck(); len(stuck) != 1 || stuck[0].Owner != "worker" {
				return fmt.Sprintf("stuck are %+v, want the one with its owner", stuck)
			}
			return members(1)(sample, group)
		},
		state: kafka.StateStable,
	},
	{
		id: "member-no-commit", name: "member that never committed", partitions: 1,
		reason: "what it has not committed is before it",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 4)
			x.join(x.T, x.group, x.topic)
		},
		want:  map[string]reading{"member-no-commit-0": {Committed: kafka.NoOffset, End: 4, Lag: 4}},
		state: kafka.StateStable, also: members(1),
		tool: map[string]string{"member-no-commit-0": "- / 4 / -"},
		why:  "the tool has no lag for a partition without a commit; we count from `initialOffset`",
	},
	{
		id: "rebalancing", name: "rebalancing group", partitions: 1,
		reason: "a rebalance is no reason to know nothing",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 4)
			x.commit(x.T, x.group, x.topic, map[int32]int64{0: 1})
			x.rebalance(x.T, x.group, x.topic)
		},
		want:  map[string]reading{"rebalancing-0": {Committed: 1, End: 4, Lag: 3}},
		state: kafka.StateCompletingRebalance,
	},
	{
		id: "kip848", name: "group of KIP-848", partitions: 2,
		reason: "DescribeGroups calls it dead",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 4)
			x.fill(x.T, x.topic, 1, 3)
			x.consume848(x.T, x.group, x.topic)
		},
		want: map[string]reading{"kip848-0": {Committed: 4, End: 4, Lag: 0}, "kip848-1": {Committed: 3, End: 3, Lag: 0}},
		also: func(sample kafka.GroupSample, group lag.Group) string {
			if sample.Type != kafka.TypeConsumer || len(sample.Members) != 1 || len(sample.Members[0].Assigned) != 2 {
				return fmt.Sprintf("type %q, members %+v; want consumer, and one with two partitions", sample.Type, sample.Members)
			}
			if sample.Members[0].Assigned[0].Topic == "" {
				return "" // kfake names a member's topics by their ids alone
			}
			for _, p := range group.Topics[0].Partitions {
				if p.Owner == "" {
					return fmt.Sprintf("members %+v: nobody has %s", sample.Members, p)
				}
			}
			return members(1)(sample, group)
		},
		state: kafka.StateStable,
	},
	{
		id: "share", name: "share group", partitions: 1,
		reason: "it has no commits: whatever was said about its lag would be wrong",
		prepare: func(x *trial) {
			x.fill(x.T, x.topic, 0, 4)
			x.consumeShared(x.T, x.group, x.topic)
		},
		want: map[string]reading{"share-0": {Unknown: kafka.ErrUnsupported}},
		also: func(sample kafka.GroupSample, _ lag.Group) string {
			if sample.Type != kafka.TypeShare {
				return fmt.Sprintf("type %q, want share", sample.Type)
			}
			return ""
		},
		toolFails: "is not a consumer group",
		why:       "both refuse it, in other words",
	},
}

// members wants so many of them.
func members(want int) func(kafka.GroupSample, lag.Group) string {
	return func(sample kafka.GroupSample, _ lag.Group) string {
		if len(sample.Members) != want {
			return fmt.Sprintf("%d members, want %d", len(sample.Members), want)
		}
		return ""
	}
}

// join has a member in the group that consumes nothing and commits nothing.
func (s *stand) join(t *testing.T, group, topic string) {
	t.Helper()
	s.newClient(t, kgo.ClientID("worker"), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.DisableAutoCommit(), kgo.Balancers(kgo.RangeBalancer()))
}

// rebalance leaves the group in a rebalance: its only member has joined and does
// not go on to ask for its partitions.
func (s *stand) rebalance(t *testing.T, group, topic string) {
	t.Helper()
	request := kmsg.NewJoinGroupRequest()
	request.Group, request.ProtocolType = group, "consumer"
	request.SessionTimeoutMillis, request.RebalanceTimeoutMillis = int32(patience.Milliseconds()), 2*int32(patience.Milliseconds())
	subscription := kmsg.NewConsumerMemberMetadata()
	subscription.Topics = []string{topic}
	request.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription.AppendTo(nil)}}
	for {
		response, err := request.RequestWith(within(t), s.client)
		must(t, "join the group", err)
		if err = kerr.ErrorForCode(response.ErrorCode); err == kerr.MemberIDRequired { //nolint:errorlint // one of kerr's own values
			request.MemberID = response.MemberID
			continue
		}
		must(t, "join the group", err)
		return
	}
}

// consume848 has a member of the new protocol that consumes and commits: on
// Apache Kafka the Java client.
func (s *stand) consume848(t *testing.T, group, topic string) {
	t.Helper()
	if s.apache != nil {
		s.begins(t, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", topic, "--group", group, "--from-beginning",
			"--command-property", "group.protocol=consumer", "--command-property", "auto.commit.interval.ms=100")
		return
	}
	member := s.newClient(t, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ServerSideBalancer(),
		kgo.AutoCommitMarks(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	poll(t, func(ctx context.Context) {
		member.MarkCommitRecords(member.PollFetches(ctx).Records()...)
		_ = member.CommitMarkedOffsets(ctx) // what is wanted is seen in the end
	})
}

func (s *stand) consumeShared(t *testing.T, group, topic string) {
	t.Helper()
	if s.apache != nil {
		s.begins(t, "org.apache.kafka.tools.consumer.ConsoleShareConsumer", "--topic", topic, "--group", group)
		return
	}
	member := s.newClient(t, kgo.ShareGroup(group), kgo.ConsumeTopics(topic))
	poll(t, func(ctx context.Context) { member.PollFetches(ctx) })
}

// begins runs one of Kafka's programs until the end of the test.
func (s *stand) begins(t *testing.T, class string, args ...string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	program, err := s.apache.Begin(class, log, append([]string{"--bootstrap-server", strings.Join(s.own, ",")}, args...)...)
	must(t, "start a program of Kafka's", err)
	t.Cleanup(func() {
		if err := program.Err(); err != nil {
			t.Errorf("%s: %v", class, err)
		}
		must(t, "stop a program of Kafka's", program.Stop())
	})
}

// poll repeats until the end of the test.
func poll(t *testing.T, once func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var polling sync.WaitGroup
	polling.Go(func() {
		for ctx.Err() == nil {
			once(ctx)
		}
	})
	t.Cleanup(func() {
		cancel()
		polling.Wait()
	})
}
