package kafkaadmin_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

func TestCommit(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(3, "orders"))
	var requests []*kmsg.OffsetCommitRequest
	b.ControlKey(int16(kmsg.OffsetCommit), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		requests = append(requests, request.(*kmsg.OffsetCommitRequest))
		return nil, nil, false
	})
	admin := newAdmin(t, kafkaadmin.Options{})
	commits := []kafka.PartitionCommit{
		{TopicPartition: partition(2), Commit: kafka.Commit{Offset: 5, Metadata: "reset-1"}},
		{TopicPartition: partition(0), Commit: kafka.Commit{Offset: 0}},
	}
	if err := admin.Commit(t.Context(), b.connection(), "billing", commits); err != nil {
		t.Fatal(err)
	}
	if len(requests) != 1 || requests[0].Generation != -1 || requests[0].MemberID != "" || requests[0].InstanceID != nil {
		t.Fatalf("the requests are %+v, want one in no member's name", requests)
	}
	got := b.committed(t, "billing")
	for _, want := range commits {
		read, found := got.Lookup(want.Topic, want.Partition)
		if !found || read.At != want.Offset || read.Metadata != want.Metadata || read.LeaderEpoch != -1 {
			t.Errorf("%s: got %+v, want %+v without an epoch", want.TopicPartition, read, want)
		}
	}
	if _, found := got.Lookup("orders", 1); found {
		t.Error("a partition that was not named has a commit")
	}
}

// Of nothing there is no request: without partitions some mean all of them.
func TestNothingToWrite(t *testing.T) {
	b := newBroker(t)
	admin := newAdmin(t, kafkaadmin.Options{})
	if err := errors.Join(
		admin.Commit(t.Context(), b.connection(), "billing", nil),
		admin.Delete(t.Context(), b.connection(), "billing", nil),
		admin.RemoveStatic(t.Context(), b.connection(), "billing", nil),
	); err != nil {
		t.Error(err)
	}
	if got := b.accepted.Load(); got != 0 {
		t.Errorf("%d connections for nothing", got)
	}
}

// A broker stores any offset; a negative one reads back as none, and workers
// would start at their initial offset.
func TestNegativeOffsetIsRefused(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(2, "orders"))
	commits := commitsAt(2, "")
	commits[1].Offset = kafka.NoOffset
	wantKinds(t, newAdmin(t, kafkaadmin.Options{}).Commit(t.Context(), b.connection(), "billing", commits), kafka.ErrInvalid)
	if got := b.committed(t, "billing"); len(got) > 0 {
		t.Errorf("committed: %v", got)
	}
}

func TestCommitRefused(t *testing.T) {
	cases := map[string]struct {
		code  *kerr.Error
		kinds []error
	}{
		"UnknownMember":      {kerr.UnknownMemberID, []error{kafka.ErrGroupNotEmpty}},
		"IllegalGeneration":  {kerr.IllegalGeneration, []error{kafka.ErrGroupNotEmpty}},
		"MessageTooLarge":    {kerr.MessageTooLarge, []error{kafka.ErrTooLarge}},
		"CommitSize":         {kerr.InvalidCommitOffsetSize, []error{kafka.ErrTooLarge}},
		"Unknown":            {kerr.UnknownServerError, []error{kafka.ErrUncertain}},
		"TimedOut":           {kerr.RequestTimedOut, []error{kafka.ErrUnavailable, kafka.ErrUncertain}},
		"NotAvailable":       {kerr.CoordinatorNotAvailable, []error{kafka.ErrUnavailable, kafka.ErrUncertain}},
		"Moved":              {kerr.NotCoordinator, []error{kafka.ErrUnavailable, kafka.ErrUncertain}},
		"Loading":            {kerr.CoordinatorLoadInProgress, []error{kafka.ErrUnavailable}},
		"Rebalance":          {kerr.RebalanceInProgress, []error{kafka.ErrUnavailable}},
		"GroupAuthorization": {kerr.GroupAuthorizationFailed, []error{kafka.ErrUnauthorized}},
		"TopicAuthorization": {kerr.TopicAuthorizationFailed, []error{kafka.ErrUnauthorized}},
		"Metadata":           {kerr.OffsetMetadataTooLarge, []error{kafka.ErrRejected}},
		"TopicGone":          {kerr.UnknownTopicOrPartition, []error{kafka.ErrTopicMissing}},
		"GroupOfAnotherKind": {kerr.GroupIDNotFound, []error{kafka.ErrRejected}},
		"MemberOfKIP848":     {kerr.UnsupportedVersion, []error{kafka.ErrGroupNotEmpty}},
	}
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(5, "orders"))
	admin := newAdmin(t, kafkaadmin.Options{})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			all := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: name, Err: tc.code, Count: forever})
			err := admin.Commit(t.Context(), b.connection(), name, commitsAt(5, ""))
			wantKinds(t, err, tc.kinds...)
			want := fmt.Sprintf("commit offsets of group %q: ", name)
			if text := err.Error(); text[:len(want)] != want || text[len(text)-len("orders-0, orders-1, orders-2 and 2 more"):] != "orders-0, orders-1, orders-2 and 2 more" {
				t.Errorf("the text is %s", text)
			}
			if all.Hits() != 1 {
				t.Errorf("%d requests, want one", all.Hits())
			}
			if got := b.committed(t, name); len(got) > 0 && !errors.Is(err, kafka.ErrUncertain) {
				t.Errorf("committed: %v", got)
			}
		})
	}
}

