// Package lag turns the offsets of a sample into lag: in messages, in time, as
// rates, and as a verdict on each partition. It is pure: samples in, numbers
// out, and what is not known stays unknown. Of looks at one sample; a History
// is fed with every sample of a group and says what only time tells.
package lag

import (
	"cmp"
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Of computes the lag of each partition of the sample. Rates and health need a
// History, and so does CommittedAboveEnd.
//
// A partition with a commit lags by End - max(committed, log start): what
// retention removed is not work any more. Committed above End is no negative
// work but none. What a fetch found to hold no record (Empty) is none either.
// A partition without commit counts from initial; if other partitions of its
// topic have commits it was added later and counts from log start, as the
// worker starts it.
//
// Example: start 100, end 150. Committed 120 is a lag of 30, committed 40 a lag
// of 50, no commit and latest 0, no commit and a committed sibling 50.
func Of(sample kafka.GroupSample, initial kafka.InitialOffset) Group {
	return of(sample, initial, &room{})
}

func of(sample kafka.GroupSample, initial kafka.InitialOffset, in *room) Group {
	group := Group{
		At:     sample.At,
		Err:    cmp.Or(sample.ConnectionErr, sample.TopicsErr),
		Topics: in.take(sample.Topics),
	}
	for i, topic := range sample.Topics {
		group.Topics[i] = ofTopic(topic, sample.At, initial, in)
	}
	group.setOwners(sample.Members)
	return group
}

func ofTopic(sample kafka.TopicSample, at time.Time, initial kafka.InitialOffset, in *room) Topic {
	topic := Topic{Name: sample.Name, Err: sample.Err}
	if sample.Err != nil {
		return topic
	}
	for i := range sample.Partitions {
		p := &sample.Partitions[i]
		topic.HasCommits = topic.HasCommits || (p.Err == nil && p.Committed >= 0)
	}
	siblings := siblingsOf(sample, topic.HasCommits)
	topic.Partitions = in.partitions(len(sample.Partitions))
	for i := range sample.Partitions {
		p, out := &sample.Partitions[i], &topic.Partitions[i]
		out.TopicPartition = kafka.TopicPartition{Topic: sample.Name, Partition: p.Partition}
		out.Messages, out.Err = messagesOf(p, initial, siblings)
		if out.Err == nil {
			out.Behind = ageOf(p, out.Messages, at)
			out.Anomaly = belowStart(p)
		}
	}
	return topic
}

// siblings is what is known about commits in the rest of the topic.
type siblings int

const (
	noneCommitted siblings = iota
	someCommitted
	commitsUnread // a partition could not be read and no other has a commit
)

func siblingsOf(sample kafka.TopicSample, hasCommits bool) siblings {
	if hasCommits {
		return someCommitted
	}
	if slices.ContainsFunc(sample.Partitions, func(p kafka.PartitionSample) bool { return p.Err != nil }) {
		return commitsUnread
	}
	return noneCommitted
}

func messagesOf(p *kafka.PartitionSample, initial kafka.InitialOffset, siblings siblings) (int64, error) {
	from := p.Committed
	switch {
	case p.Err != nil:
		return 0, p.Err
	case p.Start < 0 || p.End < p.Start || p.Committed < kafka.NoOffset:
		return 0, errNoSuchLog
	case p.Empty:
		return 0, nil
	case from == kafka.NoOffset && initial == kafka.InitialLatest && siblings == commitsUnread:
		return 0, errSiblingsUnread
	case from == kafka.NoOffset && initial == kafka.InitialLatest && siblings == noneCommitted:
		from = p.End
	}
	return max(0, p.End-max(from, p.Start)), nil
}

// belowStart is told by one sample: a log start never goes back.
func belowStart(p *kafka.PartitionSample) Anomaly {
	if p.Committed >= 0 && p.Committed < p.Start {
		return CommittedBelowStart
	}
	return ""
}

// setOwners tells each partition which member has it.
func (g Group) setOwners(members []kafka.Member) {
	for _, m := range members {
		name := cmp.Or(m.ClientID, m.ID)
		topic := 0 // assigned partitions are sorted, and so are topics
		for _, tp := range m.Assigned {
			for topic < len(g.Topics) && g.Topics[topic].Name < tp.Topic {
				topic++
			}
			if topic == len(g.Topics) {
				break
			}
			if p := g.Topics[topic].partition(tp); p != nil {
				p.Owner = name
			}
		}
	}
}

// partition is nil when the topic is another one, or has no such partition. A
// topic's partitions are complete, so that each is at its own number.
func (t Topic) partition(tp kafka.TopicPartition) *Partition {
	at := int(tp.Partition)
	if t.Name != tp.Topic || at < 0 || at >= len(t.Partitions) || t.Partitions[at].Partition != tp.Partition {
		return nil
	}
	return &t.Partitions[at]
}
