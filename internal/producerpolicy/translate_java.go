package producerpolicy

import (
	"math"
	"strings"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// toJava names what a Properties of a KafkaProducer takes.
func toJava(t *Translation, s Settings) {
	t.set("acks", map[v1alpha1.Acks]string{v1alpha1.AcksAll: "all", v1alpha1.AcksLeader: "1", v1alpha1.AcksNone: "0"}[s.Acks])
	t.set("enable.idempotence", idempotent(s))
	t.set("max.in.flight.requests.per.connection", inFlight(v1alpha1.ClientJava, s))
	t.set("retries", math.MaxInt32)
	t.set("retry.backoff.ms", milliseconds(s.Retry.InitialBackoff.Duration))
	t.set("retry.backoff.max.ms", milliseconds(s.Retry.MaxBackoff.Duration))
	t.set("delivery.timeout.ms", milliseconds(s.DeliveryTimeout.Duration))
	t.set("request.timeout.ms", milliseconds(s.ResponseTimeout.Duration))
	t.set("linger.ms", milliseconds(s.Batch.Linger.Duration))
	if s.Batch.Bytes != 0 {
		t.set("batch.size", s.Batch.Bytes)
	}
	t.set("max.request.size", s.MaxMessageBytes)
	if memory := javaMemory(s); memory > defaultJavaMemory {
		t.set("buffer.memory", memory)
	}
	t.set("compression.type", s.Compression)
	if level := levelOf(v1alpha1.ClientJava, s); level != 0 {
		t.set("compression."+string(s.Compression)+".level", level)
	}
	t.set("partitioner.ignore.keys", s.Partitioner == v1alpha1.PartitionRandom)
	if class, _ := partitionerOf(v1alpha1.ClientJava, s.Partitioner); class != "" {
		t.set("partitioner.class", class)
	}
	javaTransaction(t, s)
	javaGaps(t, s)
}

// defaultJavaMemory is Java's own buffer.memory, 32 MiB.
const defaultJavaMemory = 32 << 20

// javaMemory has room for two of the largest batch, or message: one is filled while
// another is on its way. Where not even one fits, Java takes no message at all
// (batch.size), or none that is so large, and says so with each send only.
func javaMemory(s Settings) int64 { return 2 * int64(max(s.Batch.Bytes, s.MaxMessageBytes)) }

// javaTransaction: Java fills in environment variables itself, since Kafka 3.5.
func javaTransaction(t *Translation, s Settings) {
	if !transactional(s) {
		return
	}
	if strings.Contains(s.Transaction.ID, PodName) {
		t.set("config.providers", "env")
		t.set("config.providers.env.class", "org.apache.kafka.common.config.provider.EnvVarConfigProvider")
	}
	t.set("transactional.id", strings.ReplaceAll(s.Transaction.ID, PodName, "${env:"+workerconfig.EnvClientID+"}"))
	t.set("transaction.timeout.ms", milliseconds(s.Transaction.Timeout.Duration))
}

func javaGaps(t *Translation, s Settings) {
	t.lacks(fieldRequestTimeout, "java has one setting, request.timeout.ms, for leader and producer: it is responseTimeout")
	if stops(s) {
		t.lacks(fieldStopOnError, "java sends later messages after a failure: the program has to stop")
	}
	if s.Batch.Messages != 0 {
		t.lacks(fieldBatchMessages, "java doesn't count the messages of a batch")
	}
}
