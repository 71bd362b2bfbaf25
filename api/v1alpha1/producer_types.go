package v1alpha1

// ProducerSettings are how a producer produces, in words that are no client's. In
// a spec each is over what durability sets; in a status each has its value.
type ProducerSettings struct {
	// acks is who has a message when it counts as written: all replicas that are in sync (all), the leader alone
	// (leader), or nobody (none), so that a message lost on its way counts as written.
	// Default: all; with durability BestEffort leader.
	// +kubebuilder:validation:Enum=all;leader;none
	// +optional
	Acks Acks `json:"acks,omitempty"`

	// idempotence has the brokers drop what a retry sends twice, and keep the order of what is on its way. It needs
	// acks: all. Default: true with durability Lossless and acks: all, else false.
	// +optional
	Idempotence *bool `json:"idempotence,omitempty"`

	// stopOnError has the messages of a key fail that come after one that failed, so that sending that one again does
	// not put it behind them. It costs speed: one message of a key is on its way at a time (sarama); with librdkafka the
	// producer ends, but not at a message whose time is over. Default: true with durability Lossless where keys have an order to keep, else false.
	// +optional
	StopOnError *bool `json:"stopOnError,omitempty"`

	// retryBudget is for how long a message is tried again at least, as a duration such as 2m. A new leader is there
	// within some 10 s of a broker's death. Default: 2m; with durability BestEffort 10s.
	// +optional
	RetryBudget Duration `json:"retryBudget,omitzero"`

	// deliveryTimeout is after what time at most the program is told the result, as a duration such as 2m30s.
	// Default: batch.linger + retryBudget + responseTimeout, so that it doesn't cut the budget.
	// +optional
	DeliveryTimeout Duration `json:"deliveryTimeout,omitzero"`

	// requestTimeout is for how long the leader waits for the other replicas, as a duration such as 10s. Default: 10s.
	// +optional
	RequestTimeout Duration `json:"requestTimeout,omitzero"`

	// responseTimeout is for how long the producer waits for the leader's answer; longer than requestTimeout, so that
	// the leader's answer comes first. Default: requestTimeout plus 5s.
	// +optional
	ResponseTimeout Duration `json:"responseTimeout,omitzero"`

	// maxInFlight is how many requests to one broker may be without an answer, 1 to 1000000. With idempotence at most 5,
	// and 1 with sarama. Default: 5, and 1 for sarama with idempotence.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	MaxInFlight int32 `json:"maxInFlight,omitempty"`

	// partitioner is how a message's partition is chosen, by the name of the hash of its key: murmur2, the default of
	// Java; fnv1a, of sarama; crc32, of librdkafka; or manual, the program's choice; random and roundRobin, whatever the
	// key. All producers of a topic need the same. Default: murmur2.
	// +kubebuilder:validation:Enum=murmur2;fnv1a;crc32;manual;random;roundRobin
	// +optional
	Partitioner ProducerPartitioner `json:"partitioner,omitempty"`

	// compression is how batches are compressed. Default: none.
	// +kubebuilder:validation:Enum=none;gzip;snappy;lz4;zstd
	// +optional
	Compression Compression `json:"compression,omitempty"`

	// compressionLevel is 1 to 9 for gzip, 1 to 17 for lz4 and 1 to 22 for zstd; sarama has none for lz4, and librdkafka
	// 12 at most. Default: the client's own.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=22
	// +optional
	CompressionLevel int32 `json:"compressionLevel,omitempty"`

	// batch is when a batch is sent.
	// +optional
	Batch ProducerBatch `json:"batch,omitzero"`

	// maxMessageBytes is the largest message, and with sarama and librdkafka the largest batch, in bytes before
	// compression, 1000 to 1000000000. Default: 1048576 (1 MiB), which fits a topic's usual limit of 1048588.
	// +kubebuilder:validation:Minimum=1000
	// +kubebuilder:validation:Maximum=1000000000
	// +optional
	MaxMessageBytes int32 `json:"maxMessageBytes,omitempty"`

	// transaction has the producers write in transactions. Default: not set.
	// +optional
	Transaction *ProducerTransaction `json:"transaction,omitempty"`

	// requireKey states that every message has a key, which a compacted topic needs. Default: false.
	// +optional
	RequireKey bool `json:"requireKey,omitempty"`
}

// ProducerBatch is when a batch is sent: after linger, or before, once it is as
// many messages or bytes.
type ProducerBatch struct {
	// linger is how long a batch waits to become larger, as a duration such as 5ms. Default: not at all.
	// +optional
	Linger Duration `json:"linger,omitzero"`
	// messages is how many messages send a batch before linger is over, 1 to 1000000. Default: the client's own.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	Messages int32 `json:"messages,omitempty"`
	// bytes is how many bytes do, 1 to 1000000000. Default: the client's own.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	// +optional
	Bytes int32 `json:"bytes,omitempty"`
}

// ProducerTransaction is how transactions are named and bounded.
type ProducerTransaction struct {
	// id is the transactional.id, in which $(POD_NAME) stands for the pod's name: each producer needs one of its own,
	// or they fence each other.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9._-]|\$\(POD_NAME\))+$`
	// +required
	ID string `json:"id"`
	// timeout is after what time the brokers abort a transaction that was left open; for that long it holds up those
	// who read committed messages only. Default: 1m.
	// +kubebuilder:default="1m"
	// +optional
	Timeout Duration `json:"timeout,omitzero"`
}

// Acks is who has a message when it counts as written.
type Acks string

// The acknowledgements.
const (
	// AcksAll waits for all replicas that are in sync.
	AcksAll Acks = "all"
	// AcksLeader waits for the leader.
	AcksLeader Acks = "leader"
	// AcksNone waits for nobody.
	AcksNone Acks = "none"
)

// ProducerPartitioner is how a message's partition is chosen.
type ProducerPartitioner string

// The partitioners, as package worker names them.
const (
	// PartitionMurmur2, PartitionFNV1a and PartitionCRC32 hash the key.
	PartitionMurmur2 ProducerPartitioner = "murmur2"
	PartitionFNV1a   ProducerPartitioner = "fnv1a"
	PartitionCRC32   ProducerPartitioner = "crc32"
	// PartitionManual is the program's choice.
	PartitionManual ProducerPartitioner = "manual"
	// PartitionRandom and PartitionRoundRobin spread messages whatever their key.
	PartitionRandom     ProducerPartitioner = "random"
	PartitionRoundRobin ProducerPartitioner = "roundRobin"
)

// KeepsKeys tells whether messages of one key go to one partition, as long as the
// number of partitions stays. Of the program's own choice nothing is known: it may.
func (p ProducerPartitioner) KeepsKeys() bool {
	return p != PartitionRandom && p != PartitionRoundRobin
}

// Compression is a codec.
type Compression string

// The codecs.
const (
	CompressionNone   Compression = "none"
	CompressionGzip   Compression = "gzip"
	CompressionSnappy Compression = "snappy"
	CompressionLZ4    Compression = "lz4"
	CompressionZstd   Compression = "zstd"
)
