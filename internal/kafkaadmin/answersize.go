package kafkaadmin

import (
	"errors"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// maxAnswer bounds an answer with committed offsets, by what is known of
	// their metadata: 96,000 offsets with 60 bytes each are 7.9 MB in all.
	maxAnswer = 8 << 20
	// unseenMetadata is assumed of a commit's metadata where none was seen yet.
	// The brokers' limit is 4,096 bytes by default.
	unseenMetadata = 1 << 10

	// What an answer takes apart from names and metadata: for an offset its
	// partition, itself, the epoch, the error, a length and a tag.
	perOffset, perTopic, perGroup = 4 + 8 + 4 + 2 + 2 + 1, 6, 8
)

// errTooLarge is an answer beyond what sarama takes, 100 MiB.
var errTooLarge = errors.New("the answer is too large")

// nextPart cuts off as many of the groups as fit an answer. Those that were
// never read are taken for the average of the coordinator's others, so that a
// cold start learns from its first answer.
func (c *client) nextPart(rest []sarama.OffsetFetchRequestGroup, all []string) (part, left []sarama.OffsetFetchRequestGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	average := c.averageMetadata(all)
	return cut(rest, maxAnswer, func(id string) int {
		if m := c.remembered(id); m.metadata >= 0 {
			return m.metadata
		}
		return average
	})
}

// averageMetadata is over the groups that were read before. The caller holds
// the lock.
func (c *client) averageMetadata(ids []string) int {
	sum, count := 0, 0
	for _, id := range ids {
		if m := c.remembered(id); m.metadata >= 0 {
			sum, count = sum+m.metadata, count+1
		}
	}
	if count == 0 {
		return unseenMetadata
	}
	return sum/count + 1
}

// cut returns the first groups whose answer is up to limit bytes. A single
// group with more is cut between its partitions.
func cut(groups []sarama.OffsetFetchRequestGroup, limit int, metadata func(id string) int) (part, left []sarama.OffsetFetchRequestGroup) {
	used := 0
	for i, g := range groups {
		used += weightOf(g, metadata(g.GroupId))
		if used <= limit {
			continue
		}
		if i > 0 {
			return groups[:i], groups[i:]
		}
		first, second := divide(g, limit/(perOffset+metadata(g.GroupId)))
		if second.Partitions == nil {
			return groups[:1], groups[1:]
		}
		return []sarama.OffsetFetchRequestGroup{first}, append([]sarama.OffsetFetchRequestGroup{second}, groups[1:]...)
	}
	return groups, nil
}

func weightOf(g sarama.OffsetFetchRequestGroup, metadata int) int {
	weight := perGroup + len(g.GroupId)
	for name, ids := range g.Partitions {
		weight += perTopic + len(name) + len(ids)*(perOffset+metadata)
	}
	return weight
}

// divide splits a group after count partitions, at least one. What is left is
// without partitions if there are no more.
func divide(g sarama.OffsetFetchRequestGroup, count int) (first, second sarama.OffsetFetchRequestGroup) {
	first = sarama.OffsetFetchRequestGroup{GroupId: g.GroupId, Partitions: map[string][]int32{}}
	second = sarama.OffsetFetchRequestGroup{GroupId: g.GroupId}
	room := max(1, count)
	for _, name := range sortedKeys(g.Partitions) {
		ids := g.Partitions[name]
		n := min(room, len(ids))
		room -= n
		if n > 0 {
			first.Partitions[name] = ids[:n]
		}
		if n < len(ids) {
			second.Partitions = with(second.Partitions, name, ids[n:])
		}
	}
	return first, second
}

func with(partitions map[string][]int32, name string, ids []int32) map[string][]int32 {
	if partitions == nil {
		partitions = map[string][]int32{}
	}
	partitions[name] = ids
	return partitions
}

// smallerParts are the requests to make instead of one that failed with err,
// none if it is to be left at that. Brokers older than 3.0 take one group a
// request; an answer that is too large is asked for in halves.
func smallerParts(part []sarama.OffsetFetchRequestGroup, err error) [][]sarama.OffsetFetchRequestGroup {
	single := func(g sarama.OffsetFetchRequestGroup) []sarama.OffsetFetchRequestGroup {
		return []sarama.OffsetFetchRequestGroup{g}
	}
	switch {
	case len(part) > 1 && errors.Is(err, kafka.ErrUnsupported):
		parts := make([][]sarama.OffsetFetchRequestGroup, len(part))
		for i, g := range part {
			parts[i] = single(g)
		}
		return parts
	case len(part) > 1 && errors.Is(err, errTooLarge):
		return [][]sarama.OffsetFetchRequestGroup{part[:len(part)/2], part[len(part)/2:]}
	case errors.Is(err, errTooLarge):
		first, second := divide(part[0], partitionsOf(part[0])/2)
		if second.Partitions == nil {
			return nil
		}
		return [][]sarama.OffsetFetchRequestGroup{single(first), single(second)}
	default:
		return nil
	}
}

func partitionsOf(g sarama.OffsetFetchRequestGroup) int {
	count := 0
	for _, ids := range g.Partitions {
		count += len(ids)
	}
	return count
}

// weigh remembers how large the groups' metadata are.
func (c *client) weigh(answers map[string]commits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, read := range answers {
		if read.err == nil {
			c.remembered(id).metadata = read.metadata()
		}
	}
}

// metadata is the average metadata of the commits, in bytes, rounded up.
func (c commits) metadata() int {
	bytes, offsets := 0, 0
	for _, partitions := range c.blocks {
		for _, block := range partitions {
			bytes, offsets = bytes+len(block.Metadata), offsets+1
		}
	}
	return (bytes + max(offsets, 1) - 1) / max(offsets, 1)
}
