package worker

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/IBM/sarama"
)

// Partitioner is how a message's partition is chosen, by the name of the hash
// of its key. Two producers with different ones put one key into two
// partitions, and its order is lost.
type Partitioner string

// The partitioners. A partition count that is raised moves keys with all of
// them but PartitionManual.
const (
	// HashMurmur2 is the default of Java clients, and librdkafka's
	// murmur2_random. Messages without a key fill one partition's batch after
	// another's, 16 KiB each, as Java does since 2.4.
	HashMurmur2 Partitioner = "murmur2"
	// HashFNV1a is sarama's default. Messages without a key go to a random
	// partition each.
	HashFNV1a Partitioner = "fnv1a"
	// HashCRC32 is librdkafka's default, consistent_random, and so that of its
	// bindings for Python, Go (confluent-kafka-go), .NET and Node.js. Messages
	// whose key is absent or empty go to one random partition for 10 ms each.
	HashCRC32 Partitioner = "crc32"
	// PartitionManual takes Outgoing.Partition.
	PartitionManual Partitioner = "manual"
	// PartitionRandom takes a random partition for each message, whatever its key.
	PartitionRandom Partitioner = "random"
	// PartitionRoundRobin takes the partitions of a topic in turn, whatever the key.
	PartitionRoundRobin Partitioner = "roundRobin"
)

// What clients do with messages without a key, so that batches become larger.
const (
	javaSticky    = 16 << 10              // batch.size
	rdkafkaSticky = 10 * time.Millisecond // sticky.partitioning.linger.ms
)

// constructor makes sarama's partitioners, one for each topic.
func (p Partitioner) constructor() sarama.PartitionerConstructor {
	switch p {
	case HashFNV1a:
		return sarama.NewHashPartitioner
	case HashCRC32:
		return func(topic string) sarama.Partitioner {
			return keyPartitioner{
				hash:    sarama.NewConsistentCRCHashPartitioner(topic),
				keyless: &stickyForTime{now: time.Now},
				hasKey:  func(key sarama.Encoder) bool { return key != nil && key.Length() > 0 },
			}
		}
	case PartitionManual:
		return func(string) sarama.Partitioner { return manual{} }
	case PartitionRandom:
		return sarama.NewRandomPartitioner
	case PartitionRoundRobin:
		return sarama.NewRoundRobinPartitioner
	default: // HashMurmur2
		return func(topic string) sarama.Partitioner {
			return keyPartitioner{
				hash:    sarama.NewMurmur2Partitioner(topic),
				keyless: &stickyForBytes{},
				hasKey:  func(key sarama.Encoder) bool { return key != nil },
			}
		}
	}
}

// manual takes the message's partition. sarama's own doesn't say which one it
// was that is not there.
type manual struct{}

// Partition implements sarama.Partitioner.
func (manual) Partition(message *sarama.ProducerMessage, count int32) (int32, error) {
	if message.Partition < 0 || message.Partition >= count {
		return 0, fmt.Errorf("partition %d of %d: %w", message.Partition, count, sarama.ErrInvalidPartition)
	}
	return message.Partition, nil
}

// RequiresConsistency implements sarama.Partitioner.
func (manual) RequiresConsistency() bool { return true }

// keyless chooses among count partitions for a message without a key.
type keyless interface {
	choose(message *sarama.ProducerMessage, count int32) int32
}

// keyPartitioner hashes keys over all partitions, and chooses among those that
// have a leader for messages without one. sarama gives it to one goroutine.
type keyPartitioner struct {
	hash    sarama.Partitioner
	keyless keyless
	hasKey  func(key sarama.Encoder) bool
}

// Partition implements sarama.Partitioner.
func (p keyPartitioner) Partition(message *sarama.ProducerMessage, count int32) (int32, error) {
	if p.hasKey(message.Key) {
		return p.hash.Partition(message, count) //nolint:wrapcheck // the producer says for which topic
	}
	return p.keyless.choose(message, count), nil
}

// RequiresConsistency implements sarama.Partitioner.
func (p keyPartitioner) RequiresConsistency() bool { return true }

// MessageRequiresConsistency implements sarama.DynamicConsistencyPartitioner.
func (p keyPartitioner) MessageRequiresConsistency(message *sarama.ProducerMessage) bool {
	return p.hasKey(message.Key)
}

// stickyForBytes stays with a partition for the size of a batch.
type stickyForBytes struct {
	chosen, among int32
	left          int
}

func (s *stickyForBytes) choose(message *sarama.ProducerMessage, count int32) int32 {
	if s.left <= 0 || s.among != count {
		s.chosen, s.among, s.left = rand.Int32N(count), count, javaSticky //nolint:gosec // no secret
	}
	s.left -= message.ByteSize(recordVersion)
	return s.chosen
}

// stickyForTime stays with a partition for a while.
type stickyForTime struct {
	now           func() time.Time
	chosen, among int32
	until         time.Time
}

func (s *stickyForTime) choose(_ *sarama.ProducerMessage, count int32) int32 {
	if now := s.now(); s.among != count || !now.Before(s.until) {
		s.chosen, s.among, s.until = rand.Int32N(count), count, now.Add(rdkafkaSticky) //nolint:gosec // no secret
	}
	return s.chosen
}
