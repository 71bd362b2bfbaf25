package worker

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/IBM/sarama"
)

const (
	// firstPause and longestPause bound the pauses between tries. A planned
	// change of leader takes some 100 ms, an election after a crash seconds.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
	// pauseJitter is by how much a pause is longer at random, so that producers
	// don't come back to a new leader all at once.
	pauseJitter = 0.2
)

// pauseFunc is the pause before the given retry, from 1.
type pauseFunc func(retries, maxRetries int) time.Duration

// saramaProducerConfig turns a validated Config with its defaults into sarama's
// for a producer. A transactional one sets Producer.Transaction on the result.
func saramaProducerConfig(config Config, dialer *dialer, pause pauseFunc) (*sarama.Config, error) {
	version, err := parseVersion(config.KafkaVersion)
	if err != nil {
		return nil, err
	}
	settings := config.Producer.withDefaults()
	kafka := sarama.NewConfig()
	kafka.Version = version
	kafka.ClientID = config.ClientID
	kafka.Net.DialTimeout = dialTimeout
	// The broker's answer that it waited in vain must come before we give up on
	// the broker, or every slow replica would look like a broken connection.
	kafka.Net.ReadTimeout = settings.RequestTimeout + answerReserve
	kafka.Net.Proxy.Enable = true
	kafka.Net.Proxy.Dialer = dialer
	kafka.Metadata.Full = false
	kafka.Metadata.RefreshFrequency = config.MetadataRefresh
	kafka.Metadata.AllowAutoTopicCreation = false
	// The goroutine that serves a broker asks for metadata itself when a
	// partition has moved. It must not stand still for one that has no leader:
	// patientClient waits where only that partition does.
	kafka.Metadata.Retry.Max = 0
	kafka.Metadata.Timeout = kafka.Net.ReadTimeout
	produceAs(kafka, settings, pause)
	if err := kafka.Validate(); err != nil {
		return nil, fmt.Errorf("configure the Kafka client: %w", err)
	}
	return kafka, nil
}

func produceAs(kafka *sarama.Config, settings ProducerSettings, pause pauseFunc) {
	if !settings.NotIdempotent {
		kafka.Producer.Idempotent = true
		kafka.Net.MaxOpenRequests = 1
	}
	kafka.Producer.Return.Successes = true
	kafka.Producer.Return.Errors = true
	kafka.Producer.RequiredAcks = map[Acks]sarama.RequiredAcks{
		AcksAll: sarama.WaitForAll, AcksLeader: sarama.WaitForLocal, AcksNone: sarama.NoResponse,
	}[settings.Acks]
	kafka.Producer.Timeout = settings.RequestTimeout
	kafka.Producer.Retry.Max = retriesWithin(settings.RetryBudget)
	kafka.Producer.Retry.Backoff = firstPause
	kafka.Producer.Retry.BackoffFunc = pause
	kafka.Producer.Partitioner = settings.Partitioner.constructor()
	kafka.Producer.Compression = map[Compression]sarama.CompressionCodec{
		CompressionNone: sarama.CompressionNone, CompressionGzip: sarama.CompressionGZIP, CompressionSnappy: sarama.CompressionSnappy,
		CompressionLZ4: sarama.CompressionLZ4, CompressionZstd: sarama.CompressionZSTD,
	}[settings.Compression]
	if settings.CompressionLevel != 0 {
		kafka.Producer.CompressionLevel = settings.CompressionLevel
	}
	kafka.Producer.Flush.Frequency = settings.Linger
	kafka.Producer.Flush.Messages = settings.BatchMessages
	kafka.Producer.Flush.Bytes = settings.BatchBytes
	kafka.Producer.MaxMessageBytes = settings.MaxMessageBytes
}

// retryPause doubles from firstPause to longestPause. Retry 0 is what sarama
// calls a try that failed for want of a leader, for which patientClient has
// waited already.
func retryPause(retry int) time.Duration {
	if retry <= 0 {
		return 0
	}
	return min(firstPause<<min(retry-1, 10), longestPause)
}

// retriesWithin is how many retries have pauses of the budget in sum: with the
// default of 2 min 0.1 + 0.2 + 0.4 + 0.8 + 1.6 = 3.1 s for the first 5, and then
// (120 - 3.1) / 2 = 59 more.
func retriesWithin(budget time.Duration) int {
	retries := 0
	for left := budget; left > 0; left -= retryPause(retries) {
		retries++
	}
	return max(1, retries)
}

// pause counts itself and is how long to wait before it. Once the producer has
// given up, nothing is waited for any more.
func (p *Producer) pause(retries, _ int) time.Duration {
	select {
	case <-p.givenUp:
		return 0
	default:
	}
	if retries > 0 {
		p.metrics.retries.Inc()
	}
	wait := retryPause(retries)
	return wait + time.Duration(rand.Float64()*pauseJitter*float64(wait)) //nolint:gosec // no secret
}
