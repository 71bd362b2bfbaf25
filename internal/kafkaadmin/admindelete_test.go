package kafkaadmin_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// A group is deleted with the commits of all of its topics, and no other group.
func TestDeleteGroup(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(3, "orders", "returns"), kfake.ClusterID("meant"))
	admin := newAdmin(t, kafkaadmin.Options{})
	b.commit(t, "billing", "orders", 0, 5)
	b.commit(t, "billing", "orders", 2, 6)
	b.commit(t, "billing", "returns", 1, 7)
	b.commit(t, "other", "orders", 0, 8)
	remains, err := admin.Remains(t.Context(), b.connection(), "billing")
	if err != nil {
		t.Fatal(err)
	}
	if remains.ClusterID != "meant" || remains.Commits != 3 || remains.Topics != 2 || !remains.Empty() || remains.Gone() || !remains.MayDelete {
		t.Errorf("before: %+v", remains)
	}
	for _, when := range []string{"once", "again"} {
		if err := admin.DeleteGroup(t.Context(), b.connection(), "meant", "billing"); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if remains, err = admin.Remains(t.Context(), b.connection(), "billing"); err != nil || !remains.Gone() {
			t.Errorf("%s: %+v, %v", when, remains, err)
		}
	}
	if got := b.committed(t, "other"); len(got["orders"]) != 1 {
		t.Errorf("the other group has %v", got)
	}
}

func TestDeleteGroupOfAnotherCluster(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"), kfake.ClusterID("another"))
	b.commit(t, "billing", "orders", 0, 5)
	asked := b.counted(kmsg.DeleteGroups)
	err := newAdmin(t, kafkaadmin.Options{}).DeleteGroup(t.Context(), b.connection(), "meant", "billing")
	wantKinds(t, err, kafka.ErrUnavailable)
	if asked.Load() != 0 || len(b.committed(t, "billing")) != 1 {
		t.Errorf("asked %d times, committed: %v", asked.Load(), b.committed(t, "billing"))
	}
}

func TestDeleteGroupWithAMember(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"), kfake.ClusterID("meant"))
	admin := newAdmin(t, kafkaadmin.Options{})
	b.commit(t, "billing", "orders", 0, 5)
	member, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.ClientID("stranger"), kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	eventually(t, "the member", func() bool {
		remains, err := admin.Remains(t.Context(), b.connection(), "billing")
		return err == nil && !remains.Empty() && len(remains.Members) == 1 && remains.Members[0].ClientID == "stranger"
	})
	wantKinds(t, admin.DeleteGroup(t.Context(), b.connection(), "meant", "billing"), kafka.ErrGroupNotEmpty)
	if len(b.committed(t, "billing")) != 1 {
		t.Errorf("committed: %v", b.committed(t, "billing"))
	}
}

func TestDeleteGroupRefused(t *testing.T) {
	cases := map[string]struct {
		code  *kerr.Error
		kinds []error
	}{
		"Forbidden":    {kerr.GroupAuthorizationFailed, []error{kafka.ErrUnauthorized}},
		"NotEmpty":     {kerr.NonEmptyGroup, []error{kafka.ErrGroupNotEmpty}},
		"Unknown":      {kerr.UnknownServerError, []error{kafka.ErrUncertain}},
		"NotAvailable": {kerr.CoordinatorNotAvailable, []error{kafka.ErrUnavailable, kafka.ErrUncertain}},
		"Moved":        {kerr.NotCoordinator, []error{kafka.ErrUnavailable, kafka.ErrUncertain}},
		"Loading":      {kerr.CoordinatorLoadInProgress, []error{kafka.ErrUnavailable}},
	}
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.ClusterID("meant"))
	admin := newAdmin(t, kafkaadmin.Options{})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			all := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteGroups}, Group: name, Err: tc.code, Count: forever})
			wantKinds(t, admin.DeleteGroup(t.Context(), b.connection(), "meant", name), tc.kinds...)
			if all.Hits() != 1 {
				t.Errorf("%d requests, want one", all.Hits())
			}
		})
	}
}

// It is never asked for twice: the answer may be all that was lost.
func TestDeleteGroupWhoseConnectionEnds(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("After%v", after), func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.ClusterID("meant"))
			admin := newAdmin(t, kafkaadmin.Options{})
			b.commit(t, "billing", "orders", 0, 7)
			times := b.lost(kmsg.DeleteGroups, after)
			wantKinds(t, admin.DeleteGroup(t.Context(), b.connection(), "meant", "billing"), kafka.ErrUncertain, kafka.ErrUnreachable)
			eventually(t, "what tells", func() bool {
				remains, err := admin.Remains(t.Context(), b.connection(), "billing")
				return err == nil && remains.Gone() == after
			})
			if times.Load() != 1 {
				t.Errorf("%d requests", times.Load())
			}
		})
	}
}

// What the answer leaves out may have been done.
func TestDeleteGroupLeftOut(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.ClusterID("meant"))
	b.ControlKey(int16(kmsg.DeleteGroups), func(request kmsg.Request) (kmsg.Response, error, bool) {
		return request.ResponseKind(), nil, true
	})
	err := newAdmin(t, kafkaadmin.Options{}).DeleteGroup(t.Context(), b.connection(), "meant", "billing")
	wantKinds(t, err, kafka.ErrUncertain, kafka.ErrRejected)
}

// A part that can't be read is no zero.
func TestRemainsThatCantBeRead(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	b.commit(t, "billing", "orders", 0, 7)
	b.ControlKey(int16(kmsg.OffsetFetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.OffsetFetchResponse)
		response.Groups = []kmsg.OffsetFetchResponseGroup{{Group: "billing", Topics: []kmsg.OffsetFetchResponseGroupTopic{{
			Topic: "orders", Partitions: []kmsg.OffsetFetchResponseGroupTopicPartition{{Partition: 0, Offset: -1, ErrorCode: kerr.UnstableOffsetCommit.Code}},
		}}}}
		return response, nil, true
	})
	remains, err := newAdmin(t, kafkaadmin.Options{}).Remains(t.Context(), b.connection(), "billing")
	if wantKinds(t, err, kafka.ErrUnavailable); err == nil {
		t.Errorf("%+v", remains)
	}
}
