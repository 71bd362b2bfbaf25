package kafkaadmin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// consumeByKIP848 joins a consumer to the group for the length of the test.
func consumeByKIP848(t *testing.T, b broker, group, clientID string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.ClientID(clientID),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics("orders"), kgo.ServerSideBalancer())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
}

// answerDead has DescribeGroups say what Apache Kafka 4 says of a group of the
// KIP-848 protocol.
func answerDead(b broker) {
	b.ControlKey(int16(kmsg.DescribeGroups), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.DescribeGroupsResponse)
		for _, group := range request.(*kmsg.DescribeGroupsRequest).Groups {
			response.Groups = append(response.Groups, kmsg.DescribeGroupsResponseGroup{Group: group, State: "Dead"})
		}
		return response, nil, true
	})
}

func TestGroupOfKIP848(t *testing.T) {
	untyped := kversion.V4_2_0()
	untyped.SetMaxKeyVersion(int16(kmsg.ListGroups), 4)
	cases := map[string]struct {
		reason   string
		versions *kversion.Versions
		commits  bool
	}{
		"Listed":   {"the brokers list the group's type, commits or not", kversion.V4_2_0(), false},
		"Unlisted": {"they do not: that it is dead and has commits tells it", untyped, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.SeedTopics(2, "orders"), kfake.MaxVersions(tc.versions))
			consumeByKIP848(t, b, "billing", "pod-a")
			if tc.commits {
				eventually(t, "the commit", func() bool { return b.tryCommitAsMember(t, "billing") })
			}
			answerDead(b)
			pool := started(t, kafkaadmin.Options{}) // which asks for members once a minute: not before the broker answers as it shall
			pool.Watch("a", b.subscription("billing", "orders"))

			sample := sampleOf(t, pool, "a", "a member with its partitions", func(s kafka.GroupSample) bool {
				return s.Type == kafka.TypeConsumer && s.State == kafka.StateStable && len(s.Members) == 1 && len(s.Members[0].Assigned) == 2
			})
			want := []kafka.Member{{ClientID: "pod-a", Assigned: []kafka.TopicPartition{{Topic: "orders", Partition: 0}, {Topic: "orders", Partition: 1}}}}
			if diff := cmp.Diff(want, sample.Members, cmpopts.IgnoreFields(kafka.Member{}, "ID", "Host")); diff != "" {
				t.Errorf("%s: members -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// tryCommitAsMember commits what a consumer would, which only a broker that
// takes the commit of a member allows.
func (b broker) tryCommitAsMember(t testing.TB, group string) bool {
	t.Helper()
	admin := b.admin(t)
	described, err := admin.DescribeConsumerGroups(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	members := described[group].Members
	if len(members) == 0 {
		return false
	}
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.MemberID, request.Generation = group, members[0].MemberID, members[0].MemberEpoch
	partition := kmsg.NewOffsetCommitRequestTopicPartition()
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.Partitions = "orders", append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.MaxVersions(kversion.V3_8_0()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	response, err := request.RequestWith(t.Context(), client)
	return err == nil && response.Topics[0].Partitions[0].ErrorCode == 0
}

// listAs has the brokers list the group as one of the kind.
func listAs(b broker, group, kind string) {
	b.ControlKey(int16(kmsg.ListGroups), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.ListGroupsResponse)
		if b.CurrentNode() == b.CoordinatorFor(group) {
			response.Groups = []kmsg.ListGroupsResponseGroup{{Group: group, GroupState: "Stable", GroupType: kind}}
		}
		return response, nil, true
	})
}

func TestGroupsWithoutConsumersAreRefused(t *testing.T) {
	cases := map[string]string{
		"share":   `read group "billing": not supported: it is a share group, which has no committed offsets to count lag from`,
		"streams": `read group "billing": not supported: it is a streams group, which has no committed offsets of consumers to count lag from`,
	}
	for kind, want := range cases {
		t.Run(kind, func(t *testing.T) {
			b := newBroker(t, kfake.SeedTopics(1, "orders"))
			listAs(b, "billing", kind)
			fetches := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch, kmsg.DescribeGroups}, Group: "billing", Observe: true, Count: forever})
			pool := started(t, kafkaadmin.Options{})
			pool.Watch("a", b.subscription("billing", "orders"))
			sample := sampleOf(t, pool, "a", "a sample", anySample)
			if !errors.Is(sample.StateErr, kafka.ErrUnsupported) || sample.StateErr.Error() != want || string(sample.Type) != kind {
				t.Errorf("got the type %q and %v, want %s", sample.Type, sample.StateErr, want)
			}
			if got := broken(t, sample.Topics[0], kafka.ErrUnsupported); len(got) != 1 {
				t.Errorf("the partitions are %+v: offsets of no such group mean anything", sample.Topics[0].Partitions)
			}
			if got := fetches.Hits(); got > 0 {
				t.Errorf("it was asked about %d times", got)
			}
		})
	}
}

// Lists are refused to who may not describe the cluster or any group, while a
// broker loads, and by proxies.
func TestRefusedListIsNoGap(t *testing.T) {
	for name, code := range map[string]*kerr.Error{
		"Unauthorized": kerr.ClusterAuthorizationFailed, "Loading": kerr.CoordinatorLoadInProgress,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.SeedTopics(1, "orders"))
			b.commit(t, "billing", "orders", 0, 0)
			b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListGroups}, TopLevel: true, Err: code, Count: forever})
			lookups := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Group: "billing", Observe: true, Count: forever})
			pool := started(t, kafkaadmin.Options{})
			pool.Watch("a", b.subscription("billing", "orders"))
			first := sampleOf(t, pool, "a", "a sample", anySample)
			last := later(t, pool, "a")
			for _, sample := range []kafka.GroupSample{first, last} {
				if !healthy(sample) || sample.State != kafka.StateEmpty {
					t.Errorf("got %+v, want the commits and the state", sample)
				}
			}
			if !last.DescribedAt.After(first.DescribedAt) {
				t.Error("without a list the state was not read again")
			}
			if got := lookups.Hits(); got != 1 {
				t.Errorf("%d look-ups, want one that is kept", got)
			}
			pool.Watch("b", b.subscription("shipping", "orders"))
			sampleOf(t, pool, "b", "a group that is not there", func(s kafka.GroupSample) bool { return s.State == kafka.StateDead })
			b.commit(t, "shipping", "orders", 0, 0)
			sampleOf(t, pool, "b", "the group that no list shows", func(s kafka.GroupSample) bool { return s.State == kafka.StateEmpty })
		})
	}
}

