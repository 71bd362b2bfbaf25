package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// resetter is what a reset does to one group and one topic of a stand.
type resetter struct {
	*testing.T
	admin        *kafkaadmin.Admin
	to           kafkaadmin.Connection
	group, topic string
}

func newResetter(t *testing.T, to kafkaadmin.Connection, name string) *resetter {
	t.Helper()
	admin := kafkaadmin.NewAdmin(kafkaadmin.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- admin.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, "end the admin", <-ended)
	})
	return &resetter{T: t, admin: admin, to: to, group: name + "-group", topic: name}
}

func (r *resetter) survey() (kafka.Survey, error) {
	return r.admin.Survey(within(r.T), r.to, kafkaadmin.Question{GroupID: r.group, Topics: []string{r.topic}})
}

// commit commits so many partitions, each at one more than the one before.
func (r *resetter) commit(count int, metadata string) error {
	commits := make([]kafka.PartitionCommit, count)
	for i := range commits {
		commits[i] = kafka.PartitionCommit{
			TopicPartition: kafka.TopicPartition{Topic: r.topic, Partition: int32(i)},
			Commit:         kafka.Commit{Offset: int64(i), Metadata: metadata},
		}
	}
	return r.admin.Commit(within(r.T), r.to, r.group, commits)
}

func (r *resetter) delete(partitions ...int32) error {
	named := make([]kafka.TopicPartition, len(partitions))
	for i, id := range partitions {
		named[i] = kafka.TopicPartition{Topic: r.topic, Partition: id}
	}
	return r.admin.Delete(within(r.T), r.to, r.group, named)
}

// wants waits for members that are as wanted.
func (r *resetter) wants(what string, wanted func(kafka.Membership) bool) kafka.Membership {
	r.Helper()
	var members kafka.Membership
	var err error
	r.Cleanup(func() {
		if r.Failed() {
			r.Logf("the last members of %s: %+v, %v", r.group, members, err)
		}
	})
	eventually(r.T, what, func() bool {
		members, err = r.admin.Membership(within(r.T), r.to, r.group)
		return err == nil && wanted(members)
	})
	return members
}

// wantsCommits fails the test unless the commits are those, of all partitions.
func (r *resetter) wantsCommits(when string, want ...kafka.Commit) {
	r.Helper()
	survey, err := r.survey()
	must(r.T, "survey "+when, err)
	for i, p := range survey.Topics[0].Partitions {
		if len(survey.Topics[0].Partitions) != len(want) || p.Committed != want[i] {
			r.Errorf("%s: partition %d of %d has %+v, want %+v", when, i, len(survey.Topics[0].Partitions), p.Committed, want)
			return
		}
	}
}

func (r *resetter) wantsError(what string, err error, kinds ...error) {
	r.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			r.Errorf("%s: %v, want one that is %q", what, err, kind)
		}
	}
}

// ready waits until the broker knows the topic, and who coordinates the group.
func (r *resetter) ready(s *stand, partitions int) {
	r.Helper()
	s.awaitTopic(r.T, r.topic, func(topic kadm.TopicDetail) bool { return len(topic.Partitions) == partitions })
	eventually(r.T, "a survey of "+r.group, func() bool {
		_, err := r.survey()
		return err == nil
	})
}

func inGroup(members kafka.Membership) bool {
	return members.State == kafka.StateStable && len(members.Members) == 1
}

