package kafkaadmin_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

func TestNewConnection(t *testing.T) {
	want := kafkaadmin.Connection{BootstrapServers: "a:9092,b:9092", Version: "3.6.0"}
	if got := kafkaadmin.NewConnection([]string{"b:9092", "a:9092", "b:9092"}, "3.6.0", kafkaauth.Security{}); got != want {
		t.Errorf("got %+v, want order and repetition to make no difference: %+v", got, want)
	}
}

func TestConnectionErr(t *testing.T) {
	refused, mute := unusedAddress(t), muteAddress(t)
	closing, silent := closingAddress(t, new(atomic.Int64)), silentAddress(t)
	cases := map[string]struct {
		reason  string
		servers []string
		version string
		kind    error
		text    string
	}{
		"Refused": {
			reason: "nothing listens", servers: []string{refused}, kind: kafka.ErrUnreachable,
			text: fmt.Sprintf("ask for metadata: broker %q: not reachable: connection refused", refused),
		},
		"Mute": {
			reason: "something accepts and never answers", servers: []string{mute}, kind: kafka.ErrTimeout,
			text: fmt.Sprintf("ask for metadata: broker %q: no answer in time", mute),
		},
		"Closing": {
			reason: "something accepts and closes, as a TLS listener does", servers: []string{closing}, kind: kafka.ErrUnreachable,
			text: fmt.Sprintf("ask for metadata: broker %q: not reachable: the connection was closed, as by a listener that expects TLS or SASL", closing),
		},
		"Silent": {
			reason: "attempts to connect are dropped", servers: []string{silent}, kind: kafka.ErrUnreachable,
			text: fmt.Sprintf("ask for metadata: broker %q: not reachable: no connection in time", silent),
		},
		"UnknownHost": {
			reason: "the name is misspelt", servers: []string{"kafka.invalid:9092"}, kind: kafka.ErrUnreachable,
			text: `ask for metadata: broker "kafka.invalid:9092": not reachable: the host name`,
		},
		"Version": {
			reason: "the version is no version", servers: []string{refused}, version: "new", kind: kafka.ErrInvalid,
			text: `read the Kafka version "new": not valid`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pool := started(t, kafkaadmin.Options{RequestTimeout: 200 * time.Millisecond})
			connection := kafkaadmin.NewConnection(tc.servers, tc.version, kafkaauth.Security{})
			pool.Watch("a", kafkaadmin.Subscription{Connection: connection, GroupID: "billing", Topics: []string{"orders"}})

			sample := sampleOf(t, pool, "a", "a sample", anySample)
			if !errors.Is(sample.ConnectionErr, tc.kind) || !strings.HasPrefix(sample.ConnectionErr.Error(), tc.text) {
				t.Errorf("%s: got %v, want %q", tc.reason, sample.ConnectionErr, tc.text)
			}
			if want := (kafka.GroupSample{GroupID: "billing", At: sample.At, ConnectionErr: sample.ConnectionErr}); !cmp.Equal(want, sample, cmp.Comparer(sameError)) {
				t.Errorf("%s: got %+v, want nothing but the error", tc.reason, sample)
			}
			if again := later(t, pool, "a"); again.ConnectionErr.Error() != sample.ConnectionErr.Error() {
				t.Errorf("%s: the same problem reads %q, then %q", tc.reason, sample.ConnectionErr, again.ConnectionErr)
			}
		})
	}
}

func sameError(a, b error) bool { return errors.Is(a, b) }

// closingAddress is an address that accepts connections, counts and closes
// them.
func closingAddress(t *testing.T, accepted *atomic.Int64) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			accepted.Add(1)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
	})
	return listener.Addr().String()
}

func TestMuteBootstrapServerLeavesTimeForTheNext(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	last := fmt.Sprintf("localhost:%d", portOf(t, b)) // sorts after the others
	pool := started(t, kafkaadmin.Options{RequestTimeout: 3 * time.Second})
	connection := kafkaadmin.NewConnection([]string{muteAddress(t), unusedAddress(t), last}, "", kafkaauth.Security{})
	pool.Watch("a", kafkaadmin.Subscription{Connection: connection, GroupID: "billing", Topics: []string{"orders"}})
	if sample := sampleOf(t, pool, "a", "a sample", anySample); !healthy(sample) {
		t.Errorf("got %+v, want the broker that answers to be found", sample)
	}
}

func TestDeadConnectionLeavesOthers(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	pool := started(t, kafkaadmin.Options{RequestTimeout: time.Minute})
	dead := b.subscription("billing", "orders")
	dead.Connection = kafkaadmin.NewConnection([]string{muteAddress(t)}, "", kafkaauth.Security{})
	pool.Watch("dead", dead)
	pool.Watch("alive", b.subscription("billing", "orders"))
	sampleOf(t, pool, "alive", "a sample", healthy)
	later(t, pool, "alive")
	if sample, known := pool.Latest("dead"); known {
		t.Errorf("the mute broker gave %+v", sample)
	}
}

