package producerpolicy

import (
	"fmt"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// good is a policy of class Lossless for all clients, on a topic and brokers that hold it.
func good(mods ...func(*Facts)) Facts {
	facts := Facts{
		Name: "shop/orders",
		Spec: v1alpha1.KafkaProducerPolicySpec{
			Topics:  []v1alpha1.TopicName{"orders"},
			Clients: []v1alpha1.ProducerClient{v1alpha1.ClientSarama, v1alpha1.ClientJava, v1alpha1.ClientLibrdkafka},
		},
		Topics:  []kafka.TopicConfig{goodTopic("orders")},
		Brokers: goodBrokers(),
		// As an index has it, of other topics and of the policy itself.
		Policies: map[string][]TopicPolicy{"orders": {{"shop/orders", "itself"}}, "payments": {{"shop/payments", v1alpha1.PartitionCRC32}}},
		Groups:   map[string][]TopicGroup{"orders": {{"shop/exact", kafka.ReadCommitted}}, "payments": {{"shop/payments", kafka.ReadUncommitted}}},
	}
	for _, mod := range mods {
		mod(&facts)
	}
	return facts
}

// goodTopic is one as Kafka 4.2 makes it, with three replicas and two in sync.
func goodTopic(name string) kafka.TopicConfig {
	return kafka.TopicConfig{
		Name: name, State: kafka.TopicExists, ID: kafka.TopicID{1},
		Partitions: kafka.Known[int32](12), ReplicationFactor: kafka.Known[int32](3), MinInSyncReplicas: kafka.Known[int32](2),
		MaxMessageBytes: kafka.Known[int64](1_048_588), CleanupPolicy: kafka.Known[kafka.CleanupPolicy]("delete"),
		UncleanElection: kafka.Known(false), CompressionType: kafka.Known("producer"), TimestampType: kafka.Known(kafka.CreateTime),
		TimestampBeforeMax: kafka.Known(kafka.Forever), TimestampAfterMax: kafka.Known(time.Hour),
		Retention: kafka.Known(7 * 24 * time.Hour), RetentionBytes: kafka.Known[int64](-1),
	}
}

func goodBrokers() kafka.BrokerConfig {
	return kafka.BrokerConfig{
		Count: kafka.Known[int32](3), MessageMaxBytes: kafka.Known[int64](1_048_588), AutoCreateTopics: kafka.Known(false),
		ProducerIDExpiration: kafka.Known(24 * time.Hour), TransactionMaxTimeout: kafka.Known(15 * time.Minute),
		TransactionalIDExpiration: kafka.Known(7 * 24 * time.Hour), TransactionLogReplication: kafka.Known[int32](3),
		TransactionLogMinISR: kafka.Known[int32](2), EligibleLeaders: kafka.Known[int16](1), TransactionVersion: kafka.Known[int16](2),
	}
}

// topic and brokers change a part of the facts.
func topic(mod func(*kafka.TopicConfig)) func(*Facts) { return func(f *Facts) { mod(&f.Topics[0]) } }

func brokers(mod func(*kafka.BrokerConfig)) func(*Facts) { return func(f *Facts) { mod(&f.Brokers) } }

func class(d v1alpha1.Durability) func(*Facts) { return func(f *Facts) { f.Spec.Durability = d } }

func acks(a v1alpha1.Acks) func(*Facts) { return func(f *Facts) { f.Spec.Acks = a } }

func idempotence(on bool) func(*Facts) { return func(f *Facts) { f.Spec.Idempotence = &on } }

func stopOnError(on bool) func(*Facts) { return func(f *Facts) { f.Spec.StopOnError = &on } }

func partitioner(p v1alpha1.ProducerPartitioner) func(*Facts) {
	return func(f *Facts) { f.Spec.Partitioner = p }
}

func clients(c ...v1alpha1.ProducerClient) func(*Facts) { return func(f *Facts) { f.Spec.Clients = c } }

func settings(mod func(*v1alpha1.ProducerSettings)) func(*Facts) {
	return func(f *Facts) { mod(&f.Spec.ProducerSettings) }
}

func transaction(id string) func(*Facts) {
	return func(f *Facts) { f.Spec.Transaction = &v1alpha1.ProducerTransaction{ID: id} }
}

func compressed(codec v1alpha1.Compression, level int32) func(*Facts) {
	return func(f *Facts) { f.Spec.Compression, f.Spec.CompressionLevel = codec, level }
}

func of(d time.Duration) v1alpha1.Duration { return v1alpha1.Duration{Duration: d} }

// hidden is what a cluster says that denies DescribeConfigs.
const hidden = "the cluster denies DescribeConfigs"

// texts are findings without their words, in the order that they are in.
func texts(findings []Finding) []string {
	var all []string
	for _, f := range findings {
		text := string(f.Severity)
		for _, more := range []string{string(f.Client), f.Topic} {
			if more != "" {
				text += " " + more
			}
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s", text, strings.Join(f.Values, " "))))
	}
	return all
}
