package kafka

import "time"

// BrokerConfig is what is known of a cluster's brokers that producers depend on, as
// one of them tells it: settings are meant to be the same on all.
type BrokerConfig struct {
	// Count is how many brokers are alive.
	Count Setting[int32]
	// MessageMaxBytes is message.max.bytes: what a topic has that is created
	// without max.message.bytes.
	MessageMaxBytes Setting[int64]
	// AutoCreateTopics is auto.create.topics.enable.
	AutoCreateTopics Setting[bool]
	// ProducerIDExpiration is producer.id.expiration.ms: for how long an idle
	// producer's sequence numbers are kept, by which repeats are dropped.
	ProducerIDExpiration Setting[time.Duration]
	// TransactionMaxTimeout is transaction.max.timeout.ms.
	TransactionMaxTimeout Setting[time.Duration]
	// TransactionalIDExpiration is transactional.id.expiration.ms.
	TransactionalIDExpiration Setting[time.Duration]
	// TransactionLogReplication and TransactionLogMinISR are
	// transaction.state.log.replication.factor and .min.isr.
	TransactionLogReplication, TransactionLogMinISR Setting[int32]
	// EligibleLeaders is the level of the feature
	// eligible.leader.replicas.version (KIP-966); 0 is off.
	EligibleLeaders Setting[int16]
	// TransactionVersion is the level of the feature transaction.version; 2 has
	// a new epoch for each transaction (KIP-890).
	TransactionVersion Setting[int16]
}
