package worker

import (
	"time"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// producerFromFile is what the file says of the producer; nil says nothing.
func producerFromFile(file *workerconfig.Producer) ProducerSettings {
	if file == nil {
		return ProducerSettings{}
	}
	return ProducerSettings{
		Acks:             Acks(file.Acks),
		NotIdempotent:    file.Idempotence != nil && !*file.Idempotence,
		RetryBudget:      time.Duration(file.RetryBudget),
		RequestTimeout:   time.Duration(file.RequestTimeout),
		StopOnError:      file.StopOnError,
		Partitioner:      Partitioner(file.Partitioner),
		Compression:      Compression(file.Compression),
		CompressionLevel: file.CompressionLevel,
		Linger:           time.Duration(file.Batch.Linger),
		BatchMessages:    file.Batch.Messages,
		BatchBytes:       file.Batch.Bytes,
		MaxMessageBytes:  file.MaxMessageBytes,
		MaxInFlight:      file.InFlight.Messages,
		MaxInFlightBytes: file.InFlight.Bytes,
	}
}
