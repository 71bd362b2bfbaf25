package worker_test

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitErrors are what a commit may be refused with. After RequestTimedOut it
// is there all the same.
var commitErrors = []*kerr.Error{
	kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.IllegalGeneration,
	kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.RequestTimedOut, kerr.UnknownServerError,
	kerr.UnknownTopicOrPartition, kerr.GroupAuthorizationFailed, kerr.NotEnoughReplicas,
}

// disturbances are errors that brokers answer with while things move.
var disturbances = []struct {
	key  kmsg.Key
	errs []*kerr.Error
}{
	{kmsg.Heartbeat, []*kerr.Error{kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable}},
	{kmsg.JoinGroup, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.UnknownMemberID}},
	{kmsg.SyncGroup, []*kerr.Error{kerr.RebalanceInProgress, kerr.NotCoordinator, kerr.UnknownMemberID, kerr.IllegalGeneration}},
	{kmsg.OffsetFetch, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.UnstableOffsetCommit}},
	{kmsg.ListOffsets, []*kerr.Error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.UnknownTopicOrPartition}},
	{kmsg.Fetch, []*kerr.Error{kerr.NotLeaderForPartition, kerr.OffsetOutOfRange, kerr.UnknownTopicOrPartition, kerr.KafkaStorageError}},
	{kmsg.Produce, []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut}},
	{kmsg.FindCoordinator, []*kerr.Error{kerr.CoordinatorNotAvailable}},
	{kmsg.LeaveGroup, []*kerr.Error{kerr.NotCoordinator, kerr.UnknownMemberID}},
}

// inject has kfake answer some requests with an error.
func (x *trial) inject(s step, random *rand.Rand) {
	fault := kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: choice(random, commitErrors...), Count: 1 + random.IntN(8)}
	if s.do == disturb {
		which := choice(random, disturbances...)
		fault.Keys, fault.Err, fault.Count = []kmsg.Key{which.key}, choice(random, which.errs...), 1+random.IntN(5)
	}
	x.note("%s %v with %s, %d times", s.do, fault.Keys, fault.Err.Message, fault.Count)
	x.faults = append(x.faults, x.fake.Fault(fault))
	x.figures.faults++
}

// shake moves or ends brokers and what they are responsible for.
func (x *trial) shake(s step, random *rand.Rand) {
	node := random.Int32N(3)
	x.figures.shakes++
	switch {
	case s.do == restart:
		x.beside.Go(func() { x.restart(node, random.IntN(2) == 0) })
	case s.do == cut:
		x.fake.hangUp(x.servers[node])
	case x.fake != nil && s.do == coordinators:
		x.fake.RehashCoordinators()
	case x.fake != nil:
		x.fake.ShufflePartitionLeaders()
	default:
		of := x.topics
		if s.do == coordinators {
			of = []string{"__consumer_offsets"}
		}
		x.beside.Go(func() { x.moveLeaders(node, of...) })
	}
}

// restart ends a broker and starts it again when the group has noticed.
func (x *trial) restart(node int32, crash bool) {
	want := x.record.completions() + 50
	noticed := func() { within(2*time.Second, func() bool { return x.record.completions() >= want }) }
	if x.fake != nil {
		x.mutex.Lock() // one at a time
		defer x.mutex.Unlock()
		if err := x.fake.down(node, x.servers[node]); err != nil {
			x.record.problem(err.Error())
			return
		}
		noticed()
		if err := x.fake.up(node, x.servers[node]); err != nil {
			x.record.problem(err.Error())
		}
		return
	}
	x.apache.mutex.Lock()
	defer x.apache.mutex.Unlock()
	if crash {
		x.apache.Kill(int(node))
	} else if err := x.apache.Stop(int(node)); err != nil {
		x.record.problem(err.Error())
		return
	}
	noticed()
	if err := x.apache.StartAgain(context.Background(), int(node)); err != nil {
		x.record.problem(err.Error())
	}
}

// moveLeaders has the topics' partitions led by the brokers in turn, from this one on.
func (x *trial) moveLeaders(first int32, topics ...string) {
	x.apache.mutex.Lock()
	defer x.apache.mutex.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	details, err := x.admin.ListTopicsWithInternal(ctx, topics...)
	if err != nil {
		return // a move that was not made
	}
	var moves kadm.AlterPartitionAssignmentsReq
	var set kadm.TopicsSet
	for _, topic := range topics {
		for number := range details[topic].Partitions {
			at := (first + number) % 3
			moves.Assign(topic, number, []int32{at, (at + 1) % 3, (at + 2) % 3})
			set.Add(topic, number)
		}
	}
	if _, err := x.admin.AlterPartitionAssignments(ctx, moves); err == nil {
		_, _ = x.admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, set) // those that are in sync
	}
}
