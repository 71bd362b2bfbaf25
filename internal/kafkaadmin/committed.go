package kafkaadmin

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// maxOffsetsPerRequest keeps an answer below the 100 MiB that sarama accepts:
// with 4,096 bytes of metadata on each commit, the broker's default limit,
// 10,000 offsets are 41 MB.
const maxOffsetsPerRequest = 10_000

// commits are one group's committed offsets, or why none could be read.
type commits struct {
	offsets map[kafka.TopicPartition]offset
	err     error
}

// fetchCommitted reads the committed offsets of all the groups of one
// coordinator in as few requests as fit.
func (c *client) fetchCommitted(ctx context.Context, coordinator *link, want wanted) map[string]commits {
	answers := make(map[string]commits, len(want))
	for _, part := range want.chunks(maxOffsetsPerRequest) {
		response, err := askListed(ctx, coordinator, func(b *sarama.Broker) (*sarama.OffsetFetchResponse, error) {
			return ofManyGroups(b.FetchOffset(fetchRequest(part)))
		})
		for id, read := range commitsOf(part, response, err) {
			if read.err != nil {
				read.err = fmt.Errorf("read the committed offsets of group %q: %w", id, read.err)
			}
			answers[id] = read
		}
	}
	return answers
}

// chunks splits the groups so that each part has up to limit partitions, or a
// single group with more. Groups without partitions are left out: without
// partitions a request asks for all of them.
func (w wanted) chunks(limit int) []wanted {
	var (
		parts []wanted
		used  = limit
	)
	for _, id := range sortedKeys(w) {
		count := 0
		for _, ids := range w[id] {
			count += len(ids)
		}
		if count == 0 {
			continue
		}
		if used+count > limit {
			parts, used = append(parts, wanted{}), 0
		}
		parts[len(parts)-1][id] = w[id]
		used += count
	}
	return parts
}

func fetchRequest(want wanted) *sarama.OffsetFetchRequest {
	request := &sarama.OffsetFetchRequest{Version: 8}
	for id, partitions := range want {
		request.Groups = append(request.Groups, sarama.OffsetFetchRequestGroup{GroupId: id, Partitions: partitions})
	}
	return request
}

// ofManyGroups refuses an answer in a version that takes one group only, which
// sarama falls back to when the broker is old and one group is all there is.
func ofManyGroups(response *sarama.OffsetFetchResponse, err error) (*sarama.OffsetFetchResponse, error) {
	if err == nil && response.Version < 8 {
		return nil, sarama.ErrUnsupportedVersion
	}
	return response, err
}

func commitsOf(want wanted, response *sarama.OffsetFetchResponse, err error) map[string]commits {
	answers := make(map[string]commits, len(want))
	for id := range want {
		answers[id] = commits{err: err}
	}
	if err != nil {
		return answers
	}
	for id := range want {
		answers[id] = commits{err: errLeftOut}
	}
	for i := range response.Groups {
		if g := &response.Groups[i]; want[g.GroupId] != nil {
			answers[g.GroupId] = commitsOfGroup(g, want[g.GroupId])
		}
	}
	return answers
}

// commitsOfGroup reads one group's answer. Of a group it does not know, Apache
// Kafka says -1 for each partition; other brokers say GROUP_ID_NOT_FOUND, which
// is the same: there are no commits.
func commitsOfGroup(answer *sarama.OffsetFetchResponseGroup, partitions map[string][]int32) commits {
	unknown := answer.Err == sarama.ErrGroupIDNotFound
	if answer.Err != sarama.ErrNoError && !unknown {
		return commits{err: groupRefusal(answer.Err)}
	}
	read := commits{offsets: map[kafka.TopicPartition]offset{}}
	for name, ids := range partitions {
		for _, id := range ids {
			p := kafka.TopicPartition{Topic: name, Partition: id}
			if read.offsets[p] = (offset{at: kafka.NoOffset}); !unknown {
				read.offsets[p] = committedOf(p, answer.GetBlock(name, id))
			}
		}
	}
	return read
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
