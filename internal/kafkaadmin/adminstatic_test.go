package kafkaadmin_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// joinStatic has a static member in the group that ends without leaving it.
func joinStatic(t *testing.T, b broker, admin *kafkaadmin.Admin, group, instance string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.InstanceID(instance), kgo.ConsumerGroup(group),
		kgo.ConsumeTopics("orders"), kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the static member", func() bool {
		members, err := admin.Membership(t.Context(), b.connection(), group)
		return err == nil && members.State == kafka.StateStable && len(members.Members) == 1 && members.Members[0].InstanceID == instance
	})
	client.Close()
}

// Pitfall A3: a static member blocks the group for as long as its session lasts.
func TestRemoveStatic(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	admin := newAdmin(t, kafkaadmin.Options{})
	joinStatic(t, b, admin, "billing", "billing-0")
	wantKinds(t, admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")), kafka.ErrGroupNotEmpty)
	leaves := b.counted(kmsg.LeaveGroup)
	if err := admin.RemoveStatic(t.Context(), b.connection(), "billing", []string{"billing-0", "gone"}); err != nil {
		t.Fatal(err)
	}
	if got := leaves.Load(); got != 1 {
		t.Errorf("%d requests", got)
	}
	if members, err := admin.Membership(t.Context(), b.connection(), "billing"); err != nil || !members.Empty() {
		t.Errorf("got %+v, %v", members, err)
	}
	if err := admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")); err != nil {
		t.Error(err)
	}
	if err := admin.RemoveStatic(t.Context(), b.connection(), "nobody", []string{"billing-0"}); err != nil {
		t.Errorf("of a group that is gone: %v", err)
	}
}

func TestRemoveStaticRefused(t *testing.T) {
	cases := map[string]struct {
		top, member int16
		kinds       []error
	}{
		"Forbidden": {top: kerr.GroupAuthorizationFailed.Code, kinds: []error{kafka.ErrUnauthorized}},
		"Moved":     {top: kerr.NotCoordinator.Code, kinds: []error{kafka.ErrUnavailable, kafka.ErrUncertain}},
		"Loading":   {top: kerr.CoordinatorLoadInProgress.Code, kinds: []error{kafka.ErrUnavailable}},
		"Fenced":    {member: kerr.FencedInstanceID.Code, kinds: []error{kafka.ErrRejected, kafka.ErrUncertain}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1))
			b.ControlKey(int16(kmsg.LeaveGroup), func(request kmsg.Request) (kmsg.Response, error, bool) {
				response := request.ResponseKind().(*kmsg.LeaveGroupResponse)
				response.ErrorCode = tc.top
				response.Members = []kmsg.LeaveGroupResponseMember{{InstanceID: kmsg.StringPtr("billing-0"), ErrorCode: tc.member}}
				return response, nil, true
			})
			wantKinds(t, newAdmin(t, kafkaadmin.Options{}).RemoveStatic(t.Context(), b.connection(), "billing", []string{"billing-0"}), tc.kinds...)
		})
	}
	t.Run("OldBroker", func(t *testing.T) {
		versions := kversion.V4_2_0()
		versions.SetMaxKeyVersion(int16(kmsg.LeaveGroup), 2)
		b := newBroker(t, kfake.NumBrokers(1), kfake.MaxVersions(versions))
		wantKinds(t, newAdmin(t, kafkaadmin.Options{}).RemoveStatic(t.Context(), b.connection(), "billing", []string{"billing-0"}), kafka.ErrUnsupported)
	})
}
