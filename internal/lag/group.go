package lag

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Group is the lag of a consumer group at the time of one sample.
type Group struct {
	// At is when the sample was taken.
	At time.Time
	// Err says why the topics as a whole are not known: no broker answered, or
	// the topics that match the pattern could not be listed and Topics are older.
	Err error
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

// Partition is the lag of one partition. With Err set nothing else but
// TopicPartition and Owner means anything.
type Partition struct {
	kafka.TopicPartition
	// Messages is the lag: what a consumer of the group's isolation level has
	// yet to read, counted in offsets.
	Messages int64
	// Behind is the lag in time.
	Behind Age
	// Produced is how fast the log grows, Consumed how fast the group's commits
	// move. Unknown without a History.
	Produced, Consumed Rate
	// Health is the verdict over the last minutes, HealthUnknown without a History.
	Health Health
	// Since is when this verdict began, as far as the History goes back.
	Since time.Time
	// Owner is the client id of the member that the partition is assigned to
	// (its member id if it has none); empty while no member has it.
	Owner string
	// Anomaly names a commit that lies outside the log.
	Anomaly Anomaly
	// Err says why the lag is unknown.
	Err error
}

// Anomaly is a committed offset that lies outside the log.
type Anomaly string

// The anomalies.
const (
	// CommittedAboveEnd is a commit above the log end in two samples running: the
	// topic was created again, or the log was truncated.
	CommittedAboveEnd Anomaly = "CommittedAboveEnd"
	// CommittedBelowStart is a commit that retention passed: it deleted messages
	// that the group had not read.
	CommittedBelowStart Anomaly = "CommittedBelowStart"
)

// partitions calls visit for each partition of each topic.
func (g Group) partitions(visit func(*Partition)) {
	for _, t := range g.Topics {
		for i := range t.Partitions {
			visit(&t.Partitions[i])
		}
	}
}

// unlisted is the number of places where partitions may be that are not listed.
func (g Group) unlisted() (n int) {
	if g.Err != nil {
		n++
	}
	for _, t := range g.Topics {
		if t.Err != nil {
			n++
		}
	}
	return n
}

// Known is the lag over the partitions that are known, and the number of
// partitions and topics that are not. Unknown 0 means that Messages is the
// group's lag.
func (g Group) Known() (messages int64, unknown int) {
	unknown = g.unlisted()
	g.partitions(func(p *Partition) {
		if p.Err != nil {
			unknown++
			return
		}
		messages += min(p.Messages, math.MaxInt64-messages)
	})
	return messages, unknown
}

// PartitionCounts is the number of partitions of each topic; complete is false
// when a topic's partitions are not known.
func (g Group) PartitionCounts() (counts []int32, complete bool) {
	complete = len(g.Topics) > 0 && g.unlisted() == 0
	for _, t := range g.Topics {
		counts = append(counts, int32(len(t.Partitions)))
	}
	return counts, complete
}

// HasCommits tells whether the group has committed on any partition.
func (g Group) HasCommits() bool {
	return slices.ContainsFunc(g.Topics, func(t Topic) bool { return t.HasCommits })
}

// FirstErr is the first reason why some lag is unknown: the group's, then the
// topics', then the partitions'; nil when all is known.
func (g Group) FirstErr() error {
	first := g.Err
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, t := range g.Topics {
		note(t.Err)
	}
	g.partitions(func(p *Partition) { note(p.Err) })
	return first
}

// Worst are the at most n known partitions with the most lag, most first, those without lag left out.
func (g Group) Worst(n int) []Partition {
	lagging := g.where(func(p *Partition) bool { return p.Err == nil && p.Messages > 0 })
	slices.SortFunc(lagging, byMessages)
	return lagging[:min(n, len(lagging))]
}

// Anomalies are the partitions whose commit lies outside the log, in order.
func (g Group) Anomalies() []Partition {
	return g.where(func(p *Partition) bool { return p.Anomaly != "" })
}

func (g Group) where(match func(*Partition) bool) (found []Partition) {
	g.partitions(func(p *Partition) {
		if match(p) {
			found = append(found, *p)
		}
	})
	return found
}

// byMessages orders partitions by lag, most first.
func byMessages(a, b Partition) int {
	return cmp.Or(cmp.Compare(b.Messages, a.Messages), a.Compare(b.TopicPartition))
}

// Known is the topic's lag; ok is false while any of it is unknown.
func (t Topic) Known() (messages int64, ok bool) {
	messages, unknown := Group{Topics: []Topic{t}}.Known()
	return messages, unknown == 0
}
