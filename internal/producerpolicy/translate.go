package producerpolicy

import (
	"fmt"
	"strconv"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// Option is a client's own setting.
type Option struct{ Name, Value string }

// Gap is what a client can't do.
type Gap struct {
	// Field is the one of the spec.
	Field string
	// Why is what happens instead.
	Why string
}

// Translation is the settings in a client's words.
type Translation struct {
	// Options say the client's defaults too, since another version may have
	// others, but for what the API leaves to the client.
	Options []Option
	// Gaps are what the client can't do, by field, whether the spec sets it or durability.
	Gaps []Gap
}

// The fields that a client may lack.
const (
	fieldStopOnError     = "stopOnError"
	fieldDeliveryTimeout = "deliveryTimeout"
	fieldRequestTimeout  = "requestTimeout"
	fieldResponseTimeout = "responseTimeout"
	fieldMaxInFlight     = "maxInFlight"
	fieldBatchMessages   = "batch.messages"
	fieldLevel           = "compressionLevel"
	fieldTransaction     = "transaction"
)

// Translate says the settings in the client's words.
func Translate(client v1alpha1.ProducerClient, s Settings) Translation {
	t := &Translation{}
	switch client {
	case v1alpha1.ClientJava:
		toJava(t, s)
	case v1alpha1.ClientLibrdkafka:
		toLibrdkafka(t, s)
	default:
		toSarama(t, s)
	}
	if s.CompressionLevel != 0 && levelOf(client, s) == 0 {
		t.lacks(fieldLevel, "%s has no levels of %s", client, s.Compression)
	}
	return *t
}

func (t *Translation) set(name string, value any) {
	t.Options = append(t.Options, Option{name, fmt.Sprint(value)})
}

func (t *Translation) lacks(field, format string, values ...any) {
	t.Gaps = append(t.Gaps, Gap{field, fmt.Sprintf(format, values...)})
}

// inFlight is how many the client has: sarama's idempotence takes no other number.
func inFlight(client v1alpha1.ProducerClient, s Settings) int32 {
	if idempotent(s) && client == v1alpha1.ClientSarama {
		return mostInFlight[client]
	}
	return s.MaxInFlight
}

// levelOf is the compression level, none where the client has no levels of the codec.
func levelOf(client v1alpha1.ProducerClient, s Settings) int32 {
	if _, leveled := highestLevel[client][s.Compression]; !leveled {
		return 0
	}
	return s.CompressionLevel
}

// milliseconds are rounded up: half a millisecond must not become none.
func milliseconds(d time.Duration) string { return strconv.FormatInt(roundedUp(d).Milliseconds(), 10) }

func roundedUp(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

// partitioners are each client's names; "" needs no setting. What is not in it the client doesn't have.
var partitioners = map[v1alpha1.ProducerClient]map[v1alpha1.ProducerPartitioner]string{
	v1alpha1.ClientSarama: {
		v1alpha1.PartitionMurmur2: "NewMurmur2Partitioner", v1alpha1.PartitionFNV1a: "NewHashPartitioner",
		v1alpha1.PartitionCRC32: "NewConsistentCRCHashPartitioner", v1alpha1.PartitionManual: "NewManualPartitioner",
		v1alpha1.PartitionRandom: "NewRandomPartitioner", v1alpha1.PartitionRoundRobin: "NewRoundRobinPartitioner",
	},
	v1alpha1.ClientJava: {
		v1alpha1.PartitionMurmur2: "", v1alpha1.PartitionManual: "", v1alpha1.PartitionRandom: "",
		v1alpha1.PartitionRoundRobin: "org.apache.kafka.clients.producer.RoundRobinPartitioner",
	},
	v1alpha1.ClientLibrdkafka: {
		v1alpha1.PartitionMurmur2: "murmur2_random", v1alpha1.PartitionFNV1a: "fnv1a_random",
		v1alpha1.PartitionCRC32: "consistent_random", v1alpha1.PartitionManual: "", v1alpha1.PartitionRandom: "random",
	},
}

func partitionerOf(client v1alpha1.ProducerClient, p v1alpha1.ProducerPartitioner) (name string, offered bool) {
	name, offered = partitioners[client][p]
	return name, offered
}
