package kafkaadmin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// report is all that one cycle learned. It makes the samples, and does no
// input or output.
type report struct {
	cluster *cluster
	groups  map[string]group
	offsets map[kafka.TopicPartition]logEnds
	at      time.Time
}

func (r report) sample(s Subscription) kafka.GroupSample {
	sample := kafka.GroupSample{GroupID: s.GroupID, ClusterID: r.cluster.id, At: r.at}
	if len(s.Topics) == 0 {
		sample.ConnectionErr = fmt.Errorf("sample group %q: %w: no topics", s.GroupID, kafka.ErrInvalid)
		return sample
	}
	g := r.groups[s.GroupID]
	sample.State, sample.StateErr = g.state, g.err
	sample.Protocol, sample.Members = g.protocol, g.members
	sample.Topics = make([]kafka.TopicSample, len(s.Topics))
	for i, name := range s.Topics {
		sample.Topics[i] = r.topic(g, name)
	}
	return sample
}

func (r report) topic(g group, name string) kafka.TopicSample {
	t, listed := r.cluster.topics[name]
	if !listed {
		t.err = fmt.Errorf("list the partitions of topic %q: %w", name, errLeftOut)
	}
	sample := kafka.TopicSample{Name: name, Err: t.err}
	if t.err != nil {
		return sample
	}
	sample.Partitions = make([]kafka.PartitionSample, len(t.partitions))
	for i, p := range t.partitions {
		sample.Partitions[i] = r.partition(g, name, p)
	}
	return sample
}

func (r report) partition(g group, name string, p partition) kafka.PartitionSample {
	at := kafka.TopicPartition{Topic: name, Partition: p.id}
	log, logRead := r.offsets[at]
	committed, commitRead := g.committed[at]
	if err := cmp.Or(p.err, log.err, g.committedErr, committed.err, missing(at, logRead && commitRead)); err != nil {
		return kafka.PartitionSample{Partition: p.id, Err: err}
	}
	return kafka.PartitionSample{Partition: p.id, Committed: committed.at, Start: log.start, End: log.end}
}

// missing guards against a hole in the report, which would read as offset 0.
func missing(at kafka.TopicPartition, read bool) error {
	if read {
		return nil
	}
	return fmt.Errorf("read the offsets of partition %q: %w", at, errLeftOut)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
