package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/worker"
)

// Close comes while others enqueue, and each message has its one result: it is
// in the log if that was a receipt, and it is not if it was refused.
func TestCloseUnderLoadTellsOfEachMessageOnce(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]bool{"as it comes": false, "stop on error": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 3)
			config := b.config()
			config.Producer.StopOnError, config.Producer.MaxInFlight = stop, 100 // some wait for room
			p := newProducer(t, config)
			load := newLoad(p)
			await(t, "some messages", func() bool { return load.acknowledged.Load() > 1000 })
			if err := p.Close(soon(t)); err != nil {
				t.Error(err)
			}
			told := load.told.Load() // all that were accepted: nothing is told after Close
			load.end()
			acknowledged := int(load.acknowledged.Load())
			if got := len(load.once(t)); got != acknowledged {
				t.Errorf("%d were acknowledged, %d of them different", acknowledged, got)
			}
			if load.failed.Load() != load.refused.Load() {
				t.Errorf("%d failed, %d of them since the producer was closed", load.failed.Load(), load.refused.Load())
			}
			written := 0
			for _, records := range b.log(t, topic) {
				written += len(records)
			}
			if written != acknowledged || told < int64(acknowledged) {
				t.Errorf("%d were acknowledged, %d told of at the end of Close, the log has %d", acknowledged, told, written)
			}
		})
	}
}

// load enqueues from several goroutines until its end.
type load struct {
	running                             sync.WaitGroup
	over                                atomic.Bool
	told, acknowledged, failed, refused atomic.Int64

	mutex sync.Mutex
	seen  map[string]int // results by message
	acked map[string]bool
}

func newLoad(p *worker.Producer) *load {
	l := &load{seen: make(map[string]int), acked: make(map[string]bool)}
	for goroutine := range 8 {
		l.running.Go(func() {
			for i := 0; !l.over.Load(); i++ {
				value := fmt.Sprintf("%d/%d", goroutine, i)
				p.Enqueue(context.Background(), keyed(fmt.Sprint(goroutine, i%5), value), func(_ worker.Receipt, err error) { l.tell(value, err) })
			}
		})
	}
	return l
}

func (l *load) tell(value string, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.seen[value]++
	l.acked[value] = err == nil
	l.told.Add(1)
	switch {
	case err == nil:
		l.acknowledged.Add(1)
	case errors.Is(err, worker.ErrProducerClosed):
		l.refused.Add(1)
		l.over.Store(true)
		fallthrough
	default:
		l.failed.Add(1)
	}
}

func (l *load) end() {
	l.over.Store(true)
	l.running.Wait()
}

// once returns the messages that were acknowledged, and checks that each has one result.
func (l *load) once(t *testing.T) (acknowledged []string) {
	t.Helper()
	for value, times := range l.seen {
		if times != 1 {
			t.Errorf("%s was told of %d times", value, times)
		}
		if l.acked[value] {
			acknowledged = append(acknowledged, value)
		}
	}
	return acknowledged
}

// What Close can't wait for is told of as well, and nothing keeps it.
func TestCloseGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]kfake.Fault{
		"a broker that answers with errors": {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1},
		"a topic without leader":            {Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.LeaderNotAvailable, Count: -1},
		"a broker that does not answer":     {},
		"a broker that is gone":             {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 1)
			config := b.config()
			config.Producer.MaxInFlight = 50
			p, told := newProducer(t, config), newOutcomes()
			release := func() {}
			switch name {
			case "a broker that does not answer":
				_, release = b.hold()
			case "a broker that is gone":
				b.Close()
			default:
				b.Fault(fault)
			}
			defer release()
			for _, value := range numbered("v", 50) {
				p.Enqueue(soon(t), keyed("k", value), told.of(value))
			}
			go p.Enqueue(soon(t), keyed("k", "waits"), told.of("waits"))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := p.Close(ctx)
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "giving up 50 messages") {
				t.Errorf("Close: %v", err)
			}
			await(t, "the one that had no room", func() bool { return told.count() == 51 })
			for value, err := range told.errors {
				if !errors.Is(err, worker.ErrProducerClosed) {
					t.Errorf("%s: %v", value, err)
				}
			}
			if len(told.errors) != 51 {
				t.Errorf("%d failed", len(told.errors))
			}
		})
	}
}

func TestAProducerStartsOnlyWhereABrokerAnswers(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	config := b.config()
	config.BootstrapServers = []string{freeAddress(t)}
	if _, err := worker.NewProducer(config); err == nil || !strings.Contains(err.Error(), config.BootstrapServers[0]) {
		t.Errorf("no broker there: %v", err)
	}
	for range 5 {
		config.BootstrapServers = append(config.BootstrapServers, freeAddress(t))
	}
	config.BootstrapServers = append(config.BootstrapServers, b.ListenAddrs()...)
	for range 3 {
		p := newProducer(t, config) // that others are down is nothing
		if _, err := p.Send(soon(t), keyed("k", "v")); err != nil {
			t.Error(err)
		}
	}
	config.GroupID, config.Topics = "", nil // a producer needs neither
	newProducer(t, config)
	config.BootstrapServers, config.KafkaVersion, config.Producer.Acks = nil, "1.0.0", "most"
	_, err := worker.NewProducer(config)
	for _, want := range []string{"no bootstrapServers given", `"1.0.0" is older`, `producer acks "most"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

// Other credentials are used once the brokers take them, in the same order of
// messages, and a password that comes too early costs nothing.
func TestAProducerFollowsPlainCredentials(t *testing.T) {
	t.Parallel()
	b := newBrokerWith(t, scram("test", "test"), kfake.SeedTopics(1, topic), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-512", "test", "test"), kfake.Superuser("PLAIN", "before", "one"), kfake.Superuser("PLAIN", "after", "two"))
	var tried lockedBuffer
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, Observe: true, Count: -1, When: func(request kmsg.Request) bool {
		_, _ = tried.Write(request.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)
		return true
	}})
	ids := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Observe: true, Count: -1})
	files := newMount(t, map[string]string{"username": "before", "password": "one"})
	config := b.config()
	config.SASL = &workerconfig.SASL{Mechanism: "PLAIN", UsernameFile: files.file("username"), PasswordFile: files.file("password")}
	p := newProducer(t, config)
	files.swap(t, map[string]string{"username": "after", "password": "wrong"})
	await(t, "the wrong one is tried", func() bool { return strings.Contains(tried.String(), "\x00after\x00wrong") })
	if ids.Hits() != 1 {
		t.Errorf("%d producer ids", ids.Hits())
	}
	arrived, release := b.hold()
	defer release()
	told := newOutcomes()
	p.Enqueue(soon(t), keyed("k", "with the old"), told.of("with the old"))
	<-arrived
	files.swap(t, map[string]string{"username": "after", "password": "two"})
	await(t, "another producer id", func() bool { return ids.Hits() == 2 })
	p.Enqueue(soon(t), keyed("k", "with the new"), told.of("with the new"))
	select {
	case <-arrived:
		t.Error("the new credentials are used before all is answered that the old were used for")
	case <-b.someRequests():
	}
	release()
	flush(t, p)
	if diff := cmp.Diff([]string{"with the old", "with the new"}, told.order); diff != "" || len(told.errors) != 0 {
		t.Errorf("failed: %v, -want +got:\n%s", told.errors, diff)
	}
	if !strings.Contains(tried.String(), "\x00after\x00two") {
		t.Error("the new credentials were not used")
	}
}
