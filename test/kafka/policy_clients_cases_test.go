package kafka_test

import (
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// The clients, by their place in what a case expects.
const (
	inJava = iota
	inLibrdkafka
	inWorker
)

// policyCase is a policy, and what a broker then receives.
type policyCase struct {
	name string
	spec v1alpha1.KafkaProducerPolicySpec
	// acks are -1 for all. With idempotence there is a producer id.
	acks       int16
	idempotent bool
	codec      int16
	// timeoutMs is for how long the leader is told to wait. Java has one setting
	// for leader and producer.
	timeoutMs [3]int32
	// hashes say in which partition a key is.
	hashes [3]string
	// inFlight is how many requests have no answer at most; reached says that it
	// comes to so many, as each message has a request of its own.
	inFlight [3]int
	reached  bool
	// most is how many messages a batch has at most, and full that there is one which
	// has so many; 0 is no bound.
	most [3]int
	full bool
}

const (
	byMurmur2  = "murmur2"
	byFNV1a    = "fnv1a"
	byCRC32    = "crc32"
	byProgram  = "the program"
	byNoKey    = "something else than the key"
	oneTimeout = 10_000
)

func losslessCase(name string, change func(*policyCase)) policyCase {
	c := policyCase{
		name: name, acks: -1, idempotent: true,
		timeoutMs: [3]int32{15_000, oneTimeout, oneTimeout},
		hashes:    [3]string{byMurmur2, byMurmur2, byMurmur2},
		inFlight:  [3]int{5, 5, 1},
	}
	c.spec.Durability = v1alpha1.Lossless
	change(&c)
	return c
}

// looseCase is one of a class without idempotence.
func looseCase(name string, class v1alpha1.Durability, change func(*policyCase)) policyCase {
	return losslessCase(name, func(c *policyCase) {
		c.spec.Durability, c.idempotent = class, false
		c.inFlight[inWorker] = 5
		if class == v1alpha1.BestEffort {
			c.acks = 1
		}
		change(c)
	})
}

// oneByOne sends each message in a request of its own.
func oneByOne(c *policyCase) {
	c.spec.Batch = v1alpha1.ProducerBatch{Linger: lasting(time.Millisecond), Messages: 1, Bytes: 1000}
	c.most, c.reached = [3]int{1, 1, 0}, true
}

func lasting(d time.Duration) v1alpha1.Duration { return v1alpha1.Duration{Duration: d} }

var policyCases = []policyCase{
	losslessCase("lossless", oneByOne),
	losslessCase("zstd", func(c *policyCase) {
		c.spec.Compression, c.spec.CompressionLevel, c.codec = v1alpha1.CompressionZstd, 3, 4
		c.spec.RequestTimeout, c.timeoutMs = lasting(7*time.Second), [3]int32{12_000, 7000, 7000}
		// Three messages of 20 kB and their keys are in 65,536 bytes.
		c.spec.Batch, c.most, c.full = v1alpha1.ProducerBatch{Linger: lasting(time.Second), Bytes: 65536}, [3]int{0, 3, 0}, true
	}),
	looseCase("batches", v1alpha1.AtLeastOnce, func(c *policyCase) {
		c.spec.Batch, c.most, c.full = v1alpha1.ProducerBatch{Linger: lasting(time.Second), Messages: 8, Bytes: 65536}, [3]int{3, 3, 0}, true
	}),
	looseCase("counted", v1alpha1.AtLeastOnce, func(c *policyCase) {
		c.spec.Batch, c.most, c.full = v1alpha1.ProducerBatch{Linger: lasting(time.Second), Messages: 8}, [3]int{0, 8, 0}, true
	}),
	looseCase("at-least-once", v1alpha1.AtLeastOnce, func(c *policyCase) {
		oneByOne(c)
		c.spec.MaxInFlight, c.inFlight = 2, [3]int{2, 2, 5} // the worker has five
	}),
	looseCase("best-effort", v1alpha1.BestEffort, func(c *policyCase) {
		c.spec.Compression, c.codec = v1alpha1.CompressionSnappy, 2
	}),
	looseCase("unconfirmed", v1alpha1.BestEffort, func(c *policyCase) { c.spec.Acks, c.acks = v1alpha1.AcksNone, 0 }),
	losslessCase("fnv1a", func(c *policyCase) {
		c.spec.Partitioner = v1alpha1.PartitionFNV1a
		c.hashes[inLibrdkafka], c.hashes[inWorker] = byFNV1a, byFNV1a
	}),
	losslessCase("crc32", func(c *policyCase) {
		c.spec.Partitioner = v1alpha1.PartitionCRC32
		c.hashes[inLibrdkafka], c.hashes[inWorker] = byCRC32, byCRC32
	}),
	losslessCase("manual", func(c *policyCase) {
		c.spec.Partitioner, c.hashes = v1alpha1.PartitionManual, [3]string{byProgram, byProgram, byProgram}
	}),
	losslessCase("random", func(c *policyCase) {
		c.spec.Partitioner, c.hashes = v1alpha1.PartitionRandom, [3]string{byNoKey, byNoKey, byNoKey}
	}),
	losslessCase("round-robin", func(c *policyCase) {
		c.spec.Partitioner, c.hashes = v1alpha1.PartitionRoundRobin, [3]string{byNoKey, byCRC32, byNoKey}
	}),
	losslessCase("transaction", func(c *policyCase) {
		c.spec.Transaction = &v1alpha1.ProducerTransaction{ID: "orders-$(POD_NAME)", Timeout: lasting(40 * time.Second)}
	}),
	leveled(v1alpha1.CompressionGzip, 1, 1), leveled(v1alpha1.CompressionGzip, 1, 9),
	leveled(v1alpha1.CompressionLZ4, 3, 1), leveled(v1alpha1.CompressionLZ4, 3, 12),
	leveled(v1alpha1.CompressionZstd, 4, 1), leveled(v1alpha1.CompressionZstd, 4, 12),
}

// leveled says a codec, and a level of it.
func leveled(codec v1alpha1.Compression, number int16, level int32) policyCase {
	return losslessCase(levelName(codec, level), func(c *policyCase) {
		c.spec.Compression, c.spec.CompressionLevel, c.codec = codec, level, number
	})
}

func levelName(codec v1alpha1.Compression, level int32) string {
	if level == 1 {
		return string(codec) + "-fast"
	}
	return string(codec) + "-best"
}
