package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// commits are one group's committed offsets as its coordinator answered them,
// or why none could be read. What the answer holds is used where it is: in a
// cycle of 3,000 groups that is 96,000 offsets.
type commits struct {
	blocks  blocks
	unknown bool // the coordinator does not know the group: it has no commits
	err     error
}

type blocks = map[string]map[int32]*sarama.OffsetFetchResponseBlock

// at is the committed offset of a partition that was asked for.
func (c commits) at(p kafka.TopicPartition) offset {
	switch {
	case c.err != nil:
		return offset{err: c.err}
	case c.unknown:
		return offset{at: kafka.NoOffset}
	default:
		return committedOf(p, c.blocks[p.Topic][p.Partition])
	}
}

// any tells whether the group has a commit.
func (c commits) any() bool {
	for _, partitions := range c.blocks {
		for _, block := range partitions {
			if block.Err == sarama.ErrNoError && block.Offset >= 0 {
				return true
			}
		}
	}
	return false
}

func committedOf(p kafka.TopicPartition, block *sarama.OffsetFetchResponseBlock) offset {
	switch {
	case block == nil:
		return offset{err: fmt.Errorf("read the committed offset of partition %q: %w", p, errLeftOut)}
	case block.Err != sarama.ErrNoError:
		return offset{err: fmt.Errorf("read the committed offset of partition %q: %w", p, partitionRefusal(block.Err))}
	default:
		return offset{at: max(block.Offset, kafka.NoOffset)}
	}
}

// fetchCommitted reads the committed offsets of groups of one coordinator in as
// few requests as fit.
func (c *client) fetchCommitted(ctx context.Context, coordinator *link, ids []string, want wanted) map[string]commits {
	answers := make(map[string]commits, len(ids))
	rest := asked(ids, want)
	for len(rest) > 0 {
		var part []sarama.OffsetFetchRequestGroup
		part, rest = c.nextPart(rest, ids)
		c.fetchPart(ctx, coordinator, part, answers)
		c.weigh(answers)
	}
	for id, read := range answers {
		if read.err != nil {
			read.err = fmt.Errorf("read the committed offsets of group %q: %w", id, read.err)
			answers[id] = read
		}
	}
	return answers
}

// asked lists what is wanted of the groups. Those without partitions are left
// out: without partitions a request asks for all of them.
func asked(ids []string, want wanted) []sarama.OffsetFetchRequestGroup {
	groups := make([]sarama.OffsetFetchRequestGroup, 0, len(ids))
	for _, id := range ids {
		if len(want[id]) > 0 {
			groups = append(groups, sarama.OffsetFetchRequestGroup{GroupId: id, Partitions: want[id]})
		}
	}
	return groups
}

// fetchPart asks in one request if the broker can, else in smaller ones.
func (c *client) fetchPart(ctx context.Context, coordinator *link, part []sarama.OffsetFetchRequestGroup, answers map[string]commits) {
	response, err := askListed(ctx, coordinator, func(b *sarama.Broker) (*sarama.OffsetFetchResponse, error) {
		return b.FetchOffset(&sarama.OffsetFetchRequest{Version: c.fetchVersion(), RequireStable: c.exact, Groups: part})
	})
	smaller := smallerParts(part, err)
	for _, s := range smaller {
		c.fetchPart(ctx, coordinator, s, answers)
	}
	if len(smaller) == 0 {
		take(part, response, err, answers)
	}
}

// fetchVersion is 8, which takes many groups, unless the connection is held to
// an older Kafka: stable offsets are known from 7 on.
func (c *client) fetchVersion() int16 {
	switch version := c.config.Version; {
	case version.IsAtLeast(sarama.V3_0_0_0):
		return 8
	case c.exact && version.IsAtLeast(sarama.V2_5_0_0):
		return 7
	default:
		return 5
	}
}

// take adds an answer to the answers. A group that took several requests has
// failed if one of them has.
func take(part []sarama.OffsetFetchRequestGroup, response *sarama.OffsetFetchResponse, err error, answers map[string]commits) {
	found := groupsOf(part, response)
	for _, g := range part {
		read := commits{err: err}
		if err == nil {
			read = commitsOf(found[g.GroupId])
		}
		if before, several := answers[g.GroupId]; several {
			read = before.with(read)
		}
		answers[g.GroupId] = read
	}
}

// groupsOf finds the groups in an answer. Before version 8 it has one, without
// its name.
func groupsOf(part []sarama.OffsetFetchRequestGroup, response *sarama.OffsetFetchResponse) map[string]*sarama.OffsetFetchResponseGroup {
	if response == nil {
		return nil
	}
	if response.Version < 8 {
		return map[string]*sarama.OffsetFetchResponseGroup{part[0].GroupId: {Err: response.Err, Blocks: response.Blocks}}
	}
	found := make(map[string]*sarama.OffsetFetchResponseGroup, len(response.Groups))
	for i := range response.Groups {
		found[response.Groups[i].GroupId] = &response.Groups[i]
	}
	return found
}

// commitsOf reads one group's answer. Of a group it does not know, Apache
// Kafka says -1 for each partition; other brokers say GROUP_ID_NOT_FOUND, which
// is the same: there are no commits.
func commitsOf(answer *sarama.OffsetFetchResponseGroup) commits {
	switch {
	case answer == nil:
		return commits{err: errLeftOut}
	case answer.Err == sarama.ErrGroupIDNotFound:
		return commits{unknown: true}
	case answer.Err != sarama.ErrNoError:
		return commits{err: groupRefusal(answer.Err)}
	default:
		return commits{blocks: answer.Blocks}
	}
}

func (c commits) with(other commits) commits {
	if c.err != nil || other.err != nil {
		return commits{err: errors.Join(c.err, other.err)}
	}
	if c.blocks == nil {
		return other
	}
	for name, partitions := range other.blocks {
		if c.blocks[name] == nil {
			c.blocks[name] = partitions
			continue
		}
		maps.Copy(c.blocks[name], partitions)
	}
	return c
}
