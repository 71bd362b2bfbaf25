package worker

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

func TestRetriesFillTheBudget(t *testing.T) {
	t.Parallel()
	for budget, want := range map[time.Duration]int{
		time.Nanosecond: 1, 100 * time.Millisecond: 1, 101 * time.Millisecond: 2, 3100 * time.Millisecond: 5,
		5 * time.Second: 6, DefaultRetryBudget: 64, time.Hour: 1804,
	} {
		if got := retriesWithin(budget); got != want {
			t.Errorf("%s: %d retries, want %d", budget, got, want)
		}
		sum := time.Duration(0)
		for retry := range want + 1 {
			sum += retryPause(retry)
		}
		if sum < budget || sum-retryPause(want) >= budget {
			t.Errorf("%s: %d retries take %s", budget, want, sum)
		}
	}
}

func TestAProducerForSarama(t *testing.T) {
	t.Parallel()
	config, err := Config{KafkaVersion: "3.6.0", ClientID: "c"}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	kafka, err := saramaProducerConfig(config, newDialer(credentialFiles{}), func(int, int) time.Duration { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	if !kafka.Producer.Idempotent || kafka.Net.MaxOpenRequests != 1 || kafka.Producer.RequiredAcks != -1 {
		t.Error("not idempotent")
	}
	if kafka.Metadata.AllowAutoTopicCreation {
		t.Error("creates topics")
	}
	if kafka.Producer.Timeout != DefaultRequestTimeout || kafka.Net.ReadTimeout <= kafka.Producer.Timeout {
		t.Errorf("the broker has %s, we wait %s", kafka.Producer.Timeout, kafka.Net.ReadTimeout)
	}
	if !kafka.Producer.Return.Successes || !kafka.Producer.Return.Errors {
		t.Error("not every result is told")
	}
	config.Producer = ProducerSettings{NotIdempotent: true, Acks: AcksNone}
	if kafka, err = saramaProducerConfig(config, newDialer(credentialFiles{}), nil); err != nil || kafka.Producer.Idempotent || kafka.Net.MaxOpenRequests == 1 {
		t.Errorf("%v, idempotent %t", err, kafka.Producer.Idempotent)
	}
}

func TestProducerSettingsFromTheFile(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(ProducerSettings{}, producerFromFile(nil)); diff != "" {
		t.Errorf("without, -want +got:\n%s", diff)
	}
	var file workerconfig.Producer
	err := json.Unmarshal([]byte(`{
		"acks": "leader", "idempotence": false, "retryBudget": "1m0s", "requestTimeout": "2s", "stopOnError": true,
		"partitioner": "crc32", "compression": "zstd", "compressionLevel": 3,
		"batch": {"linger": "5ms", "messages": 6, "bytes": 7}, "maxMessageBytes": 8, "inFlight": {"messages": 9, "bytes": 10}}`), &file)
	if err != nil {
		t.Fatal(err)
	}
	want := ProducerSettings{
		Acks: AcksLeader, NotIdempotent: true, RetryBudget: time.Minute, RequestTimeout: 2 * time.Second, StopOnError: true,
		Partitioner: HashCRC32, Compression: CompressionZstd, CompressionLevel: 3,
		Linger: 5 * time.Millisecond, BatchMessages: 6, BatchBytes: 7, MaxMessageBytes: 8, MaxInFlight: 9, MaxInFlightBytes: 10,
	}
	if diff := cmp.Diff(want, producerFromFile(&file)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := producerFromFile(&workerconfig.Producer{Idempotence: new(true)}); got.NotIdempotent {
		t.Error("idempotence: true is not idempotent")
	}
	if raw, err := json.Marshal(workerconfig.Producer{}); err != nil || string(raw) != "{}" {
		t.Errorf("a file that says nothing is %s, %v", raw, err)
	}
}

// The order of waiting is the order of coming, also where a later one would fit.
func TestABacklogIsFair(t *testing.T) {
	t.Parallel()
	b := newBacklog(10, 100)
	first, large, small := &sending{size: 60}, &sending{size: 60}, &sending{size: 1}
	if err := b.enter(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	waits, _ := b.tryEnter(large)
	behind, _ := b.tryEnter(small)
	if waits == nil || behind == nil {
		t.Fatal("one was let in before its turn")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.turnBack(ctx, waits); err == nil {
		t.Error("turned back without error")
	}
	if err := <-behind.result; err != nil || b.held() != 2 {
		t.Errorf("%v, holding %d", err, b.held())
	}
	settled := b.settled()
	later := &sending{size: 1}
	if err := b.enter(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	b.leave(first)
	b.leave(small)
	for _, done := range settled {
		<-done // does not wait for the later one
	}
	b.close()
	if err := b.enter(t.Context(), &sending{}); err == nil {
		t.Error("a closed backlog let one in")
	}
}
