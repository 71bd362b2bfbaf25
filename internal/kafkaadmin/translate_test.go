package kafkaadmin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

func TestCallErrorIsTypedAndStable(t *testing.T) {
	local := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 34567}
	remote := &net.TCPAddr{IP: net.IPv4(10, 96, 0, 10), Port: 9092}
	failed := func(op string, err error) error {
		return &net.OpError{Op: op, Net: "tcp", Source: local, Addr: remote, Err: err}
	}
	const closed = "not reachable: the connection was closed, as by a listener that expects TLS or SASL"
	cases := map[string]struct {
		reason string
		err    error
		kind   error
		text   string
	}{
		"Refused": {
			reason: "the errno says it all", err: failed("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED)),
			kind: kafka.ErrUnreachable, text: "not reachable: connection refused",
		},
		"Reset": {
			reason: "the ephemeral port is left out", err: failed("read", os.NewSyscallError("read", syscall.ECONNRESET)),
			kind: kafka.ErrUnreachable, text: closed,
		},
		"EOF": {
			reason: "a reset and an end read the same", err: io.EOF,
			kind: kafka.ErrUnreachable, text: closed,
		},
		"DialTimeout": {
			reason: "nobody took the connection", err: failed("dial", os.ErrDeadlineExceeded),
			kind: kafka.ErrUnreachable, text: "not reachable: no connection in time",
		},
		"ReadTimeout": {
			reason: "the connection was taken", err: failed("read", os.ErrDeadlineExceeded),
			kind: kafka.ErrTimeout, text: "no answer in time",
		},
		"UnknownHost": {
			reason: "the name server's address is left out",
			err:    failed("dial", &net.DNSError{Err: "no such host", Name: "kafka", Server: "10.96.0.10:53", IsNotFound: true}),
			kind:   kafka.ErrUnreachable, text: "not reachable: the host name is not known",
		},
		"LookupFailed": {
			reason: "the text of a failed look-up has an ephemeral port",
			err:    failed("dial", &net.DNSError{Err: "read udp 10.1.2.3:34567->10.96.0.10:53: i/o timeout", Name: "kafka", IsTimeout: true}),
			kind:   kafka.ErrUnreachable, text: "not reachable: the host name could not be looked up",
		},
		"TooOld": {
			reason: "the broker has no request that would do", err: fmt.Errorf("encode: %w", sarama.PacketEncodingError{Info: "multiple groups"}),
			kind: kafka.ErrUnsupported, text: "not supported: the broker is too old for this request",
		},
		"NotKafka": {
			reason: "some other server answers", err: sarama.PacketDecodingError{Info: "length 1213486160"},
			kind: kafka.ErrUnreachable, text: "not reachable: the answer is not Kafka's",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := callError(tc.err); !errors.Is(got, tc.kind) || got.Error() != tc.text {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.text)
			}
		})
	}
}

