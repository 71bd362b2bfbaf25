package kafkaadmin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// report is all that one cycle learned. It makes the samples, and does no
// input or output.
type report struct {
	cluster *cluster
	groups  map[string]group
	logs    logs
	at      time.Time               // when the cycle began to read offsets
	scratch []kafka.PartitionSample // of the topic being sampled
}

// outcomes returns a sample for each subscription. errs say why its topics are
// not known, or not up to date.
func (r *report) outcomes(subscriptions []interest, errs []error) []outcome {
	r.logs.book.mu.Lock()
	defer r.logs.book.mu.Unlock()
	outcomes := make([]outcome, len(subscriptions))
	for i, s := range subscriptions {
		sample := r.sample(s, errs[i])
		outcomes[i].sample = &sample
	}
	return outcomes
}

func (r *report) sample(s interest, topicsErr error) kafka.GroupSample {
	sample := kafka.GroupSample{GroupID: s.GroupID, ClusterID: r.cluster.id, At: r.at, TopicsErr: topicsErr}
	if len(s.Topics) == 0 && s.TopicPattern == "" {
		sample.ConnectionErr = fmt.Errorf("sample group %q: %w: no topics", s.GroupID, kafka.ErrInvalid)
		return sample
	}
	g := r.groups[s.GroupID]
	sample.Type, sample.State, sample.StateErr = g.kind, g.state, g.err
	sample.Protocol, sample.Members, sample.DescribedAt = g.protocol, g.members, g.describedAt
	if len(s.Topics) > 0 {
		sample.Topics = make([]kafka.TopicSample, len(s.Topics))
	}
	for i, name := range s.Topics {
		sample.Topics[i] = r.topic(&g, reader{s.GroupID, s.Isolation}, name)
	}
	return sample
}

func (r *report) topic(g *group, to reader, name string) kafka.TopicSample {
	t, listed := r.cluster.topics[name]
	if !listed {
		t.err = unlisted(name, errLeftOut)
	}
	sample := kafka.TopicSample{Name: name, Err: t.err}
	if t.err != nil {
		return sample
	}
	log := r.logs.topics[name]
	sample.ID = log.id
	sample.Partitions = log.hand(to, r.partitions(t, log, g.committed.of(name), to.isolation), r.at)
	return sample
}

// partitions returns them until the next call.
func (r *report) partitions(t topic, log *topicLog, committed topicCommits, isolation kafka.Isolation) []kafka.PartitionSample {
	r.scratch = r.scratch[:0]
	for i := range t.partitions {
		s := kafka.PartitionSample{Partition: int32(i)}
		commit := committed.at(s.Partition)
		if s.Err = cmp.Or(t.partitions[i].err, log.err(s.Partition, isolation, r.logs.began), commit.err); s.Err == nil {
			s.Committed = commit.at
			log.partitions[i].fill(&s, isolation, r.at)
		}
		r.scratch = append(r.scratch, s)
	}
	return r.scratch
}

// err is why the ends of a partition's log are not known as of a cycle that
// began to read them then.
func (l *topicLog) err(id int32, isolation kafka.Isolation, began time.Time) error {
	p := &l.partitions[id]
	if err := p.end.since(began); err != nil {
		return err
	}
	if err := p.endFor(isolation).since(began); err != nil || p.start.known() {
		return err
	}
	if p.start.err != nil {
		return p.start.err
	}
	return errLeftOut
}

// fill says what the log means to a group that committed what the sample has.
// The start was read at another time than the end: it is not above it.
func (p *partitionLog) fill(s *kafka.PartitionSample, isolation kafka.Isolation, cycle time.Time) {
	s.End = p.endFor(isolation).offset
	s.Start = min(p.start.offset, s.End)
	s.HighWatermark = max(p.end.offset, s.End)
	if isolation == kafka.ReadCommitted {
		s.Open = p.held.open
	}
	position := max(s.Committed, s.Start)
	if position >= s.End {
		return
	}
	if s.Appended = p.timeline.When(position); s.Appended.OrEarlier {
		p.wantProbe()
	}
	tail := p.tailFor(isolation)
	tail.sight(position, s.End, cycle)
	s.Empty = tail.isEmpty(position, s.End)
}

// topicCommits are a group's committed offsets of one topic.
type topicCommits struct {
	commits
	topic      string
	partitions map[int32]*sarama.OffsetFetchResponseBlock
}

func (c commits) of(topic string) topicCommits {
	return topicCommits{commits: c, topic: topic, partitions: c.blocks[topic]}
}

func (c *topicCommits) at(id int32) offset {
	block := c.partitions[id]
	if c.err == nil && !c.unknown && block != nil && block.Err == sarama.ErrNoError {
		return offset{at: max(block.Offset, kafka.NoOffset)}
	}
	return c.commits.at(kafka.TopicPartition{Topic: c.topic, Partition: id})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
