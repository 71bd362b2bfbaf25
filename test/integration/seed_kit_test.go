package integration

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	appsv1 "k8s.io/api/apps/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

func latest(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Consumer.InitialOffset = "latest" }

// countedOffsets counts what the manager asks and writes, and may do something
// before a commit.
type countedOffsets struct {
	controllers.Offsets
	surveys, commits atomic.Int64
	before           func()
}

func (c *countedOffsets) wrap(o controllers.Offsets) controllers.Offsets {
	c.Offsets = o
	return c
}

func (c *countedOffsets) Survey(ctx context.Context, at kafkaadmin.Connection, q kafkaadmin.Question) (kafka.Survey, error) {
	c.surveys.Add(1)
	return c.Offsets.Survey(ctx, at, q)
}

func (c *countedOffsets) Commit(ctx context.Context, at kafkaadmin.Connection, groupID string, commits []kafka.PartitionCommit) error {
	c.commits.Add(1)
	if c.before != nil {
		c.before()
	}
	return c.Offsets.Commit(ctx, at, groupID, commits)
}

// anyDeployment waits until the group has workers.
func anyDeployment(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
}

// wantSeeds compares what is committed for the topic orders with these offsets,
// by partition.
func wantSeeds(t *testing.T, b *broker, groupID, metadata string, want ...int64) {
	t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	offsets, err := kadm.NewClient(reader).FetchOffsets(t.Context(), groupID)
	if err != nil {
		t.Fatal(err)
	}
	if len(offsets["orders"]) != len(want) {
		t.Errorf("committed: %v, want %v", offsets, want)
	}
	for p, at := range want {
		if have, _ := offsets.Lookup("orders", int32(p)); have.At != at || have.Metadata != metadata {
			t.Errorf("partition %d is committed at %d with %q, want %d with %q", p, have.At, have.Metadata, at, metadata)
		}
	}
}

// join is a member of the group that starts at the log end and commits nothing.
func join(t *testing.T, b *broker, groupID string) *kgo.Client {
	t.Helper()
	assigned := make(chan struct{}, 1)
	member, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.ConsumerGroup(groupID), kgo.ConsumeTopics("orders"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()), kgo.DisableAutoCommit(), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
			select {
			case assigned <- struct{}{}:
			default:
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(member.Close)
	select {
	case <-assigned:
	case <-time.After(40 * time.Second):
		t.Fatal("nobody was let into the group")
	}
	return member
}

// refusedOffsets are refused to commit until they are let.
type refusedOffsets struct {
	controllers.Offsets
	with atomic.Pointer[error]
}

func (r *refusedOffsets) Commit(ctx context.Context, c kafkaadmin.Connection, groupID string, commits []kafka.PartitionCommit) error {
	if err := r.with.Load(); err != nil {
		return fmt.Errorf("commit offsets of group %q: %w", groupID, *err)
	}
	return r.Offsets.Commit(ctx, c, groupID, commits)
}

// otherOffsets are asked of another cluster than the one that was looked at.
type otherOffsets struct{ controllers.Offsets }

func (o otherOffsets) Survey(ctx context.Context, c kafkaadmin.Connection, q kafkaadmin.Question) (kafka.Survey, error) {
	survey, err := o.Offsets.Survey(ctx, c, q)
	survey.ClusterID = "another"
	return survey, err
}