// Some refusals are of one partition, and the others are committed.
func TestCommitRefusedInPart(t *testing.T) {
	for name, tc := range map[string]struct {
		code  *kerr.Error
		kinds []error
	}{
		"Metadata":  {kerr.OffsetMetadataTooLarge, []error{kafka.ErrRejected, kafka.ErrUncertain}},
		"TopicGone": {kerr.UnknownTopicOrPartition, []error{kafka.ErrTopicMissing, kafka.ErrUncertain}},
		"Forbidden": {kerr.TopicAuthorizationFailed, []error{kafka.ErrUnauthorized, kafka.ErrUncertain}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(3, "orders"))
			b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: "orders", Partitions: []int32{1}, Err: tc.code})
			err := newAdmin(t, kafkaadmin.Options{}).Commit(t.Context(), b.connection(), "billing", commitsAt(3, ""))
			wantKinds(t, err, tc.kinds...)
			if got := slices.Sorted(maps.Keys(b.committed(t, "billing")["orders"])); !slices.Equal(got, []int32{0, 2}) {
				t.Errorf("committed are %v: the case is not what it says", got)
			}
		})
	}
}

// What an answer leaves out may have been done.
func TestAnswersThatLeaveOut(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	b.commit(t, "billing", "orders", 0, 1)
	without := func(key kmsg.Key, with func(kmsg.Response)) {
		b.ControlKey(int16(key), func(request kmsg.Request) (kmsg.Response, error, bool) {
			response := request.ResponseKind()
			with(response)
			return response, nil, true
		})
	}
	admin := newAdmin(t, kafkaadmin.Options{})
	without(kmsg.OffsetCommit, func(r kmsg.Response) {
		r.(*kmsg.OffsetCommitResponse).Topics = []kmsg.OffsetCommitResponseTopic{{Topic: "orders", Partitions: []kmsg.OffsetCommitResponseTopicPartition{{Partition: 0}}}}
	})
	err := admin.Commit(t.Context(), b.connection(), "billing", commitsAt(2, ""))
	wantKinds(t, err, kafka.ErrRejected, kafka.ErrUncertain)
	without(kmsg.OffsetDelete, func(r kmsg.Response) {
		r.(*kmsg.OffsetDeleteResponse).Topics = []kmsg.OffsetDeleteResponseTopic{{Topic: "orders", Partitions: []kmsg.OffsetDeleteResponseTopicPartition{{Partition: 1}}}}
	})
	err = admin.Delete(t.Context(), b.connection(), "billing", []kafka.TopicPartition{partition(0), partition(1)})
	wantKinds(t, err, kafka.ErrRejected, kafka.ErrUncertain)
	without(kmsg.LeaveGroup, func(kmsg.Response) {})
	err = admin.RemoveStatic(t.Context(), b.connection(), "billing", []string{"billing-0"})
	wantKinds(t, err, kafka.ErrRejected, kafka.ErrUncertain)
}

// Brokers before 2.1 would let the commits expire at once.
func TestCommitToAnOldBroker(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.MaxVersions(kversion.V2_0_0()))
	var retention atomic.Int64
	b.ControlKey(int16(kmsg.OffsetCommit), func(request kmsg.Request) (kmsg.Response, error, bool) {
		retention.Store(request.(*kmsg.OffsetCommitRequest).RetentionTimeMillis)
		return nil, nil, false
	})
	if err := newAdmin(t, kafkaadmin.Options{}).Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")); err != nil || retention.Load() != -1 {
		t.Errorf("retention %d, %v; want the broker's own", retention.Load(), err)
	}
}

