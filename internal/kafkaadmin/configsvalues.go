package kafkaadmin

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// The settings that are asked for, and no others.
const (
	minInSyncReplicas  = "min.insync.replicas"
	maxMessageBytes    = "max.message.bytes"
	cleanupPolicy      = "cleanup.policy"
	uncleanElection    = "unclean.leader.election.enable"
	compressionType    = "compression.type"
	timestampType      = "message.timestamp.type"
	timestampBeforeMax = "message.timestamp.before.max.ms"
	timestampAfterMax  = "message.timestamp.after.max.ms"
	// timestampDifferenceMax is that of both sides: the only one before Kafka 3.6,
	// and gone since 4.0.
	timestampDifferenceMax = "message.timestamp.difference.max.ms"
	retentionTime          = "retention.ms"
	retentionBytes         = "retention.bytes"

	messageMaxBytes           = "message.max.bytes"
	autoCreateTopics          = "auto.create.topics.enable"
	producerIDExpiration      = "producer.id.expiration.ms"
	transactionMaxTimeout     = "transaction.max.timeout.ms"
	transactionalIDExpiration = "transactional.id.expiration.ms"
	transactionLogReplication = "transaction.state.log.replication.factor"
	transactionLogMinISR      = "transaction.state.log.min.isr"

	eligibleLeaders    = "eligible.leader.replicas.version"
	transactionVersion = "transaction.version"
)

var (
	topicSettings = []string{minInSyncReplicas, maxMessageBytes, cleanupPolicy, uncleanElection, compressionType, timestampType,
		timestampBeforeMax, timestampAfterMax, timestampDifferenceMax, retentionTime, retentionBytes}
	brokerSettings = []string{messageMaxBytes, autoCreateTopics, producerIDExpiration, transactionMaxTimeout,
		transactionalIDExpiration, transactionLogReplication, transactionLogMinISR}
)

// configure is the topic with its settings.
func (d described) configure(t kafka.TopicConfig) kafka.TopicConfig {
	t.MinInSyncReplicas = setting(d, minInSyncReplicas, number[int32])
	t.MaxMessageBytes = setting(d, maxMessageBytes, number[int64])
	t.CleanupPolicy = setting(d, cleanupPolicy, word[kafka.CleanupPolicy])
	t.UncleanElection = setting(d, uncleanElection, strconv.ParseBool)
	t.CompressionType = setting(d, compressionType, word[string])
	t.TimestampType = setting(d, timestampType, word[kafka.TimestampType])
	t.TimestampBeforeMax = timestampLimit(d, timestampBeforeMax)
	t.TimestampAfterMax = timestampLimit(d, timestampAfterMax)
	t.Retention = setting(d, retentionTime, milliseconds)
	t.RetentionBytes = setting(d, retentionBytes, number[int64])
	return t
}

func brokerConfigOf(d described, s spokesman) kafka.BrokerConfig {
	return kafka.BrokerConfig{
		MessageMaxBytes:           setting(d, messageMaxBytes, number[int64]),
		AutoCreateTopics:          setting(d, autoCreateTopics, strconv.ParseBool),
		ProducerIDExpiration:      setting(d, producerIDExpiration, milliseconds),
		TransactionMaxTimeout:     setting(d, transactionMaxTimeout, milliseconds),
		TransactionalIDExpiration: setting(d, transactionalIDExpiration, milliseconds),
		TransactionLogReplication: setting(d, transactionLogReplication, number[int32]),
		TransactionLogMinISR:      setting(d, transactionLogMinISR, number[int32]),
		EligibleLeaders:           s.level(eligibleLeaders),
		TransactionVersion:        s.level(transactionVersion),
	}
}

// timestampLimit is that of one side. Where both settings are, from Kafka 3.6 to
// 3.9, the older holds until the newer is set.
func timestampLimit(d described, side string) kafka.Setting[time.Duration] {
	limit := setting(d, side, milliseconds)
	if _, told := d.entries[side]; told && limit != kafka.Known(kafka.Forever) {
		return limit
	}
	if both := setting(d, timestampDifferenceMax, milliseconds); both.IsKnown {
		return both
	}
	return limit
}

// setting is one that was told, or why it is not known. sarama reads a value that
// is null as an empty one; none of these settings is empty, but for a
// cleanup.policy that neither deletes nor compacts, which Kafka 4.2 allows.
func setting[T comparable](d described, name string, parse func(string) (T, error)) kafka.Setting[T] {
	entry, told := d.entries[name]
	switch {
	case d.err != nil:
		return kafka.Unknown[T](d.err.Error())
	case !told:
		return kafka.Unknown[T]("the cluster leaves it out")
	case entry.Sensitive:
		return kafka.Unknown[T]("the cluster keeps its value secret")
	case entry.Value == "":
		return kafka.Unknown[T]("the cluster gives no value")
	}
	value, err := parse(entry.Value)
	if err != nil {
		return kafka.Unknown[T](fmt.Sprintf("the cluster gives the value %q, which is none", entry.Value))
	}
	return kafka.Known(value)
}

func number[T int32 | int64](text string) (T, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && int64(T(n)) != n {
		err = strconv.ErrRange
	}
	return T(n), err
}

// milliseconds: -1 is no limit, and so is more than a time.Duration holds.
func milliseconds(text string) (time.Duration, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return 0, err //nolint:wrapcheck // setting says what was read
	case n < -1:
		return 0, strconv.ErrRange
	case n == -1, n > math.MaxInt64/int64(time.Millisecond):
		return kafka.Forever, nil
	}
	return time.Duration(n) * time.Millisecond, nil
}

func word[T ~string](text string) (T, error) { return T(text), nil }
