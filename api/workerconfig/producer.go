package workerconfig

// Producer is how the worker produces: dead letters, a transaction's messages,
// and what the program sends itself. An absent field means its default, with
// which nothing that was acknowledged is lost, doubled or reordered.
type Producer struct {
	// Acks is "leader" or "none", absent for "all": who has a message when it
	// counts as produced.
	Acks string `json:"acks,omitempty"`
	// Idempotence is absent for true: the broker drops what it has already.
	Idempotence *bool `json:"idempotence,omitempty"`
	// RetryBudget is for how long a message is tried at least; absent for
	// 2 minutes.
	RetryBudget Duration `json:"retryBudget,omitempty"`
	// RequestTimeout is how long a leader waits for the other replicas; absent
	// for 10 s. The worker waits longer for the leader.
	RequestTimeout Duration `json:"requestTimeout,omitempty"`
	// StopOnError has the messages of a key fail that come after one that
	// failed.
	StopOnError bool `json:"stopOnError,omitempty"`
	// Partitioner is "fnv1a", "crc32", "manual", "random" or "roundRobin",
	// absent for "murmur2": how a message's partition is chosen.
	Partitioner string `json:"partitioner,omitempty"`
	// Compression is "gzip", "snappy", "lz4" or "zstd", absent for "none".
	Compression string `json:"compression,omitempty"`
	// CompressionLevel is 1 to 9 for gzip and 1 to 22 for zstd; absent for the
	// codec's own.
	CompressionLevel int `json:"compressionLevel,omitempty"`
	// Batch is when a batch is sent.
	Batch ProducerBatch `json:"batch,omitzero"`
	// MaxMessageBytes is the largest message and batch before compression;
	// absent for 1 MiB.
	MaxMessageBytes int `json:"maxMessageBytes,omitempty"`
	// InFlight bounds what was accepted and has no result.
	InFlight ProducerInFlight `json:"inFlight,omitzero"`
}

// ProducerBatch is when a batch is sent: after Linger, or before, once the
// messages for one broker are as many or large as the others say. Without
// Linger what is there is sent as soon as the request before is answered.
type ProducerBatch struct {
	Linger   Duration `json:"linger,omitempty"`
	Messages int      `json:"messages,omitempty"`
	Bytes    int      `json:"bytes,omitempty"`
}

// ProducerInFlight bounds what was accepted and has no result.
type ProducerInFlight struct {
	// Messages is absent for 10,000.
	Messages int `json:"messages,omitempty"`
	// Bytes is absent for 32 MiB.
	Bytes int64 `json:"bytes,omitempty"`
}