// A coordinator that moved is found by the next call.
func TestCoordinatorThatMoved(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator} {
		t.Run(code.Message, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "orders"))
			lookups := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Group: "billing", Observe: true, Count: forever})
			b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: "billing", Err: code})
			admin := newAdmin(t, kafkaadmin.Options{})
			if err := admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")); !errors.Is(err, kafka.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			for before := b.CoordinatorFor("billing"); b.CoordinatorFor("billing") == before; {
				b.RehashCoordinators()
			}
			if err := admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")); err != nil {
				t.Errorf("the next: %v", err)
			}
			if got := lookups.Hits(); got != 2 {
				t.Errorf("%d look-ups for two calls", got)
			}
		})
	}
}

// The gate is the broker's: whoever asked before may have seen it empty.
func TestWritesBesideAMember(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.commit(t, "billing", "orders", 0, 3)
	admin := newAdmin(t, kafkaadmin.Options{})
	consume(t, b, "billing", "pod-a")
	eventually(t, "the member", func() bool {
		members, err := admin.Membership(t.Context(), b.connection(), "billing")
		return err == nil && members.State == kafka.StateStable && len(members.Members) == 1 && !members.Empty()
	})
	wantKinds(t, admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")), kafka.ErrGroupNotEmpty)
	wantKinds(t, admin.Delete(t.Context(), b.connection(), "billing", []kafka.TopicPartition{partition(0)}), kafka.ErrGroupNotEmpty)
	if read, _ := b.committed(t, "billing").Lookup("orders", 0); read.At != 3 {
		t.Errorf("the commit is %+v, want the one before", read)
	}
}

// Pitfall A12: what had no commit gets none again, which is not a commit of -1.
func TestDelete(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(3, "orders"), kfake.SeedTopics(1, "parcels"))
	admin := newAdmin(t, kafkaadmin.Options{})
	for i := range int32(3) {
		b.commit(t, "billing", "orders", i, 1)
	}
	b.commit(t, "billing", "parcels", 0, 1)
	deletes := b.counted(kmsg.OffsetDelete)
	parcels := kafka.TopicPartition{Topic: "parcels"}
	if err := admin.Delete(t.Context(), b.connection(), "billing", []kafka.TopicPartition{partition(2), parcels, partition(0)}); err != nil {
		t.Fatal(err)
	}
	got := b.committed(t, "billing")
	if _, found := got.Lookup("orders", 1); !found || len(got["orders"]) != 1 || len(got["parcels"]) != 0 || deletes.Load() != 1 {
		t.Errorf("left are %v after %d requests", got, deletes.Load())
	}
	if err := admin.Delete(t.Context(), b.connection(), "billing", []kafka.TopicPartition{partition(0)}); err != nil {
		t.Errorf("without a commit: %v", err)
	}
	if err := admin.Delete(t.Context(), b.connection(), "nobody", []kafka.TopicPartition{partition(0)}); err != nil {
		t.Errorf("of a group that is gone: %v", err)
	}
}

func TestDeleteRefused(t *testing.T) {
	cases := map[string]struct {
		code  *kerr.Error
		top   bool
		kinds []error
	}{
		"NotEmpty":     {kerr.NonEmptyGroup, true, []error{kafka.ErrGroupNotEmpty}},
		"Subscribed":   {kerr.GroupSubscribedToTopic, false, []error{kafka.ErrGroupNotEmpty, kafka.ErrUncertain}},
		"Forbidden":    {kerr.GroupAuthorizationFailed, true, []error{kafka.ErrUnauthorized}},
		"Moved":        {kerr.NotCoordinator, true, []error{kafka.ErrUnavailable, kafka.ErrUncertain}},
		"Loading":      {kerr.CoordinatorLoadInProgress, true, []error{kafka.ErrUnavailable}},
		"Unknown":      {kerr.UnknownServerError, true, []error{kafka.ErrUncertain}},
		"TopicGone":    {kerr.UnknownTopicOrPartition, false, []error{kafka.ErrTopicMissing, kafka.ErrUncertain}},
		"InvalidGroup": {kerr.InvalidGroupID, true, []error{kafka.ErrRejected}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
			b.commit(t, "billing", "orders", 0, 1)
			b.commit(t, "billing", "orders", 1, 1)
			fault := kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetDelete}, Group: "billing", Err: tc.code, TopLevel: tc.top}
			if !tc.top {
				fault.Topic, fault.Partitions = "orders", []int32{0}
			}
			b.Fault(fault)
			err := newAdmin(t, kafkaadmin.Options{}).Delete(t.Context(), b.connection(), "billing", []kafka.TopicPartition{partition(0), partition(1)})
			wantKinds(t, err, tc.kinds...)
			if _, found := b.committed(t, "billing").Lookup("orders", 0); !found {
				t.Error("it was deleted")
			}
		})
	}
}
