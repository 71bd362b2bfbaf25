// Package lag turns the offsets of a sample into lag. It is pure: a sample in,
// numbers out, and what is not known stays unknown.
package lag

import (
	"cmp"
	"slices"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Group is the lag of a consumer group at the time of one sample.
type Group struct {
	// Topics are sorted by name, one for each topic asked for.
	Topics []Topic
}

// Topic is the lag of one topic.
type Topic struct {
	Name string
	// Err says why the topic's partitions are not known; then Partitions is empty.
	Err error
	// Partitions are sorted by number.
	Partitions []Partition
	// HasCommits tells whether any partition of the topic has a commit.
	HasCommits bool
}

// Partition is the lag of one partition.
type Partition struct {
	kafka.TopicPartition
	// Messages is the lag; it means nothing when Err is set.
	Messages int64
	// Err says why the lag is unknown.
	Err error
}

// Of computes the lag of each partition of the sample.
//
// A partition with a commit lags by log end - max(committed, log start): what
// retention removed is not work any more. Committed above log end (topic
// re-created or truncated) is no negative work but none. A partition without
// commit counts from initial; if other partitions of its topic have commits it
// was added later and counts from log start, as the worker starts it.
//
// Example: start 100, end 150. Committed 120 is a lag of 30, committed 40 a lag
// of 50, no commit and latest 0, no commit and a committed sibling 50.
func Of(sample kafka.GroupSample, initial kafka.InitialOffset) Group {
	group := Group{Topics: make([]Topic, 0, len(sample.Topics))}
	for _, topic := range sample.Topics {
		group.Topics = append(group.Topics, ofTopic(topic, initial))
	}
	return group
}

func ofTopic(sample kafka.TopicSample, initial kafka.InitialOffset) Topic {
	topic := Topic{Name: sample.Name, Err: sample.Err}
	if sample.Err != nil {
		return topic
	}
	for _, p := range sample.Partitions {
		topic.HasCommits = topic.HasCommits || (p.Err == nil && p.Committed >= 0)
	}
	siblings := siblingsOf(sample, topic.HasCommits)
	for _, p := range sample.Partitions {
		topic.Partitions = append(topic.Partitions, ofPartition(sample.Name, p, initial, siblings))
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

func ofPartition(topic string, p kafka.PartitionSample, initial kafka.InitialOffset, siblings siblings) Partition {
	out := Partition{TopicPartition: kafka.TopicPartition{Topic: topic, Partition: p.Partition}, Err: p.Err}
	if p.Err != nil {
		return out
	}
	from := p.Committed
	if from < 0 {
		if initial == kafka.InitialLatest && siblings == commitsUnread {
			out.Err = errSiblingsUnread
			return out
		}
		from = startOf(p, initial, siblings)
	}
	out.Messages = max(0, p.End-max(from, p.Start))
	return out
}

func startOf(p kafka.PartitionSample, initial kafka.InitialOffset, siblings siblings) int64 {
	if initial == kafka.InitialLatest && siblings == noneCommitted {
		return p.End
	}
	return p.Start
}

// Known is the lag over the partitions that are known, and the number of
// partitions and topics that are not. Unknown 0 means that Messages is the
// group's lag.
func (g Group) Known() (messages int64, unknown int) {
	for _, t := range g.Topics {
		if t.Err != nil {
			unknown++
		}
		for _, p := range t.Partitions {
			if p.Err != nil {
				unknown++
				continue
			}
			messages += p.Messages
		}
	}
	return messages, unknown
}

// PartitionCounts is the number of partitions of each topic; complete is false
// when a topic's partitions are not known.
func (g Group) PartitionCounts() (counts []int32, complete bool) {
	complete = len(g.Topics) > 0
	for _, t := range g.Topics {
		complete = complete && t.Err == nil
		counts = append(counts, int32(len(t.Partitions)))
	}
	return counts, complete
}

// HasCommits tells whether the group has committed on any partition.
func (g Group) HasCommits() bool {
	return slices.ContainsFunc(g.Topics, func(t Topic) bool { return t.HasCommits })
}

// FirstErr is the first reason why some lag is unknown, topics first, nil when all is known.
func (g Group) FirstErr() error {
	for _, t := range g.Topics {
		if t.Err != nil {
			return t.Err
		}
	}
	for _, t := range g.Topics {
		for _, p := range t.Partitions {
			if p.Err != nil {
				return p.Err
			}
		}
	}
	return nil
}

// Worst are the at most n known partitions with the most lag, most first, those without lag left out.
func (g Group) Worst(n int) []Partition {
	var lagging []Partition
	for _, t := range g.Topics {
		for _, p := range t.Partitions {
			if p.Err == nil && p.Messages > 0 {
				lagging = append(lagging, p)
			}
		}
	}
	slices.SortFunc(lagging, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), a.Compare(b.TopicPartition))
	})
	return lagging[:min(n, len(lagging))]
}

// Known is the topic's lag; ok is false while any of it is unknown.
func (t Topic) Known() (messages int64, ok bool) {
	messages, unknown := Group{Topics: []Topic{t}}.Known()
	return messages, unknown == 0
}