func TestDescribedWhereSomethingChanges(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	b.commit(t, "billing", "orders", 0, 0)
	described := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeGroups}, Group: "billing", Observe: true, Count: forever})
	absent := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeGroups}, Group: "shipping", Observe: true, Count: forever})
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders"))
	pool.Watch("b", b.subscription("shipping", "orders"))
	sampleOf(t, pool, "b", "a sample of a group that is not there", healthy)
	first := sampleOf(t, pool, "a", "a sample", healthy)
	for range 3 {
		if sample := later(t, pool, "a"); !sample.DescribedAt.Equal(first.DescribedAt) || sample.State != kafka.StateEmpty {
			t.Errorf("a quiet group was described at %v and %v: %+v", first.DescribedAt, sample.DescribedAt, sample)
		}
	}
	if got := described.Hits(); got != 1 {
		t.Errorf("a quiet group was described %d times", got)
	}
	if got := absent.Hits(); got != 1 {
		t.Errorf("a group that is not there was described %d times", got)
	}
	pool.Refresh("a")
	sampleOf(t, pool, "a", "what Refresh asks for", func(s kafka.GroupSample) bool { return s.DescribedAt.After(first.DescribedAt) })
	if got := described.Hits(); got != 2 {
		t.Errorf("described %d times after one Refresh", got)
	}
	consume(t, b, "billing", "pod-a")
	sampleOf(t, pool, "a", "the member", func(s kafka.GroupSample) bool { return s.State == kafka.StateStable && len(s.Members) == 1 })
	pool.Refresh("nobody") // has no group to describe
}

func TestRefreshDoesNotWaitForTheInterval(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	pool := started(t, kafkaadmin.Options{Interval: time.Hour})
	pool.Watch("a", b.subscription("billing", "orders"))
	first := sampleOf(t, pool, "a", "a sample", healthy)
	pool.Refresh("a")
	sampleOf(t, pool, "a", "the next", func(s kafka.GroupSample) bool { return s.DescribedAt.After(first.DescribedAt) })
}

func TestFailedDescriptionIsSaid(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	b.commit(t, "billing", "orders", 0, 0)
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders"))
	sampleOf(t, pool, "a", "a sample", healthy)
	fault := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeGroups}, Group: "billing", Err: kerr.GroupAuthorizationFailed, Count: forever})
	pool.Refresh("a")
	sample := sampleOf(t, pool, "a", "the failure", func(s kafka.GroupSample) bool { return s.StateErr != nil })
	if sample.State != kafka.StateUnknown || !errors.Is(sample.StateErr, kafka.ErrUnauthorized) || !strings.HasPrefix(sample.StateErr.Error(), `describe group "billing"`) {
		t.Errorf("got %q and %v", sample.State, sample.StateErr)
	}
	fault.Remove()
	sampleOf(t, pool, "a", "the end of the failure, which nobody asked for", healthy)
}

// A group that we may not see is in no list: it must not take the place of
// others in each cycle's look-ups.
func TestFailedLookUpIsNotRepeatedAtOnce(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	fault := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Group: "billing", Err: kerr.GroupAuthorizationFailed, Count: forever})
	pool := started(t, kafkaadmin.Options{Interval: time.Hour})
	pool.Watch("a", b.subscription("billing", "orders"))
	sample := sampleOf(t, pool, "a", "a sample", anySample)
	for range 2 {
		pool.Refresh("a")
		at := sample.At
		sample = sampleOf(t, pool, "a", "a newer sample", func(s kafka.GroupSample) bool { return s.At.After(at) })
		if !errors.Is(sample.StateErr, kafka.ErrUnauthorized) {
			t.Errorf("got %v, want the failure of the look-up", sample.StateErr)
		}
	}
	if got := fault.Hits(); got != 1 {
		t.Errorf("looked up %d times in three cycles", got)
	}
}
