package producerpolicy

import (
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

var (
	txn        = transaction("a-" + PodName)
	leader     = acks(v1alpha1.AcksLeader)
	bestEffort = class(v1alpha1.BestEffort)
	missing    = topic(func(t *kafka.TopicConfig) { *t = kafka.TopicConfig{Name: t.Name, State: kafka.TopicMissing} })
	unread     = topic(func(t *kafka.TopicConfig) {
		*t = kafka.TopicConfig{Name: t.Name, State: kafka.TopicUnread, Reason: "denied"}
	})
)

func replicas(n int32) func(*Facts) {
	return topic(func(t *kafka.TopicConfig) { t.ReplicationFactor = kafka.Known(n) })
}

func minISR(n int32) func(*Facts) {
	return topic(func(t *kafka.TopicConfig) { t.MinInSyncReplicas = kafka.Known(n) })
}

func cleanup(policy kafka.CleanupPolicy) func(*Facts) {
	return topic(func(t *kafka.TopicConfig) { t.CleanupPolicy = kafka.Known(policy) })
}

func requireKey(f *Facts) { f.Spec.RequireKey = true }

func otherPolicy(topic string, p v1alpha1.ProducerPartitioner) func(*Facts) {
	return func(f *Facts) { f.Policies[topic] = append(f.Policies[topic], TopicPolicy{"shop/legacy", p}) }
}

func group(topic string, isolation kafka.Isolation) func(*Facts) {
	return func(f *Facts) { f.Groups[topic] = append(f.Groups[topic], TopicGroup{"shop/billing", isolation}) }
}

func before(partitions int32) func(*Facts) {
	return func(f *Facts) { f.Before = map[string]TopicBefore{"orders": {Partitions: partitions}} }
}

func beforeOf(id kafka.TopicID, partitions int32) func(*Facts) {
	return func(f *Facts) { f.Before = map[string]TopicBefore{"orders": {id, partitions}} }
}

func timestamps(before, after time.Duration) func(*Facts) {
	return topic(func(t *kafka.TopicConfig) {
		t.TimestampBeforeMax, t.TimestampAfterMax = kafka.Known(before), kafka.Known(after)
	})
}

// clusterCases are of the rules that look at topics, brokers and neighbours.
var clusterCases = map[string][]ruleCase{
	"replication-too-low": {
		{"three", good(), nil},
		{"two", good(replicas(2)), []string{"Error orders replication.factor=2"}},
		{"the class allows it", good(bestEffort, replicas(1)), nil},
		{"not told", good(topic(func(t *kafka.TopicConfig) { t.ReplicationFactor = kafka.Unknown[int32](hidden) })), []string{"Unknown orders replication.factor=?"}},
		{"nothing to look at", good(missing), nil},
	},
	"min-isr-too-low": {
		{"two", good(), nil},
		{"one", good(minISR(1)), []string{"Error orders min.insync.replicas=1 replication.factor=3"}},
		{"without three replicas there is no number to set", good(minISR(1), replicas(2)), nil},
		{"acks: leader doesn't wait for them", good(leader, minISR(1)), nil},
		{"the class allows it", good(bestEffort, acks(v1alpha1.AcksAll), minISR(1)), nil},
		{"not told", good(topic(func(t *kafka.TopicConfig) { t.MinInSyncReplicas = kafka.Unknown[int32](hidden) })), []string{"Unknown orders min.insync.replicas=?"}},
	},
	"min-isr-equals-replicas": {
		{"two of three", good(), nil},
		{"one of one is another rule", good(minISR(1), replicas(1)), nil},
		{"three of three", good(minISR(3)), []string{"Warning orders min.insync.replicas=3 replication.factor=3"}},
		{"four of three", good(minISR(4)), []string{"Error orders min.insync.replicas=4 replication.factor=3"}},
		{"acks: leader doesn't wait for them", good(leader, minISR(3)), nil},
		{"not told", good(topic(func(t *kafka.TopicConfig) { t.ReplicationFactor = kafka.Unknown[int32](hidden) })), []string{"Unknown orders replication.factor=?"}},
	},
	"min-isr-above-brokers": {
		{"three are alive", good(), nil},
		{"as many as are needed", good(brokers(func(b *kafka.BrokerConfig) { b.Count = kafka.Known[int32](2) })), nil},
		{"one is alive", good(brokers(func(b *kafka.BrokerConfig) { b.Count = kafka.Known[int32](1) })), []string{"Error orders min.insync.replicas=2 brokers=1"}},
		{"acks: leader doesn't wait", good(leader, brokers(func(b *kafka.BrokerConfig) { b.Count = kafka.Known[int32](1) })), nil},
		{"not told", good(brokers(func(b *kafka.BrokerConfig) { b.Count = kafka.Unknown[int32](hidden) })), []string{"Unknown orders brokers=?"}},
	},
	"unclean-election": {
		{"off", good(), nil},
		{"on", good(topic(func(t *kafka.TopicConfig) { t.UncleanElection = kafka.Known(true) })), []string{"Error orders unclean.leader.election.enable=true"}},
		{"the class allows it", good(bestEffort, topic(func(t *kafka.TopicConfig) { t.UncleanElection = kafka.Known(true) })), nil},
		{"not told", good(topic(func(t *kafka.TopicConfig) { t.UncleanElection = kafka.Unknown[bool](hidden) })), []string{
			"Unknown orders unclean.leader.election.enable=?"}},
	},
	"eligible-leaders-off": {
		{"on", good(), nil},
		{"off", good(brokers(func(b *kafka.BrokerConfig) { b.EligibleLeaders = kafka.Known[int16](0) })), []string{"Info eligible.leader.replicas.version=0"}},
		{"the class has not asked for it", good(class(v1alpha1.AtLeastOnce), brokers(func(b *kafka.BrokerConfig) { b.EligibleLeaders = kafka.Known[int16](0) })), nil},
		{"not told", good(brokers(func(b *kafka.BrokerConfig) { b.EligibleLeaders = kafka.Unknown[int16](hidden) })), []string{"Unknown eligible.leader.replicas.version=?"}},
	},
	"message-above-topic": {
		{"the default fits the default", good(), nil},
		{"exactly", good(size(1_048_588)), nil},
		{"more", good(size(1_048_589)), []string{
			"Error sarama orders maxMessageBytes=1048589 max.message.bytes=1048588", "Warning java orders maxMessageBytes=1048589 max.message.bytes=1048588",
			"Warning librdkafka orders maxMessageBytes=1048589 max.message.bytes=1048588"}},
		{"librdkafka's batches are as large", good(rdk, size(1_048_589), linger(time.Second), settings(func(s *v1alpha1.ProducerSettings) { s.Batch.Bytes = 1_048_589 })), []string{
			"Error librdkafka orders maxMessageBytes=1048589 max.message.bytes=1048588"}},
		{"librdkafka's batches are larger than the topic's", good(rdk, topic(func(t *kafka.TopicConfig) { t.MaxMessageBytes = kafka.Known[int64](999_999) })), []string{
			"Error librdkafka orders maxMessageBytes=1048576 max.message.bytes=999999"}},
		{"and just not", good(rdk, topic(func(t *kafka.TopicConfig) { t.MaxMessageBytes = kafka.Known[int64](1_000_000) })), []string{
			"Warning librdkafka orders maxMessageBytes=1048576 max.message.bytes=1000000"}},
		{"not told", good(topic(func(t *kafka.TopicConfig) { t.MaxMessageBytes = kafka.Unknown[int64](hidden) })), []string{"Unknown orders max.message.bytes=?"}},
	},
	"message-above-broker": {
		{"the topic has its own", good(size(2_000_000)), nil},
		{"it will fit", good(missing), nil},
		{"exactly", good(missing, size(1_048_588)), nil},
		{"it will not", good(missing, size(2_000_000)), []string{"Warning orders maxMessageBytes=2000000 message.max.bytes=1048588"}},
		{"not told", good(missing, brokers(func(b *kafka.BrokerConfig) { b.MessageMaxBytes = kafka.Unknown[int64](hidden) })), []string{"Unknown orders message.max.bytes=?"}},
	},
	"transaction-timeout-too-long": {
		{"no transaction", good(), nil},
		{"the default", good(txn), nil},
		{"as long as may be", good(txn, settings(func(s *v1alpha1.ProducerSettings) { s.Transaction.Timeout = of(15 * time.Minute) })), nil},
		{"longer", good(txn, settings(func(s *v1alpha1.ProducerSettings) { s.Transaction.Timeout = of(16 * time.Minute) })), []string{
			"Error transaction.timeout=16m0s transaction.max.timeout.ms=15m0s"}},
		{"not told", good(txn, brokers(func(b *kafka.BrokerConfig) { b.TransactionMaxTimeout = kafka.Unknown[time.Duration](hidden) })), []string{
			"Unknown transaction.max.timeout.ms=?"}},
	},
	"aborted-messages-read": {
		{"no transaction", good(group("orders", kafka.ReadUncommitted)), nil},
		{"committed ones", good(txn, group("orders", kafka.ReadCommitted)), nil},
		{"of another topic", good(txn, group("payments", kafka.ReadUncommitted)), nil},
		{"all", good(txn, group("orders", kafka.ReadUncommitted)), []string{"Warning orders isolationLevel=read_uncommitted"}},
	},
	"transaction-log-weak": {
		{"no transaction", good(brokers(func(b *kafka.BrokerConfig) { b.TransactionLogMinISR = kafka.Known[int32](1) })), nil},
		{"three and two", good(txn), nil},
		{"one and one", good(txn, brokers(func(b *kafka.BrokerConfig) {
			b.TransactionLogReplication, b.TransactionLogMinISR = kafka.Known[int32](1), kafka.Known[int32](1)
		})), []string{"Error transaction.state.log.replication.factor=1", "Error transaction.state.log.min.isr=1"}},
		{"not told", good(txn, brokers(func(b *kafka.BrokerConfig) { b.TransactionLogMinISR = kafka.Setting[int32]{} })), []string{"Unknown transaction.state.log.min.isr=?"}},
	},
	"transactions-share-epochs": {
		{"no transaction", good(brokers(func(b *kafka.BrokerConfig) { b.TransactionVersion = kafka.Known[int16](1) })), nil},
		{"each its own", good(txn), nil},
		{"one for all", good(txn, brokers(func(b *kafka.BrokerConfig) { b.TransactionVersion = kafka.Known[int16](1) })), []string{"Info transaction.version=1"}},
		{"not told", good(txn, brokers(func(b *kafka.BrokerConfig) { b.TransactionVersion = kafka.Unknown[int16](hidden) })), []string{"Unknown transaction.version=?"}},
	},
	"keyless-to-compacted": {
		{"deleted by age", good(), nil},
		{"every message has a key", good(cleanup("compact"), requireKey), nil},
		{"compacted", good(cleanup("compact")), []string{"Error orders cleanup.policy=compact requireKey=false"}},
		{"both", good(bestEffort, cleanup("delete, compact")), []string{"Error orders cleanup.policy=delete, compact requireKey=false"}},
		{"not told", good(topic(func(t *kafka.TopicConfig) { t.CleanupPolicy = kafka.Unknown[kafka.CleanupPolicy](hidden) })), []string{"Unknown orders cleanup.policy=?"}},
	},
	"two-hashes": {
		{"alone", good(), nil},
		{"the same", good(otherPolicy("orders", v1alpha1.PartitionMurmur2)), nil},
		{"of another topic", good(otherPolicy("payments", v1alpha1.PartitionCRC32)), nil},
		{"another", good(otherPolicy("orders", v1alpha1.PartitionCRC32)), []string{"Error orders partitioner=murmur2 shop/legacy=crc32"}},
		{"another tenant's denies nothing", good(func(f *Facts) { f.Policies["orders"] = []TopicPolicy{{"market/legacy", v1alpha1.PartitionCRC32}} }), []string{
			"Warning orders partitioner=murmur2 market/legacy=crc32"}},
		{"the program's choice", good(otherPolicy("orders", v1alpha1.PartitionManual)), []string{"Unknown orders partitioner=murmur2 shop/legacy=manual"}},
		{"its own program's choice", good(partitioner(v1alpha1.PartitionManual), otherPolicy("orders", v1alpha1.PartitionCRC32)), []string{
			"Unknown orders partitioner=manual shop/legacy=crc32"}},
		{"order is not promised", good(bestEffort, otherPolicy("orders", v1alpha1.PartitionCRC32)), []string{"Warning orders partitioner=murmur2 shop/legacy=crc32"}},
	},
	"partitions-added": {
		{"seen for the first time", good(), nil},
		{"as before", good(before(12)), nil},
		{"more", good(before(6)), []string{"Warning orders partitions=12"}},
		{"more of the same", good(beforeOf(kafka.TopicID{1}, 6)), []string{"Warning orders partitions=12"}},
		{"nobody tells if it is the same", good(beforeOf(kafka.TopicID{1}, 6), topic(func(t *kafka.TopicConfig) { t.ID = kafka.TopicID{} })), []string{
			"Warning orders partitions=12"}},
		{"another topic, without old messages", good(beforeOf(kafka.TopicID{2}, 6)), nil},
		{"the program chooses", good(before(6), partitioner(v1alpha1.PartitionManual)), nil},
		{"keys have no partition", good(before(6), partitioner(v1alpha1.PartitionRandom)), nil},
		{"not told", good(before(6), topic(func(t *kafka.TopicConfig) { t.Partitions = kafka.Unknown[int32](hidden) })), []string{"Unknown orders partitions=?"}},
	},
	"topic-missing": {
		{"it exists", good(), nil},
		{"it doesn't", good(missing), []string{"Warning orders"}},
		{"no name matches", good(nothingMatches), []string{"Warning topicPattern=order.*"}},
	},
	"topic-unread": {
		{"it was read", good(), nil},
		{"it wasn't", good(unread), []string{"Unknown orders"}},
	},
	"topics-created-by-accident": {
		{"off", good(), nil},
		{"on", good(brokers(func(b *kafka.BrokerConfig) { b.AutoCreateTopics = kafka.Known(true) })), []string{"Warning java auto.create.topics.enable=true"}},
		{"the others don't ask for it", good(sarama, brokers(func(b *kafka.BrokerConfig) { b.AutoCreateTopics = kafka.Known(true) })), nil},
		{"not told", good(brokers(func(b *kafka.BrokerConfig) { b.AutoCreateTopics = kafka.Unknown[bool](hidden) })), []string{"Unknown java auto.create.topics.enable=?"}},
	},
	"topic-recompresses": {
		{"the producer's", good(compressed(v1alpha1.CompressionZstd, 0)), nil},
		{"the same", good(compressed(v1alpha1.CompressionZstd, 0), topic(func(t *kafka.TopicConfig) { t.CompressionType = kafka.Known("zstd") })), nil},
		{"none is called uncompressed", good(topic(func(t *kafka.TopicConfig) { t.CompressionType = kafka.Known("uncompressed") })), nil},
		{"another", good(compressed(v1alpha1.CompressionZstd, 0), topic(func(t *kafka.TopicConfig) { t.CompressionType = kafka.Known("gzip") })), []string{
			"Warning orders compression=zstd compression.type=gzip"}},
		{"not told", good(topic(func(t *kafka.TopicConfig) { t.CompressionType = kafka.Unknown[string](hidden) })), []string{"Unknown orders compression.type=?"}},
	},
	"timestamps-refused": {
		{"any", good(), nil},
		{"the broker's clock", good(timestamps(0, 0), topic(func(t *kafka.TopicConfig) { t.TimestampType = kafka.Known(kafka.LogAppendTime) })), nil},
		{"old ones are refused", good(timestamps(135*time.Second, time.Hour)), []string{"Info orders message.timestamp.before.max.ms=2m15s deliveryTimeout=2m15s"}},
		{"those that were tried for long are", good(timestamps(134*time.Second, time.Hour)), []string{"Error orders message.timestamp.before.max.ms=2m14s deliveryTimeout=2m15s"}},
		{"which may be lost", good(bestEffort, timestamps(time.Second, time.Hour)), []string{"Warning orders message.timestamp.before.max.ms=1s deliveryTimeout=25s"}},
		{"a clock that is ahead", good(timestamps(kafka.Forever, time.Second)), []string{"Warning orders message.timestamp.after.max.ms=1s"}},
		{"a minute ahead", good(timestamps(kafka.Forever, time.Minute)), nil},
		{"not told", good(topic(func(t *kafka.TopicConfig) { t.TimestampBeforeMax = kafka.Unknown[time.Duration](hidden) })), []string{
			"Unknown orders message.timestamp.before.max.ms=?"}},
	},
	"short-retention": {
		{"a week", good(), nil},
		{"a day", good(topic(func(t *kafka.TopicConfig) { t.Retention = kafka.Known(24 * time.Hour) })), nil},
		{"nothing", good(topic(func(t *kafka.TopicConfig) { t.RetentionBytes = kafka.Known[int64](0) })), []string{"Warning orders retention.bytes=0"}},
		{"an hour", good(topic(func(t *kafka.TopicConfig) { t.Retention = kafka.Known(time.Hour) })), []string{"Warning orders retention.ms=1h0m0s"}},
		{"by size", good(topic(func(t *kafka.TopicConfig) { t.RetentionBytes = kafka.Known[int64](1 << 30) })), []string{"Warning orders retention.bytes=1073741824"}},
		{"the last of a key stays", good(cleanup("compact"), topic(func(t *kafka.TopicConfig) { t.Retention = kafka.Known(time.Hour) })), nil},
		{"the class allows it", good(bestEffort, topic(func(t *kafka.TopicConfig) { t.Retention = kafka.Known(time.Hour) })), nil},
		{"not told", good(topic(func(t *kafka.TopicConfig) { t.RetentionBytes = kafka.Unknown[int64](hidden) })), []string{"Unknown orders retention.bytes=?"}},
	},
	"dedup-expires": {
		{"a day", good(), nil},
		{"as long as a message is tried for", good(brokers(func(b *kafka.BrokerConfig) { b.ProducerIDExpiration = kafka.Known(135 * time.Second) })), nil},
		{"less than a message is tried for", good(brokers(func(b *kafka.BrokerConfig) { b.ProducerIDExpiration = kafka.Known(2 * time.Minute) })), []string{
			"Error producer.id.expiration.ms=2m0s deliveryTimeout=2m15s"}},
		{"nothing to forget", good(idempotence(false), brokers(func(b *kafka.BrokerConfig) { b.ProducerIDExpiration = kafka.Known(2 * time.Minute) })), nil},
		{"not told", good(brokers(func(b *kafka.BrokerConfig) { b.ProducerIDExpiration = kafka.Unknown[time.Duration](hidden) })), []string{"Unknown producer.id.expiration.ms=?"}},
	},
	"transactional-id-expires": {
		{"no transaction", good(brokers(func(b *kafka.BrokerConfig) { b.TransactionalIDExpiration = kafka.Known(time.Second) })), nil},
		{"a week", good(txn), nil},
		{"a day", good(txn, brokers(func(b *kafka.BrokerConfig) { b.TransactionalIDExpiration = kafka.Known(24 * time.Hour) })), nil},
		{"an hour", good(txn, brokers(func(b *kafka.BrokerConfig) { b.TransactionalIDExpiration = kafka.Known(time.Hour) })), []string{
			"Warning transactional.id.expiration.ms=1h0m0s"}},
		{"within a transaction", good(txn, brokers(func(b *kafka.BrokerConfig) { b.TransactionalIDExpiration = kafka.Known(time.Minute) })), []string{
			"Error transactional.id.expiration.ms=1m0s transaction.timeout=1m0s"}},
		{"not told", good(txn, brokers(func(b *kafka.BrokerConfig) { b.TransactionalIDExpiration = kafka.Unknown[time.Duration](hidden) })), []string{
			"Unknown transactional.id.expiration.ms=?"}},
	},
}

// nothingMatches has the policy match the names of topics that don't exist.
func nothingMatches(f *Facts) {
	f.Spec.Topics, f.Spec.TopicPattern, f.Topics = nil, "order.*", nil
}