func TestBrokerDiesAndReturns(t *testing.T) {
	first := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.ClusterID("north"))
	var lines logLines
	pool := started(t, kafkaadmin.Options{Log: funcr.New(lines.add, funcr.Options{})})
	pool.Watch("a", first.subscription("billing", "orders"))
	sampleOf(t, pool, "a", "a sample", healthy)

	first.Close()
	refused := func(s kafka.GroupSample) bool {
		return s.ConnectionErr != nil && strings.HasSuffix(s.ConnectionErr.Error(), "connection refused")
	}
	sample := sampleOf(t, pool, "a", "the loss", refused)
	later(t, pool, "a")
	if sample.ClusterID != "north" {
		t.Errorf("the cluster id is %q while the connection is lost, want the one learned before", sample.ClusterID)
	}

	again := newBroker(t, kfake.Ports(portOf(t, first)), kfake.SeedTopics(1, "orders"))
	sampleOf(t, pool, "a", "the return", healthy)
	if again.open.Load() != 1 {
		t.Errorf("%d connections to the broker that returned, want 1", again.open.Load())
	}
	eventually(t, "a line for the return", func() bool { return lines.count("Kafka answers again") == 1 })
	// A first line may say that the connection was closed.
	if got := lines.count("connection refused"); got != 1 {
		t.Errorf("the loss is logged %d times", got)
	}
}

// logLines keeps what is logged.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) add(_, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *logLines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			count++
		}
	}
	return count
}

func portOf(t *testing.T, b broker) int {
	t.Helper()
	_, port, err := net.SplitHostPort(b.addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// A broker that restarts between two cycles leaves a connection that is dead
// without looking so.
func TestRestartBetweenCyclesIsNoGap(t *testing.T) {
	first := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	pool := started(t, kafkaadmin.Options{Interval: time.Hour})
	pool.Watch("a", first.subscription("billing", "orders"))
	sampleOf(t, pool, "a", "a sample", healthy)

	first.Close()
	newBroker(t, kfake.Ports(portOf(t, first)), kfake.SeedTopics(1, "orders"))
	pool.Watch("b", first.subscription("shipping", "orders"))
	if sample := sampleOf(t, pool, "b", "a sample", anySample); !healthy(sample) {
		t.Errorf("the first sample after the restart is %+v", sample)
	}
}

func TestBrokerThatLeftIsHungUpOn(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(9, "orders"))
	for p := range int32(9) {
		if err := b.MoveTopicPartition("orders", p, p%3); err != nil {
			t.Fatal(err)
		}
	}
	pool := started(t, kafkaadmin.Options{})
	connection := kafkaadmin.NewConnection(b.addresses[:1], "", kafkaauth.Security{})
	pool.Watch("a", kafkaadmin.Subscription{Connection: connection, GroupID: "billing", Topics: []string{"orders"}})
	sampleOf(t, pool, "a", "a sample", healthy)
	if got := b.open.Load(); got != 3 {
		t.Errorf("%d connections to 3 brokers", got)
	}
	if err := b.RemoveNode(2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection to the broker that left to close", func() bool { return b.open.Load() == 2 })
	sampleOf(t, pool, "a", "a sample without it", healthy)
}

func TestFailingBrokerIsNotTriedInEachCycle(t *testing.T) {
	var tries atomic.Int64
	address := closingAddress(t, &tries)
	pool := started(t, kafkaadmin.Options{Interval: 100 * time.Millisecond})
	connection := kafkaadmin.NewConnection([]string{address}, "", kafkaauth.Security{})
	pool.Watch("a", kafkaadmin.Subscription{Connection: connection, GroupID: "billing", Topics: []string{"orders"}})
	for range 10 {
		later(t, pool, "a")
	}
	// 20 cycles; the waits of 0.5, 1, 2, 4 and 6 intervals leave about 8 tries.
	if got := tries.Load(); got > 15 {
		t.Errorf("%d tries in 20 cycles", got)
	}
}

func TestNoTopicsIsNoRequestForAllTopics(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	var all, unfiltered int
	var mu sync.Mutex
	b.ControlKey(-1, func(request kmsg.Request) (kmsg.Response, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		b.KeepControl()
		switch request := request.(type) {
		case *kmsg.MetadataRequest:
			if len(request.Topics) == 0 {
				all++
			}
		case *kmsg.OffsetFetchRequest:
			for _, group := range request.Groups {
				if len(group.Topics) == 0 || slices.ContainsFunc(group.Topics, func(topic kmsg.OffsetFetchRequestGroupTopic) bool {
					return len(topic.Partitions) == 0
				}) {
					unfiltered++
				}
			}
		}
		return nil, nil, false
	})
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("none", b.subscription("billing"))
	sample := sampleOf(t, pool, "none", "a sample", anySample)
	if !errors.Is(sample.ConnectionErr, kafka.ErrInvalid) {
		t.Errorf("without topics the sample is %+v, want ErrInvalid", sample)
	}
	pool.Watch("missing", b.subscription("billing", "returns"))
	sampleOf(t, pool, "missing", "a sample", anySample)
	pool.Watch("some", b.subscription("billing", "orders"))
	sampleOf(t, pool, "some", "a sample", healthy)
	if sample := later(t, pool, "none"); !errors.Is(sample.ConnectionErr, kafka.ErrInvalid) {
		t.Errorf("beside others, without topics the sample is %+v, want ErrInvalid", sample)
	}
	mu.Lock()
	defer mu.Unlock()
	if all > 0 || unfiltered > 0 {
		t.Errorf("%d requests for all topics, %d for all of a group's commits", all, unfiltered)
	}
}
