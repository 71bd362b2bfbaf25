package integration

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// shortRetention is a broker's: what is gone at any time may have expired.
func shortRetention() kfake.Opt {
	return kfake.BrokerConfigs(map[string]string{"offsets.retention.minutes": "1"})
}

var toZero = pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero})

// adminOf is a client for what a test does to the broker.
func adminOf(t *testing.T, b *broker) *kadm.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return kadm.NewClient(c)
}

// expire removes the group's commits of the topic orders, as a broker does when
// their time is over: of these partitions, or of all.
func expire(t *testing.T, b *broker, groupID string, partitions ...int32) {
	t.Helper()
	admin := adminOf(t, b)
	if len(partitions) == 0 {
		committed, err := admin.FetchOffsets(t.Context(), groupID)
		if err != nil {
			t.Fatal(err)
		}
		for p := range committed["orders"] {
			partitions = append(partitions, p)
		}
	}
	responses, err := admin.DeleteOffsets(t.Context(), groupID, kadm.TopicsSet{"orders": setOf(partitions)})
	if err != nil {
		t.Fatal(err)
	}
	if err := responses.Error(); err != nil {
		t.Fatal(err)
	}
}

func setOf(partitions []int32) map[int32]struct{} {
	set := map[int32]struct{}{}
	for _, p := range partitions {
		set[p] = struct{}{}
	}
	return set
}

// wantKept waits until the offsets of so many partitions are kept.
func wantKept(t *testing.T, g *v1alpha1.KafkaConsumerGroup, count int32) v1alpha1.KeptOffsets {
	t.Helper()
	var kept v1alpha1.KeptOffsets
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.KeptOffsets == nil || s.KeptOffsets.Offsets.Count != count {
			return fmt.Errorf("kept: %+v, want %d; replicas %s, group %+v", s.KeptOffsets, count, s.ReplicaSummary, s.Group)
		}
		kept = *s.KeptOffsets
		return nil
	})
	return kept
}

// wantNothingKept waits until nothing is kept any more.
func wantNothingKept(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.KeptOffsets != nil {
			return fmt.Errorf("still kept: %+v", s.KeptOffsets)
		}
		return nil
	})
}

// stoppedGroup has handled 10 messages of each partition of the topic orders, and
// its workers are stopped.
func stoppedGroup(t *testing.T, ns, name string, b *broker, partitions int32) (*v1alpha1.KafkaConsumerGroup, *crew) {
	t.Helper()
	g, workers := working(t, ns, name, b, 10)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { // which is what retention counts from
		return same("members are seen", s.Group != nil && s.Group.Members > 0, true)
	})
	change(t, g, toZero)
	wantReplicas(t, g, 0)
	wantKept(t, g, partitions)
	workers.handledOf()
	return g, workers
}

// unpause lets the workers come back.
func unpause(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	change(t, g, pause(nil))
}

// wantExactly waits until the workers have handled these offsets of each partition,
// and fails if one was handled that is not among them.
func (c *crew) wantExactly(t *testing.T, partitions int32, offsets string) {
	t.Helper()
	handled := map[kafka.TopicPartition][]int64{}
	eventually(t, func() error {
		for p, more := range c.handledOf() {
			handled[p] = append(handled[p], more...)
		}
		for p := range partitions {
			if got := fmt.Sprint(handled[kafka.TopicPartition{Topic: "orders", Partition: p}]); got != offsets {
				return fmt.Errorf("of partition %d %s was handled, want %s", p, got, offsets)
			}
		}
		return nil
	})
}

// restoring are offsets whose commits a test can refuse: those that are made
// again, which carry no plan's tag.
type restoring struct {
	controllers.Offsets
	with    atomic.Pointer[error]
	commits atomic.Int64
	// done: the commit is made, and then fails.
	done atomic.Bool
	// before is done before a commit.
	before atomic.Pointer[func()]
}

func (r *restoring) wrap(o controllers.Offsets) controllers.Offsets {
	r.Offsets = o
	return r
}

func (r *restoring) Commit(ctx context.Context, c kafkaadmin.Connection, groupID string, commits []kafka.PartitionCommit) error {
	if len(commits[0].Metadata) > 4 && commits[0].Metadata[:4] == "kor:" {
		return r.Offsets.Commit(ctx, c, groupID, commits)
	}
	r.commits.Add(1)
	if before := r.before.Load(); before != nil {
		(*before)()
	}
	refused := r.with.Load()
	if refused == nil || r.done.Load() {
		if err := r.Offsets.Commit(ctx, c, groupID, commits); err != nil {
			return err
		}
	}
	if refused != nil {
		return fmt.Errorf("commit offsets of group %q: %w", groupID, *refused)
	}
	return nil
}

// untouched tells whether an object is written meanwhile.
func untouched(t *testing.T, o client.Object, meanwhile func()) error {
	t.Helper()
	read := func() string {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
		return o.GetResourceVersion()
	}
	before := read()
	meanwhile()
	if after := read(); after != before {
		return errors.New("it was written")
	}
	return nil
}

// slowSamples are settings with which a clock that is ahead makes no sample old.
func slowSamples() controllers.Settings {
	s := fastSettings()
	s.SampleMaxAge = 30 * 24 * time.Hour
	return s
}
