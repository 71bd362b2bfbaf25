package kafkaadmin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// maxCommitters bounds the transactions that an error names.
const maxCommitters = 3

// openCommitters names the transactions that are open on the partition of the
// offsets' topic where the group's commits are: one of them holds the group's
// offsets, which no broker tells of which group. It is empty if that may not be
// read, as without the right to read the offsets' topic.
func (c *client) openCommitters(ctx context.Context, known *cluster, group string) string {
	offsets, err := c.locate(ctx, []string{offsetsTopic})
	if err != nil || len(offsets.topics[offsetsTopic].partitions) == 0 {
		return ""
	}
	partitions := offsets.topics[offsetsTopic].partitions
	at := offsetsPartition(group, len(partitions))
	producers := c.openProducers(ctx, known.brokers[partitions[at].leader], at)
	if len(producers) == 0 {
		return ""
	}
	names := c.transactionalIDs(ctx, known, producers)
	var open []string
	for _, producer := range producers[:min(maxCommitters, len(producers))] {
		open = append(open, kafka.Transaction{ID: names[producer], ProducerID: producer}.String())
	}
	return fmt.Sprintf("open where the group's offsets are (%s-%d): transaction %s", offsetsTopic, at, strings.Join(open, ", "))
}

// openProducers are the producers, by number, that have a transaction open on a
// partition of the offsets' topic.
func (c *client) openProducers(ctx context.Context, leader *link, partition int32) []int64 {
	response, err := askListed(ctx, leader, func(b *sarama.Broker) (*sarama.DescribeProducersResponse, error) {
		return b.DescribeProducers(&sarama.DescribeProducersRequest{Topics: []sarama.DescribeProducersRequestTopic{
			{Name: offsetsTopic, PartitionIndexes: []int32{partition}},
		}})
	})
	if err != nil {
		return nil
	}
	var open []int64
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			for _, producer := range p.ActiveProducers {
				if producer.CurrentTxnStartOffset >= 0 {
					open = append(open, producer.ProducerID)
				}
			}
		}
	}
	slices.Sort(open)
	return open
}

// offsetsPartition is the partition of the offsets' topic that has a group's
// commits: Java's hash of its id, without the sign, by their number.
func offsetsPartition(group string, partitions int) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(group)) {
		hash = 31*hash + int32(unit)
	}
	return (hash & 0x7fffffff) % int32(partitions)
}
