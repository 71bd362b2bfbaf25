package producerpolicy

import (
	"cmp"
	"fmt"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// sizeRules are about how large messages and batches get.
var sizeRules = []Rule{
	{
		ID: "message-above-topic", Pitfalls: []int{10}, Severity: v1alpha1.SeverityError,
		Harm: "sarama fills batches up to maxMessageBytes, librdkafka up to batch.size too. A batch above the topic's max.message.bytes is refused " +
			"as a whole (MESSAGE_TOO_LARGE), with all small messages in it, and not tried again. Java divides it. A message alone is refused " +
			"for all. The broker counts after compression, so that it may take long until it happens.",
		Fix:   "set maxMessageBytes to the topic's max.message.bytes at most, or raise that (and replica.fetch.max.bytes)",
		check: messageAboveTopic,
	},
	{
		ID: "message-above-broker", Pitfalls: []int{10}, Severity: v1alpha1.SeverityWarning,
		Harm: "The topic does not exist yet. Created without a max.message.bytes of its own it takes the brokers' message.max.bytes, " +
			"which is less than maxMessageBytes.",
		Fix:   "create the topic with max.message.bytes, or set maxMessageBytes to message.max.bytes at most",
		check: messageAboveBroker,
	},
	{
		ID: "message-above-request", Severity: v1alpha1.SeverityError, Refuses: true,
		Clients: []v1alpha1.ProducerClient{v1alpha1.ClientSarama},
		Harm:    "sarama sends no request of 100 MiB or more; the worker runtime refuses to start.",
		Fix:     "set maxMessageBytes below 104857600",
		check:   messageAboveRequest,
	},
	{
		ID: "compression-level-range", Severity: v1alpha1.SeverityError, Refuses: true,
		Harm: "Levels differ by codec and client: gzip has 1 to 9 (more is refused at admission too); zstd 1 to 22 with sarama and Java, to 12 with " +
			"librdkafka; lz4 1 to 17 with Java, to 12 with librdkafka. A client does not start with a higher one; librdkafka takes 9 for 10 to 12 of gzip.",
		Fix:   "leave compressionLevel out, or take one that all clients of the policy have",
		check: compressionLevelRange,
	},
}

func messageAboveTopic(v view) []Finding {
	const name = "max.message.bytes"
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown(name, t.MaxMessageBytes, func(most int64) []Finding {
			if int64(v.settings.MaxMessageBytes) <= most {
				return nil
			}
			return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
				values := []string{seen("maxMessageBytes", v.settings.MaxMessageBytes), seen(name, most)}
				if largestBatch(client, v.settings) > most {
					return found(v1alpha1.SeverityError, "a batch of small messages may be refused as a whole", values...)
				}
				return found(v1alpha1.SeverityWarning, "a message that the client takes is refused by the broker", values...)
			})
		})
	})
}

// largestBatch of several messages; none where a client divides what is too large.
func largestBatch(client v1alpha1.ProducerClient, s Settings) int64 {
	switch client {
	case v1alpha1.ClientJava:
		return 0
	case v1alpha1.ClientLibrdkafka:
		const batchSize = 1_000_000 // its batch.size
		return int64(min(s.MaxMessageBytes, cmp.Or(s.Batch.Bytes, batchSize)))
	default:
		return int64(s.MaxMessageBytes)
	}
}

func messageAboveBroker(v view) []Finding {
	const name = "message.max.bytes"
	return v.eachTopic(kafka.TopicMissing, func(kafka.TopicConfig) []Finding {
		return whenKnown(name, v.Brokers.MessageMaxBytes, func(most int64) []Finding {
			if int64(v.settings.MaxMessageBytes) <= most {
				return nil
			}
			return found(v1alpha1.SeverityWarning, "created with the brokers' defaults the topic will not take messages of that size",
				seen("maxMessageBytes", v.settings.MaxMessageBytes), seen(name, most))
		})
	})
}

func messageAboveRequest(v view) []Finding {
	const mostRequest = 100 << 20
	if v.settings.MaxMessageBytes < mostRequest {
		return nil
	}
	return v.eachClient(func(v1alpha1.ProducerClient) []Finding {
		return found(v1alpha1.SeverityError, "a message of that size fits into no request", seen("maxMessageBytes", v.settings.MaxMessageBytes))
	})
}

// highestLevel of each codec by client; none where there are no levels.
var highestLevel = map[v1alpha1.ProducerClient]map[v1alpha1.Compression]int32{
	v1alpha1.ClientSarama:     {v1alpha1.CompressionGzip: 9, v1alpha1.CompressionZstd: 22},
	v1alpha1.ClientJava:       {v1alpha1.CompressionGzip: 9, v1alpha1.CompressionLZ4: 17, v1alpha1.CompressionZstd: 22},
	v1alpha1.ClientLibrdkafka: {v1alpha1.CompressionGzip: 9, v1alpha1.CompressionLZ4: 12, v1alpha1.CompressionZstd: 12},
}

// compressionLevelRange: a level of what has none is setting-not-honoured.
func compressionLevelRange(v view) []Finding {
	level, codec := v.settings.CompressionLevel, v.settings.Compression
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		highest, leveled := highestLevel[client][codec]
		if !leveled || level <= highest {
			return nil
		}
		return found(v1alpha1.SeverityError, fmt.Sprintf("%s has levels 1 to %d of %s", client, highest, codec),
			seen("compression", codec), seen("compressionLevel", level))
	})
}
