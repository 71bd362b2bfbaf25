package kafkaadmin_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// forever is a fault's count: until it is removed.
const forever = -1

func TestPartitionFaultLeavesSiblings(t *testing.T) {
	cases := map[string]struct {
		reason string
		fault  kfake.Fault
		kind   error
		text   string
	}{
		"Leader": {
			reason: "one partition's leader moved",
			fault:  kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.NotLeaderForPartition},
			kind:   kafka.ErrUnavailable,
			text:   `read the log end of partition "orders-1"`,
		},
		"LeaderWithoutPartition": {
			reason: "a leader that does not know the partition is old metadata: the topic is not missing",
			fault:  kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.UnknownTopicOrPartition},
			kind:   kafka.ErrUnavailable,
			text:   `read the log end of partition "orders-1"`,
		},
		"Unstable": {
			reason: "a transaction is open over one partition's commit",
			fault:  kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.UnstableOffsetCommit},
			kind:   kafka.ErrUnavailable,
			text:   `read the committed offset of partition "orders-1"`,
		},
		"Unauthorized": {
			reason: "the topic's commits may not be read",
			fault:  kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.TopicAuthorizationFailed},
			kind:   kafka.ErrUnauthorized,
			text:   `read the committed offset of partition "orders-1"`,
		},
		"Unheard": {
			reason: "an error code with no kind of its own",
			fault:  kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.UnsupportedForMessageFormat},
			kind:   kafka.ErrRejected,
			text:   `read the log end of partition "orders-1"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.SeedTopics(3, "orders"))
			b.commit(t, "billing", "orders", 0, 0) // kfake has faults for the groups it knows
			tc.fault.Topic, tc.fault.Partitions, tc.fault.Count = "orders", []int32{1}, forever
			fault := b.Fault(tc.fault)
			pool := started(t, kafkaadmin.Options{})
			pool.Watch("a", b.subscription("billing", "orders"))

			topic := topicNamed(t, sampleOf(t, pool, "a", "a sample", anySample), "orders")
			if got := broken(t, topic, tc.kind); !slices.Equal(got, []int32{1}) || len(topic.Partitions) != 3 {
				t.Fatalf("%s: %d partitions, broken are %v, want 3 with 1 broken", tc.reason, len(topic.Partitions), got)
			}
			if got := topic.Partitions[1]; !strings.HasPrefix(got.Err.Error(), tc.text) || got.Committed != 0 || got.End != 0 {
				t.Errorf("%s: got %+v, want an error that starts with %q and no offsets", tc.reason, got, tc.text)
			}
			fault.Remove()
			sampleOf(t, pool, "a", "the end of the fault", func(s kafka.GroupSample) bool {
				return broken(t, topicNamed(t, s, "orders"), tc.kind) == nil
			})
		})
	}
}

func TestGroupFaultLeavesSiblings(t *testing.T) {
	cases := map[string]struct {
		reason    string
		key       kmsg.Key
		err       *kerr.Error
		kind      error
		committed bool // whether the committed offsets are lost
		state     bool // whether state and members are lost
	}{
		"Commits": {
			reason: "the group's commits are loading", key: kmsg.OffsetFetch,
			err: kerr.CoordinatorLoadInProgress, kind: kafka.ErrUnavailable, committed: true,
		},
		"State": {
			reason: "the group's state is loading", key: kmsg.DescribeGroups,
			err: kerr.CoordinatorLoadInProgress, kind: kafka.ErrUnavailable, state: true,
		},
		"StateUnauthorized": {
			reason: "the group may not be described", key: kmsg.DescribeGroups,
			err: kerr.GroupAuthorizationFailed, kind: kafka.ErrUnauthorized, state: true,
		},
		"NoCoordinator": {
			reason: "nobody coordinates the group", key: kmsg.FindCoordinator,
			err: kerr.CoordinatorNotAvailable, kind: kafka.ErrUnavailable, committed: true, state: true,
		},
		"AlwaysElsewhere": {
			reason: "each coordinator denies it: two look-ups a cycle, then it is data", key: kmsg.OffsetFetch,
			err: kerr.NotCoordinator, kind: kafka.ErrUnavailable, committed: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
			fault := b.Fault(kfake.Fault{Keys: []kmsg.Key{tc.key}, Group: "billing", Err: tc.err, Count: forever})
			pool := started(t, kafkaadmin.Options{})
			pool.Watch("a", b.subscription("billing", "orders"))
			pool.Watch("b", b.subscription("shipping", "orders"))

			sample := sampleOf(t, pool, "a", "a sample", anySample)
			if got := errors.Is(sample.StateErr, tc.kind); got != tc.state {
				t.Errorf("%s: state error is %v", tc.reason, sample.StateErr)
			}
			if got := len(broken(t, sample.Topics[0], tc.kind)) == 2; got != tc.committed {
				t.Errorf("%s: partitions are %+v", tc.reason, sample.Topics[0].Partitions)
			}
			sibling := sampleOf(t, pool, "b", "a sample", anySample)
			if sibling.StateErr != nil || broken(t, sibling.Topics[0], tc.kind) != nil {
				t.Errorf("%s: the sibling has %+v", tc.reason, sibling)
			}
			fault.Remove()
			sampleOf(t, pool, "a", "the end of the fault", healthy)
		})
	}
}

// healthy tells whether everything in the sample was read.
func healthy(s kafka.GroupSample) bool {
	err := errors.Join(s.ConnectionErr, s.StateErr)
	for _, topic := range s.Topics {
		err = errors.Join(err, topic.Err)
		for _, p := range topic.Partitions {
			err = errors.Join(err, p.Err)
		}
	}
	return err == nil
}

func TestGroupIDNotFoundIsNoCommits(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	b.commit(t, "billing", "orders", 0, 1)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch, kmsg.DescribeGroups}, Group: "billing", Err: kerr.GroupIDNotFound, Count: forever})
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders"))
	sample := sampleOf(t, pool, "a", "a sample", anySample)
	if !healthy(sample) || sample.Topics[0].Partitions[0].Committed != kafka.NoOffset || sample.State != kafka.StateDead {
		t.Errorf("got %+v, want no commits and Dead", sample)
	}
}

// Kafka 4 describes a group of the KIP-848 protocol as dead, members or not.
func TestDeadGroupWithCommitsIsUnknown(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	b.commit(t, "billing", "orders", 0, 1)
	b.ControlKey(int16(kmsg.DescribeGroups), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.DescribeGroupsResponse)
		for _, group := range request.(*kmsg.DescribeGroupsRequest).Groups {
			response.Groups = append(response.Groups, kmsg.DescribeGroupsResponseGroup{Group: group, State: "Dead"})
		}
		return response, nil, true
	})
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders"))
	pool.Watch("b", b.subscription("shipping", "orders"))
	sample := sampleOf(t, pool, "a", "a sample", anySample)
	if !errors.Is(sample.StateErr, kafka.ErrUnsupported) || sample.State != kafka.StateUnknown || sample.Topics[0].Partitions[0].Committed != 1 {
		t.Errorf("got %+v, want the commits without a state", sample)
	}
	if sample := sampleOf(t, pool, "b", "a sample", anySample); !healthy(sample) || sample.State != kafka.StateDead {
		t.Errorf("without commits got %+v, want Dead", sample)
	}
}

func TestTopicFaultLeavesSiblings(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(2, "orders", "returns"))
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "returns", Err: kerr.TopicAuthorizationFailed, Count: forever})
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders", "returns"))
	sample := sampleOf(t, pool, "a", "a sample", anySample)
	if got := topicNamed(t, sample, "returns"); !errors.Is(got.Err, kafka.ErrUnauthorized) {
		t.Errorf("the refused topic has %+v", got)
	}
	if got := topicNamed(t, sample, "orders"); got.Err != nil || len(got.Partitions) != 2 {
		t.Errorf("the other topic has %+v", got)
	}
}

func TestCoordinatorMovesWithoutGap(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(2, "orders"))
	groups := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	lookups := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Observe: true, Count: forever})
	var pool *kafkaadmin.Pool
	pool = kafkaadmin.NewPool(kafkaadmin.Options{Interval: 20 * time.Millisecond, OnSample: func(owner string) {
		if sample, known := pool.Latest(owner); known && !healthy(sample) {
			t.Errorf("group %q has a gap: %+v", owner, sample)
		}
	}})
	t.Cleanup(run(t, pool))
	for _, group := range groups {
		pool.Watch(group, b.subscription(group, "orders"))
		sampleOf(t, pool, group, "a sample", healthy)
	}
	if got := lookups.Hits(); got != len(groups) {
		t.Errorf("%d look-ups for %d groups", got, len(groups))
	}
	for range 3 {
		b.RehashCoordinators()
		later(t, pool, "a")
	}
	settled := lookups.Hits()
	later(t, pool, "a")
	if got := lookups.Hits(); got != settled || got > len(groups)*4 {
		t.Errorf("%d look-ups after three moves of %d groups, %d a cycle later", settled, len(groups), got)
	}
}

func TestOneBrokerDownLeavesSiblings(t *testing.T) {
	const down = 1
	cases := map[string]struct {
		reason string
		answer error
		kind   error
	}{
		"Closing": {"it accepts connections and closes them", errors.New("closed"), kafka.ErrUnreachable},
		"Mute":    {"it accepts connections and says nothing", nil, kafka.ErrTimeout},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "orders"))
			for p := range int32(3) {
				if err := b.MoveTopicPartition("orders", p, p); err != nil {
					t.Fatal(err)
				}
			}
			lost, kept := groupOf(t, b, down, true), groupOf(t, b, down, false)
			b.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
				b.KeepControl()
				return nil, tc.answer, b.CurrentNode() == down
			})
			pool := started(t, kafkaadmin.Options{RequestTimeout: 500 * time.Millisecond})
			pool.Watch("lost", b.subscription(lost, "orders"))
			pool.Watch("kept", b.subscription(kept, "orders"))

			sample := sampleOf(t, pool, "kept", "a sample", connected)
			if got := broken(t, sample.Topics[0], tc.kind); sample.StateErr != nil || !slices.Equal(got, []int32{down}) {
				t.Errorf("%s: a group of another broker has %+v, want the partition led by the lost one alone broken", tc.reason, sample)
			}
			sample = sampleOf(t, pool, "lost", "a sample", connected)
			if got := broken(t, sample.Topics[0], tc.kind); !errors.Is(sample.StateErr, tc.kind) || len(got) != 3 {
				t.Errorf("%s: the lost broker's group has %+v, want all broken", tc.reason, sample)
			}
		})
	}
}

// groupOf finds a group id that the node coordinates, or does not.
func groupOf(t *testing.T, b broker, node int32, coordinated bool) string {
	t.Helper()
	for i := range 100 {
		if id := fmt.Sprintf("group-%d", i); (b.CoordinatorFor(id) == node) == coordinated {
			return id
		}
	}
	t.Fatal("no such group")
	return ""
}

// While a broker goes, the rest of the cluster names it before it is gone from
// all answers.
func TestBrokerThatIsNotListed(t *testing.T) {
	const gone = 99
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(3, "orders"))
	host, port, err := net.SplitHostPort(b.addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	b.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		response.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 0, Host: host, Port: int32(number)}}
		response.Topics = []kmsg.MetadataResponseTopic{{Topic: kmsg.StringPtr("orders"), Partitions: []kmsg.MetadataResponseTopicPartition{
			{Partition: 0, Leader: 0}, {Partition: 1, Leader: gone}, {Partition: 2, Leader: -1},
		}}}
		return response, nil, true
	})
	b.ControlKey(int16(kmsg.FindCoordinator), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.FindCoordinatorResponse)
		response.NodeID, response.Host, response.Port = gone, host, int32(number)
		return response, nil, request.(*kmsg.FindCoordinatorRequest).CoordinatorKey == "lost"
	})
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders"))
	pool.Watch("lost", b.subscription("lost", "orders"))

	sample := sampleOf(t, pool, "a", "a sample", anySample)
	if got := broken(t, sample.Topics[0], kafka.ErrUnavailable); sample.StateErr != nil || !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("got %+v, want the partitions without a leader alone broken", sample)
	}
	sample = sampleOf(t, pool, "lost", "a sample", anySample)
	if got := broken(t, sample.Topics[0], kafka.ErrUnavailable); !errors.Is(sample.StateErr, kafka.ErrUnavailable) || len(got) != 3 {
		t.Errorf("got %+v, want all of the group without a coordinator broken", sample)
	}
}

// Before 3.0 a request is for one group.
func TestOldBrokersAreAskedGroupByGroup(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.MaxVersions(kversion.V2_8_0()))
	b.commit(t, "billing", "orders", 0, 1)
	b.commit(t, "shipping", "orders", 0, 2)
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders"))
	pool.Watch("b", b.subscription("shipping", "orders"))
	for owner, want := range map[string]int64{"a": 1, "b": 2} {
		sample := sampleOf(t, pool, owner, "a sample", anySample)
		if !healthy(sample) || sample.Topics[0].Partitions[0].Committed != want || sample.State != kafka.StateEmpty {
			t.Errorf("got %+v, want the commit %d", sample, want)
		}
	}
}

// A throttled client waits inside sarama, where neither a context nor a closed
// connection ends it.
func TestThrottledBrokerIsLeftAtTheDeadline(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.ControlKey(int16(kmsg.DescribeGroups), func(request kmsg.Request) (kmsg.Response, error, bool) {
		response := request.ResponseKind().(*kmsg.DescribeGroupsResponse)
		response.ThrottleMillis = 2000
		return response, nil, true
	})
	pool := started(t, kafkaadmin.Options{Interval: time.Second, RequestTimeout: 100 * time.Millisecond})
	pool.Watch("a", b.subscription("billing", "orders"))
	sample := sampleOf(t, pool, "a", "a sample", connected)
	if got := broken(t, sample.Topics[0], kafka.ErrTimeout); len(got) != 1 {
		t.Errorf("while the broker throttles the sample is %+v, want ErrTimeout", sample)
	}
	pool.Watch("b", b.subscription("shipping", "orders"))
	if sample := sampleOf(t, pool, "b", "a sample", anySample); !errors.Is(sample.ConnectionErr, kafka.ErrTimeout) {
		t.Errorf("while a call is stuck the sample is %+v, want ErrTimeout", sample)
	}
	sampleOf(t, pool, "b", "the end of the throttling", healthy)
}