func TestDescriptionOf(t *testing.T) {
	cases := map[string]struct {
		reason string
		answer sarama.GroupDescription
		want   description
		kind   error
	}{
		"Empty": {
			reason: "no members is known, not an error",
			answer: sarama.GroupDescription{State: "Empty"},
			want:   description{state: kafka.StateEmpty},
		},
		"NotFound": {
			reason: "newer brokers say so by a code",
			answer: sarama.GroupDescription{Err: sarama.ErrGroupIDNotFound},
			want:   description{state: kafka.StateDead},
		},
		"Connect": {
			reason: "another protocol's member is a member, without partitions",
			answer: sarama.GroupDescription{State: "Stable", Protocol: "sessioned", Members: map[string]*sarama.GroupMemberDescription{
				"m": {MemberId: "m", ClientId: "connect", ClientHost: "/10.0.0.1", MemberAssignment: []byte{0, 1, 0xff}},
			}},
			want: description{state: kafka.StateStable, protocol: "sessioned", members: []kafka.Member{
				{ID: "m", ClientID: "connect", Host: "/10.0.0.1"},
			}},
		},
		"Assigned": {
			reason: "partitions come sorted, whatever the assignor wrote",
			answer: sarama.GroupDescription{State: "Stable", Members: map[string]*sarama.GroupMemberDescription{
				"m": {MemberId: "m", MemberAssignment: []byte{
					0, 1, // version
					0, 0, 0, 2, // topics
					0, 1, 'b', 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 3,
					0, 1, 'a', 0, 0, 0, 1, 0, 0, 0, 9,
					0xff, 0xff, 0xff, 0xff, // no user data
				}},
			}},
			want: description{state: kafka.StateStable, members: []kafka.Member{{ID: "m", Assigned: []kafka.TopicPartition{
				{Topic: "a", Partition: 9}, {Topic: "b", Partition: 3}, {Topic: "b", Partition: 7},
			}}}},
		},
		"ReadOnly": {
			reason: "describe and read, without delete",
			answer: sarama.GroupDescription{State: "Empty", AuthorizedOperations: 1<<8 | 1<<3},
			want:   description{state: kafka.StateEmpty, operations: 1<<8 | 1<<3},
		},
		"NewState": {
			reason: "a state of a later Kafka is unknown, not passed on",
			answer: sarama.GroupDescription{State: "NotReady"},
			kind:   kafka.ErrUnsupported,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := descriptionOf(&tc.answer)
			if !errors.Is(got.err, tc.kind) {
				t.Errorf("%s: error %v, want %v", tc.reason, got.err, tc.kind)
			}
			got.err = nil
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(description{})); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	now := time.Unix(0, 0)
	b := backoff{first: time.Second, most: 30 * time.Second}
	if b.waits(now) {
		t.Error("waits before anything failed")
	}
	for i, seconds := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		b.fail(now)
		if wait := b.until.Sub(now); wait < seconds*800*time.Millisecond || wait > seconds*1200*time.Millisecond {
			t.Errorf("wait %d is %v, want %ds, give or take a fifth", i, wait, seconds)
		}
	}
	if !b.waits(now) || b.waits(b.until) {
		t.Error("must wait until its end, and no longer")
	}
	for range 100 {
		b.fail(now) // must not overflow
	}
	if wait := b.until.Sub(now); wait < 24*time.Second || wait > 36*time.Second {
		t.Errorf("after a hundred failures it waits %v", wait)
	}
	if b.reset(); b.waits(now) {
		t.Error("waits after a success")
	}
}

func TestCandidates(t *testing.T) {
	c := &client{
		connection: NewConnection([]string{"b:1", "a:1"}, "", kafkaauth.Security{}),
		answered:   "n2:1",
		links:      map[string]*link{"n1:1": nil, "n2:1": nil, "a:1": nil},
	}
	if got, want := c.candidates(), []string{"n2:1", "a:1", "b:1", "n1:1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAnswersThatLackWhatWasAsked(t *testing.T) {
	logOf := func(block *sarama.OffsetResponseBlock) offset {
		answer := &sarama.OffsetResponse{Blocks: map[string]map[int32]*sarama.OffsetResponseBlock{"orders": {0: block}}}
		log := offsetList{response: answer}.of("orders", "log end")
		return log.at(0)
	}
	cases := map[string]struct {
		reason string
		got    offset
	}{
		"NoLog":    {"the partition is not in the answer", logOf(nil)},
		"NoOffset": {"-1 is no end of a log", logOf(&sarama.OffsetResponseBlock{Offset: -1})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if !errors.Is(tc.got.err, kafka.ErrRejected) || tc.got.at != 0 {
				t.Errorf("%s: got %+v, want ErrRejected and no offset", tc.reason, tc.got)
			}
		})
	}
}

func TestDialerThatHungUpConnectsNoMore(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	d := newDialer(t.Context(), time.Minute)
	if d.hangUp() {
		t.Error("hung up on a connection that there was not")
	}
	if conn, err := d.Dial("tcp", listener.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("connected after hanging up")
	}
}

func TestStuckCallFailsOthersAtOnce(t *testing.T) {
	config, err := newConfig(Connection{}, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(t.Context(), "127.0.0.1:1", *config, backoff{}) // without a wait after a failure
	release := make(chan struct{})
	stuck := func(*sarama.Broker) (int, error) {
		<-release
		return 1, nil
	}
	_, err = ask(t.Context(), l, stuck)
	if err == nil {
		t.Fatal("a stuck call succeeded")
	}
	for range 3 {
		if _, again := ask(t.Context(), l, stuck); !errors.Is(again, err) {
			t.Errorf("while a call is stuck the next gives %v, want %v", again, err)
		}
	}
	close(release)
	l.calls.Wait()
	if value, err := ask(t.Context(), l, stuck); value != 1 || err != nil {
		t.Errorf("after the stuck call ended the next gives %d, %v", value, err)
	}
	l.close()
}
