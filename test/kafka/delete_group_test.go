package kafka_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

func TestDeleteGroup(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stand) {
		for name, test := range map[string]func(*testing.T, *stand, *resetter){
			"deleted": deletedGroup, "occupied": occupiedGroup, "unsettled": unsettledGroup, "foreign-kind": occupiedKIP848Group,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s.createTopic(t, name, 2, nil)
				r := newResetter(t, kafkaadmin.NewConnection(s.servers, "", kafkaauth.Security{}), name)
				r.ready(s, 2)
				test(t, s, r)
			})
		}
	})
}

func (r *resetter) remains() (kafka.Remains, error) {
	return r.admin.Remains(within(r.T), r.to, r.group)
}

// deleteGroup deletes the group of the cluster that answers.
func (r *resetter) deleteGroup() error {
	r.Helper()
	remains, err := r.remains()
	must(r.T, "read what there is", err)
	return r.admin.DeleteGroup(within(r.T), r.to, remains.ClusterID, r.group)
}

// wantsRemains fails the test unless the group has so many commits, of one topic.
func (r *resetter) wantsRemains(when string, commits int) {
	r.Helper()
	remains, err := r.remains()
	must(r.T, "read what there is "+when, err)
	if remains.Commits != commits || remains.Topics != min(commits, 1) || remains.Gone() != (commits == 0) {
		r.Errorf("%s: %+v, want %d commits", when, remains, commits)
	}
}

// deletedGroup: all of it goes, and it begins anew when somebody commits again.
func deletedGroup(t *testing.T, _ *stand, r *resetter) {
	r.wantsRemains("of no group", 0)
	must(t, "delete no group", r.deleteGroup())
	must(t, "commit", r.commit(2, "kept"))
	r.wantsRemains("before", 2)
	r.wantsError("delete it elsewhere", r.admin.DeleteGroup(within(t), r.to, "another-cluster", r.group), kafka.ErrUnavailable)
	r.wantsRemains("of this cluster", 2)
	must(t, "delete", r.deleteGroup())
	r.wantsRemains("afterwards", 0)
	r.wantsCommits("afterwards", noCommit, noCommit)
	must(t, "delete again", r.deleteGroup())
	must(t, "commit again", r.commit(1, "new"))
	r.wantsRemains("begun anew", 1)
}

// occupiedGroup: the broker deletes nothing under a member, and a static one that has
// ended is a member until it is removed.
func occupiedGroup(t *testing.T, s *stand, r *resetter) {
	member := s.newClient(t, kgo.ClientID("stranger"), kgo.InstanceID("stranger-0"), kgo.ConsumerGroup(r.group), kgo.ConsumeTopics(r.topic),
		kgo.DisableAutoCommit(), kgo.Balancers(kgo.RangeBalancer()))
	r.wants("the member", inGroup)
	must(t, "commit as the member", member.CommitRecords(within(t), &kgo.Record{Topic: r.topic, Partition: 1, Offset: 6}))
	for _, when := range []string{"beside the member", "beside one that has ended"} {
		r.wantsError("delete "+when, r.deleteGroup(), kafka.ErrGroupNotEmpty)
		if remains, err := r.remains(); err != nil || remains.Empty() || remains.Commits != 1 || remains.Members[0].ClientID != "stranger" {
			t.Errorf("%s: %+v, %v", when, remains, err)
		}
		member.Close()
	}
	must(t, "remove the static member", r.admin.RemoveStatic(within(t), r.to, r.group, []string{"stranger-0"}))
	r.wants("an empty group", kafka.Membership.Empty)
	must(t, "delete", r.deleteGroup())
	r.wantsRemains("afterwards", 0)
}

// unsettledGroup: a transaction that ends later would commit after the deletion.
func unsettledGroup(t *testing.T, s *stand, r *resetter) {
	must(t, "commit", r.commit(2, ""))
	end := s.offerOffset(t, "unsettled-transaction", r.group, kafka.TopicPartition{Topic: r.topic, Partition: 1}, 7)
	eventually(t, "the refusal", func() bool {
		_, err := r.remains()
		return errors.Is(err, kafka.ErrUnavailable)
	})
	end()
	eventually(t, "the transaction's commit", func() bool {
		remains, err := r.remains()
		return err == nil && remains.Commits == 2
	})
	must(t, "delete", r.deleteGroup())
	r.wantsRemains("afterwards", 0)
}

func occupiedKIP848Group(t *testing.T, s *stand, r *resetter) {
	s.fill(t, r.topic, 0, 1)
	s.consume848(t, r.group, r.topic)
	r.wants("the member", inGroup)
	r.wantsError("delete", r.deleteGroup(), kafka.ErrGroupNotEmpty)
}

// TestDeleteGroupRights: what a cluster with ACLs allows, and that it says so before.
func TestDeleteGroupRights(t *testing.T) {
	start := map[string]func(*testing.T) *secured{onFake: fakeSecured, onApache: apacheSecured}
	for _, kind := range []string{onFake, onApache} {
		t.Run(kind, func(t *testing.T) {
			x := start[kind](t)
			x.createTopic(t, "allowed", 2, nil)
			x.allow(t)
			r := newResetter(t, x.connection(x.servers, firstPassword), "allowed")
			r.ready(x.stand, 2)
			must(t, "commit", r.commit(2, ""))
			if remains, err := r.remains(); err != nil || remains.MayDelete {
				t.Errorf("without DELETE: may delete %v, %v", remains.MayDelete, err)
			}
			r.wantsError("delete without DELETE", r.deleteGroup(), kafka.ErrUnauthorized)
			r.wantsRemains("without DELETE", 2)
			x.allowGroup(t, "allowed-group", kadm.OpDelete)
			eventually(t, "the right to delete", func() bool {
				remains, err := r.remains()
				return err == nil && remains.MayDelete
			})
			must(t, "delete", r.deleteGroup())
			r.wantsRemains("afterwards", 0)
		})
	}
}
