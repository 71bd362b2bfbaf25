package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

func TestProducerSettingsThatCannotWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings worker.ProducerSettings
		want     string // "" is valid
	}{
		"zero":                            {worker.ProducerSettings{}, ""},
		"everything":                      {worker.ProducerSettings{Acks: worker.AcksLeader, NotIdempotent: true, Compression: worker.CompressionZstd, CompressionLevel: 22, Linger: time.Second, BatchMessages: 10, BatchBytes: 100, StopOnError: true, Partitioner: worker.PartitionManual}, ""},
		"acks":                            {worker.ProducerSettings{Acks: "2"}, `producer acks "2" is not one of ["all" "leader" "none"]`},
		"acks leader and idempotence":     {worker.ProducerSettings{Acks: worker.AcksLeader}, `producer acks "leader": idempotence needs acks "all"; to go without, set idempotence to false (in Go NotIdempotent to true)`},
		"acks none and idempotence":       {worker.ProducerSettings{Acks: worker.AcksNone}, `producer acks "none": idempotence needs acks "all"`},
		"stop without acknowledgement":    {worker.ProducerSettings{Acks: worker.AcksNone, NotIdempotent: true, StopOnError: true}, "producer stopOnError: with acks"},
		"stop without order":              {worker.ProducerSettings{Partitioner: worker.PartitionRandom, StopOnError: true}, `producer stopOnError: partitioner "random"`},
		"stop without order, in turn":     {worker.ProducerSettings{Partitioner: worker.PartitionRoundRobin, StopOnError: true}, `producer stopOnError: partitioner "roundRobin"`},
		"messages without linger":         {worker.ProducerSettings{BatchMessages: 2}, "need a linger"},
		"bytes without linger":            {worker.ProducerSettings{BatchBytes: 2}, "need a linger"},
		"partitioner":                     {worker.ProducerSettings{Partitioner: "hash"}, `producer partitioner "hash"`},
		"compression":                     {worker.ProducerSettings{Compression: "brotli"}, `producer compression "brotli"`},
		"a level without compression":     {worker.ProducerSettings{CompressionLevel: 1}, `compression "none" has no levels`},
		"a level of lz4":                  {worker.ProducerSettings{Compression: worker.CompressionLZ4, CompressionLevel: 1}, `compression "lz4" has no levels`},
		"a level that gzip does not have": {worker.ProducerSettings{Compression: worker.CompressionGzip, CompressionLevel: 10}, "not in 1 to 9"},
		"a level below":                   {worker.ProducerSettings{Compression: worker.CompressionZstd, CompressionLevel: -1}, "not in 1 to 22"},
		"larger than a request":           {worker.ProducerSettings{MaxMessageBytes: 100 << 20}, "producer maxMessageBytes 104857600 does not fit"},
		"retry budget":                    {worker.ProducerSettings{RetryBudget: -1}, "producer retryBudget"},
		"request timeout":                 {worker.ProducerSettings{RequestTimeout: -1}, "producer requestTimeout"},
		"linger":                          {worker.ProducerSettings{Linger: -1}, "producer linger"},
		"batch messages":                  {worker.ProducerSettings{BatchMessages: -1, Linger: 1}, "producer batchMessages"},
		"batch bytes":                     {worker.ProducerSettings{BatchBytes: -1, Linger: 1}, "producer batchBytes"},
		"message bytes":                   {worker.ProducerSettings{MaxMessageBytes: -1}, "producer maxMessageBytes"},
		"in flight":                       {worker.ProducerSettings{MaxInFlight: -1}, "producer maxInFlight"},
		"bytes in flight":                 {worker.ProducerSettings{MaxInFlightBytes: -1}, "producer maxInFlightBytes"},
	} {
		err := c.settings.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Every combination of settings that is valid can be produced with.
func TestEachWayToProduceWorks(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	cases := []worker.ProducerSettings{
		{Acks: worker.AcksLeader, NotIdempotent: true},
		{Acks: worker.AcksNone, NotIdempotent: true},
		{NotIdempotent: true},
		{Compression: worker.CompressionGzip, CompressionLevel: 9},
		{Compression: worker.CompressionSnappy},
		{Compression: worker.CompressionLZ4},
		{Compression: worker.CompressionZstd, CompressionLevel: 22},
		{Linger: time.Hour, BatchMessages: 1},
		{Linger: time.Hour, BatchBytes: 1},
		{Linger: time.Millisecond},
		{StopOnError: true},
		{Partitioner: worker.HashFNV1a}, {Partitioner: worker.HashCRC32}, {Partitioner: worker.PartitionRandom}, {Partitioner: worker.PartitionRoundRobin},
	}
	for i, settings := range cases {
		config := b.config()
		config.Producer = settings
		p := newProducer(t, config)
		receipt, err := p.Send(soon(t), keyed("k", "v"))
		if err != nil || (receipt.Offset < 0) != (settings.Acks == worker.AcksNone) {
			t.Errorf("case %d, %+v: %+v, %v", i, settings, receipt, err)
		}
	}
	await(t, "all in the log", func() bool {
		infos := b.PartitionInfos(topic)
		return infos[0].HighWatermark+infos[1].HighWatermark == int64(len(cases))
	})
}