func TestResetOffsets(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stand) {
		for name, test := range map[string]func(*testing.T, *stand, *resetter){
			"fence": resetBesideAMember, "static": resetBesideAStaticMember, "restored": resetOfNoCommit,
			"stable": resetUnderATransaction, "new-protocol": resetOfKIP848, "shared": resetOfAShareGroup,
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

var noCommit = kafka.Commit{Offset: kafka.NoOffset}

// Pitfall A1: the broker takes no commit from outside while there is a member, not
// even of a topic that no member reads.
func resetBesideAMember(t *testing.T, s *stand, r *resetter) {
	s.createTopic(t, "unread", 1, nil)
	s.awaitTopic(t, "unread", func(topic kadm.TopicDetail) bool { return len(topic.Partitions) == 1 })
	member := s.newClient(t, kgo.ClientID("worker"), kgo.ConsumerGroup(r.group), kgo.ConsumeTopics(r.topic),
		kgo.DisableAutoCommit(), kgo.Balancers(kgo.RangeBalancer()))
	members := r.wants("the member", inGroup)
	if m := members.Members[0]; members.Empty() || m.ClientID != "worker" || m.Host == "" || m.InstanceID != "" {
		t.Errorf("the members are %+v", members)
	}
	r.wantsError("commit", r.commit(2, ""), kafka.ErrGroupNotEmpty)
	r.wantsError("delete", r.delete(0), kafka.ErrGroupNotEmpty)
	err := r.admin.Commit(within(t), r.to, r.group, []kafka.PartitionCommit{{TopicPartition: kafka.TopicPartition{Topic: "unread"}}})
	r.wantsError("commit what nobody reads", err, kafka.ErrGroupNotEmpty)
	r.wantsCommits("beside the member", noCommit, noCommit)

	member.Close()
	r.wants("an empty group", kafka.Membership.Empty)
	must(t, "commit", r.commit(2, "reset"))
	r.wantsCommits("after the commit", kafka.Commit{Metadata: "reset"}, kafka.Commit{Offset: 1, Metadata: "reset"})
}

// Pitfall A3: one that ended has not left.
func resetBesideAStaticMember(t *testing.T, s *stand, r *resetter) {
	member := s.newClient(t, kgo.InstanceID("worker-0"), kgo.ConsumerGroup(r.group), kgo.ConsumeTopics(r.topic),
		kgo.DisableAutoCommit(), kgo.Balancers(kgo.RangeBalancer()))
	r.wants("the static member", func(members kafka.Membership) bool {
		return inGroup(members) && members.Members[0].InstanceID == "worker-0"
	})
	member.Close()
	r.wantsError("commit", r.commit(2, ""), kafka.ErrGroupNotEmpty)
	must(t, "remove the static member", r.admin.RemoveStatic(within(t), r.to, r.group, []string{"worker-0", "worker-1"}))
	r.wants("an empty group", kafka.Membership.Empty)
	must(t, "commit", r.commit(2, ""))
	must(t, "remove it again", r.admin.RemoveStatic(within(t), r.to, r.group, []string{"worker-0"}))
}

// Pitfall A12: none is not -1.
func resetOfNoCommit(t *testing.T, s *stand, r *resetter) {
	must(t, "commit", r.commit(2, "a"))
	must(t, "delete", r.delete(1))
	r.wantsCommits("after the delete", kafka.Commit{Metadata: "a"}, noCommit)
	must(t, "delete what is not there", r.delete(1))
	if offsets, err := s.admin.FetchOffsets(within(t), r.group); err != nil || len(offsets[r.topic]) != 1 {
		t.Errorf("another client reads %v, %v", offsets, err)
	}
	must(t, "delete of no group", r.admin.Delete(within(t), r.to, "nobody", []kafka.TopicPartition{{Topic: r.topic}}))
}

// Pitfall A14: a transaction that ends later changes what was read, or what the
// reset wrote.
func resetUnderATransaction(t *testing.T, s *stand, r *resetter) {
	must(t, "commit", r.commit(2, ""))
	end := s.offerOffset(t, "reset-transaction", r.group, kafka.TopicPartition{Topic: r.topic, Partition: 1}, 7)
	var err error
	eventually(t, "the refusal", func() bool {
		_, err = r.survey()
		return err != nil
	})
	r.wantsError("survey", err, kafka.ErrUnavailable)
	for _, name := range []string{r.topic + "-1", "reset-transaction"} {
		if s.apache != nil && !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) { // to kfake all partitions are unstable
			t.Errorf("the error is %v: it does not name %s", err, name)
		}
	}
	end()
	eventually(t, "the transaction's commit", func() bool {
		survey, err := r.survey()
		return err == nil && survey.Topics[0].Partitions[1].Committed.Offset == 7
	})
}

// offerOffset commits an offset in a transaction, without being a member, and
// returns what ends the transaction.
func (s *stand) offerOffset(t *testing.T, id, group string, p kafka.TopicPartition, at int64) (end func()) {
	t.Helper()
	begin := kmsg.NewInitProducerIDRequest()
	begin.TransactionalID, begin.TransactionTimeoutMillis = &id, int32(patience.Milliseconds())
	var producer *kmsg.InitProducerIDResponse
	eventually(t, "the transaction's coordinator", func() bool {
		var err error
		producer, err = begin.RequestWith(within(t), s.client)
		return err == nil && producer.ErrorCode == 0
	})
	add := kmsg.NewAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = id, producer.ProducerID, producer.ProducerEpoch, group
	added, err := add.RequestWith(within(t), s.client)
	must(t, "add the group to the transaction", err)
	must(t, "add the group to the transaction", kerr.ErrorForCode(added.ErrorCode))
	offer := kmsg.NewTxnOffsetCommitRequest()
	offer.TransactionalID, offer.ProducerID, offer.ProducerEpoch, offer.Group = id, producer.ProducerID, producer.ProducerEpoch, group
	partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Partition, partition.Offset = p.Partition, at
	topics, err := s.admin.ListTopics(within(t), p.Topic)
	must(t, "list the topic", err)
	offer.Topics = []kmsg.TxnOffsetCommitRequestTopic{{
		Topic: p.Topic, TopicID: topics[p.Topic].ID, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{partition},
	}}
	offered, err := offer.RequestWith(within(t), s.client)
	must(t, "commit in the transaction", err)
	must(t, "commit in the transaction", kerr.ErrorForCode(offered.Topics[0].Partitions[0].ErrorCode))
	return func() {
		finish := kmsg.NewEndTxnRequest()
		finish.TransactionalID, finish.ProducerID, finish.ProducerEpoch, finish.Commit = id, producer.ProducerID, producer.ProducerEpoch, true
		finished, err := finish.RequestWith(within(t), s.client)
		must(t, "end the transaction", err)
		must(t, "end the transaction", kerr.ErrorForCode(finished.ErrorCode))
	}
}

// Fact 7: DescribeGroups calls such a group dead.
func resetOfKIP848(t *testing.T, s *stand, r *resetter) {
	s.fill(t, r.topic, 0, 1)
	s.consume848(t, r.group, r.topic)
	members := r.wants("the member", inGroup)
	if members.Type != kafka.TypeConsumer || members.Empty() || !members.Known {
		t.Errorf("the members are %+v", members)
	}
	r.wantsError("commit", r.commit(2, ""), kafka.ErrGroupNotEmpty)
	survey, err := r.survey()
	must(t, "survey", err)
	if survey.Empty() || !survey.MayDelete {
		t.Errorf("the survey is %+v", survey)
	}
}

func resetOfAShareGroup(t *testing.T, s *stand, r *resetter) {
	s.consumeShared(t, r.group, r.topic)
	eventually(t, "the share group", func() bool {
		_, err := r.survey()
		return errors.Is(err, kafka.ErrUnsupported)
	})
	if err := r.commit(2, ""); err == nil {
		t.Error("it took a commit")
	}
}

// What one request holds is the offsets topic's to say, 1,048,588 bytes: a record
// of these names takes 60 bytes besides the metadata. kfake has no limit.
func TestResetOfManyPartitions(t *testing.T) {
	const many = 1000
	s := apacheStand(t)
	s.createTopic(t, "large", many, nil)
	r := newResetter(t, kafkaadmin.NewConnection(s.servers, "", kafkaauth.Security{}), "large")
	r.ready(s, many)
	readsBack := func(want kafka.Commit) {
		t.Helper()
		all := make([]kafka.Commit, many)
		for i := range all {
			if all[i] = want; want != noCommit {
				all[i].Offset = int64(i)
			}
		}
		r.wantsCommits(fmt.Sprintf("after %d bytes each", len(want.Metadata)), all...)
	}
	beyond, within := strings.Repeat("m", 1000), strings.Repeat("m", 960)
	r.wantsError("1,060 bytes each", r.commit(many, beyond), kafka.ErrUncertain)
	readsBack(noCommit)
	must(t, "1,020 bytes each", r.commit(many, within))
	readsBack(kafka.Commit{Metadata: within})
	r.wantsError("1,060 bytes each again", r.commit(many, beyond), kafka.ErrUncertain)
	readsBack(kafka.Commit{Metadata: within})
}

// TestResetRights is about what a cluster with ACLs allows.
func TestResetRights(t *testing.T) {
	start := map[string]func(*testing.T) *secured{onFake: fakeSecured, onApache: apacheSecured}
	for _, kind := range []string{onFake, onApache} {
		t.Run(kind, func(t *testing.T) {
			x := start[kind](t)
			x.createTopic(t, "allowed", 2, nil)
			x.allow(t)
			x.allowGroup(t, "seen-group", kadm.OpDescribe)
			r := newResetter(t, x.connection(x.servers, firstPassword), "allowed")
			r.ready(x.stand, 2)
			must(t, "commit", r.commit(2, ""))
			if survey, err := r.survey(); err != nil || survey.MayDelete || !survey.MayCommit || !survey.Topics[0].MayCommit {
				t.Errorf("without DELETE: may delete %v, commit %v, of the topics %+v: %v", survey.MayDelete, survey.MayCommit, survey.Topics, err)
			}
			r.wantsError("delete", r.delete(0), kafka.ErrUnauthorized)
			r.group = "seen-group"
			if survey, err := r.survey(); err != nil || survey.MayCommit {
				t.Errorf("without READ: may commit: %v, %v", survey.MayCommit, err)
			}
			r.wantsError("commit without READ", r.commit(2, ""), kafka.ErrUnauthorized)
			r.group = "forbidden-group"
			_, err := r.survey()
			r.wantsError("survey without DESCRIBE", err, kafka.ErrUnauthorized)

			x.allowGroup(t, "allowed-group", kadm.OpDelete)
			r.group = "allowed-group"
			eventually(t, "the right to delete", func() bool {
				survey, err := r.survey()
				return err == nil && survey.MayDelete
			})
			must(t, "delete", r.delete(0))
			r.wantsCommits("after the delete", noCommit, kafka.Commit{Offset: 1})
		})
	}
}

func (x *secured) allowGroup(t *testing.T, group string, operation kadm.ACLOperation) {
	t.Helper()
	results, err := x.admin.CreateACLs(within(t), kadm.NewACLs().Allow("User:"+userName).
		ResourcePatternType(kadm.ACLPatternLiteral).Groups(group).Operations(operation))
	must(t, "create ACLs", err)
	for _, result := range results {
		must(t, "create an ACL", result.Err)
	}
}
