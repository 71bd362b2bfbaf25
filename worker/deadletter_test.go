package worker_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

const deadLetterErrors = "lagrange_worker_dead_letter_errors_total"

// withDeadLetters is a broker that has the topic "dead", and a worker's
// configuration that sends there what fails.
func withDeadLetters(t *testing.T, partitions int32) (*broker, worker.Config) {
	t.Helper()
	b := newBroker(t, partitions)
	if err := b.admin.CreateTopic("dead", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	config := b.config()
	config.DeadLetter = &worker.DeadLetter{Topic: "dead"}
	config.Retry = worker.Retry{InitialBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond}
	return b, config
}

func poison(context.Context, worker.Message) error { return worker.Permanent(errors.New("poison")) }

func TestWithDeadLettersABrokerIsWaitedFor(t *testing.T) {
	t.Parallel()
	config := newBroker(t, 1).config()
	config.BootstrapServers = []string{freeAddress(t)}
	config.DeadLetter = &worker.DeadLetter{Topic: "dead"}
	w := start(t, config, newRecord().handle)
	await(t, "it has tried twice", func() bool {
		return metric(t, config.Registry, "lagrange_worker_consumer_errors_total") >= 2
	})
	w.stop(t)
}

func TestWithDeadLettersASilentBrokerHoldsUpNoEnd(t *testing.T) {
	t.Parallel()
	silent := newSilent(t)
	config := newBroker(t, 1).config()
	config.BootstrapServers = []string{silent.address}
	config.DeadLetter = &worker.DeadLetter{Topic: "dead"}
	config.Producer.RequestTimeout, config.RebalanceTimeout = time.Hour, time.Hour
	w := start(t, config, newRecord().handle)
	await(t, "it has connected", func() bool { return silent.accepted.Load() > 0 })
	w.stop(t)
}

// silent is a broker that accepts connections and says nothing.
type silent struct {
	address  string
	accepted atomic.Int32
}

func newSilent(t *testing.T) *silent {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &silent{address: listener.Addr().String()}
	var open []net.Conn
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			open = append(open, conn)
			s.accepted.Add(1)
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
		for _, conn := range open {
			_ = conn.Close()
		}
	})
	return s
}

func TestADeadLetterWaitsForAProducer(t *testing.T) {
	t.Parallel()
	b, config := withDeadLetters(t, 1)
	var mended atomic.Bool
	b.ControlKey(int16(kmsg.InitProducerID), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if mended.Load() {
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.InitProducerIDResponse)
		response.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		return response, nil, true
	})
	b.produce(t, 0, 3)
	w := start(t, config, poison)
	await(t, "two trials failed", func() bool { return metric(t, config.Registry, deadLetterErrors) >= 2 })
	if got := b.committed(0); got > 0 {
		t.Errorf("committed %d before the dead letter was accepted", got)
	}
	mended.Store(true)
	await(t, "all is committed", func() bool { return b.committed(0) == 3 })
	b.read(t, "dead", 3)
	w.stop(t)
}

func TestTheEndDoesNotWaitForAProducerOfDeadLetters(t *testing.T) {
	t.Parallel()
	b, config := withDeadLetters(t, 1)
	config.Producer.RequestTimeout = time.Hour
	asked, release := make(chan struct{}), make(chan struct{})
	b.ControlKey(int16(kmsg.InitProducerID), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.SleepControl(func() {
			close(asked)
			<-release
		})
		return nil, nil, false
	})
	b.produce(t, 0, 1)
	w := start(t, config, poison)
	t.Cleanup(func() { close(release) }) // before the worker is waited for, were it to hang
	<-asked
	w.stop(t)
	if got := b.committed(0); got > 0 {
		t.Errorf("committed %d, and the dead letter was not sent", got)
	}
}

func TestADeadLetterThatCanNotBeSentHoldsUpNoRebalance(t *testing.T) {
	t.Parallel()
	b, config := withDeadLetters(t, 2)
	config.RebalanceTimeout = time.Hour
	b.produce(t, 0, 1)
	b.produce(t, 1, 1)
	var tried atomic.Int32
	b.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		produce := request.(*kmsg.ProduceRequest)
		if len(produce.Topics) == 0 || produce.Topics[0].Topic != "dead" {
			return nil, nil, false
		}
		tried.Add(1)
		return refuseProduce(produce, kerr.NotEnoughReplicas), nil, true
	})
	w := start(t, config, poison)
	await(t, "a dead letter is on its way", func() bool { return tried.Load() > 0 })
	handled, others := newRecord(), b.config()
	others.ClientID, others.RebalanceTimeout = "other", config.RebalanceTimeout
	start(t, others, handled.handle)
	await(t, "the other one is given the message", func() bool { return handled.distinct() == 1 })
	w.stop(t)
}

func refuseProduce(request *kmsg.ProduceRequest, code *kerr.Error) *kmsg.ProduceResponse {
	response := request.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range request.Topics {
		answer := kmsg.ProduceResponseTopic{Topic: topic.Topic}
		for _, p := range topic.Partitions {
			answer.Partitions = append(answer.Partitions, kmsg.ProduceResponseTopicPartition{Partition: p.Partition, ErrorCode: code.Code, BaseOffset: -1})
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}
