package kafkaadmin

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// offsetList is a leader's answer about one kind of offset, or why there is none.
type offsetList struct {
	response *sarama.OffsetResponse
	err      error
}

// topicOffsets is an offsetList's part about one topic. what names the kind of
// offset in errors.
type topicOffsets struct {
	topic, what string
	blocks      map[int32]*sarama.OffsetResponseBlock
	err         error
}

// listOffsets asks for the offset at a timestamp, or for one of the ends that
// sarama writes as negative timestamps, of all the partitions of the share. A
// request can name a partition only once.
func (c *client) listOffsets(ctx context.Context, leader *link, led share, at int64, isolation sarama.IsolationLevel) offsetList {
	response, err := askListed(ctx, leader, func(b *sarama.Broker) (*sarama.OffsetResponse, error) {
		request := sarama.NewOffsetRequest(c.config.Version)
		request.IsolationLevel = isolation
		for _, t := range led {
			for _, id := range t.ids {
				request.AddBlock(t.log.name, id, at, 1)
			}
		}
		return b.GetAvailableOffsets(request)
	})
	return offsetList{response: response, err: err}
}

// askListed is ask for a broker that may be missing from the metadata.
func askListed[T any](ctx context.Context, broker *link, request func(*sarama.Broker) (T, error)) (T, error) {
	if broker == nil {
		return *new(T), errNotListed
	}
	return ask(ctx, broker, request)
}

func (l offsetList) of(topic, what string) topicOffsets {
	t := topicOffsets{topic: topic, what: what, err: l.err}
	if l.response != nil {
		t.blocks = l.response.Blocks[topic]
	}
	return t
}

// at is the offset of one partition. None at all is an error: the log has ends
// in any case.
func (t topicOffsets) at(id int32) offset {
	read := t.found(id)
	if read.err == nil && read.at == kafka.NoOffset {
		return t.failed(id, fmt.Errorf("%w: the answer has no offset", kafka.ErrRejected))
	}
	return read
}

// found is the offset of one partition, NoOffset where no record is as young as
// was asked for.
func (t topicOffsets) found(id int32) offset {
	block, err := t.block(id)
	if err != nil {
		return t.failed(id, err)
	}
	return offset{at: max(block.Offset, kafka.NoOffset)}
}

func (t topicOffsets) failed(id int32, err error) offset {
	p := kafka.TopicPartition{Topic: t.topic, Partition: id}
	return offset{err: fmt.Errorf("read the %s of partition %q: %w", t.what, p, err)}
}

func (t topicOffsets) block(id int32) (*sarama.OffsetResponseBlock, error) {
	if t.err != nil {
		return nil, t.err
	}
	block := t.blocks[id]
	if block == nil {
		return nil, errLeftOut
	}
	if block.Err != sarama.ErrNoError {
		return nil, partitionRefusal(block.Err)
	}
	return block, nil
}
