package kafkaadmin

import (
	"context"
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
			kind: kafka.ErrUnsupported, text: "not supported: the broker is older than Kafka 3.0.0",
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

func TestTopicOfMarksPartitionsWithoutLeader(t *testing.T) {
	got := topicOf(&sarama.TopicMetadata{Name: "orders", Partitions: []*sarama.PartitionMetadata{
		{ID: 1, Leader: -1, Err: sarama.ErrLeaderNotAvailable},
		{ID: 0, Leader: 7, Err: sarama.ErrReplicaNotAvailable},
	}})
	if got.err != nil || len(got.partitions) != 2 {
		t.Fatalf("got %+v, want two partitions", got)
	}
	if first := got.partitions[0]; first != (partition{id: 0, leader: 7}) {
		t.Errorf("a partition that lacks a replica is read from its leader: %+v", first)
	}
	if second := got.partitions[1]; second.id != 1 || !errors.Is(second.err, kafka.ErrUnavailable) {
		t.Errorf("a partition without a leader is %+v, want ErrUnavailable", second)
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
		"NewState": {
			reason: "a state of a later Kafka is unknown, not passed on",
			answer: sarama.GroupDescription{State: "Assigning"},
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

func TestChunks(t *testing.T) {
	want := wanted{
		"a": {"orders": {0, 1, 2}},
		"b": {},
		"c": {"orders": {0}, "returns": {0, 1}},
		"d": {"orders": {0, 1, 2, 3, 4, 5, 6}},
		"e": {"orders": {0}},
	}
	var got [][]string
	for _, part := range want.chunks(6) {
		got = append(got, sortedKeys(part))
	}
	// a and c are 6 together, d alone is more, b has none and must not be asked.
	if diff := cmp.Diff([][]string{{"a", "c"}, {"d"}, {"e"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestHoleInTheReportIsNoOffset(t *testing.T) {
	at := kafka.TopicPartition{Topic: "orders"}
	r := report{
		cluster: &cluster{topics: map[string]topic{"orders": {partitions: []partition{{id: 0}}}}},
		groups:  map[string]group{"commits": {committed: map[kafka.TopicPartition]offset{at: {at: 3}}}},
	}
	for _, id := range []string{"commits", "nothing"} {
		got := r.sample(Subscription{GroupID: id, Topics: []string{"orders", "returns"}})
		if p := got.Topics[0].Partitions[0]; !errors.Is(p.Err, kafka.ErrRejected) || p.Committed != 0 {
			t.Errorf("group %q: a partition that nobody answered for is %+v", id, p)
		}
		if !errors.Is(got.Topics[1].Err, kafka.ErrRejected) {
			t.Errorf("group %q: a topic that nobody answered for is %+v", id, got.Topics[1])
		}
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
	p := kafka.TopicPartition{Topic: "orders"}
	logOf := func(block *sarama.OffsetResponseBlock) offset {
		return listed(&sarama.OffsetResponse{Blocks: map[string]map[int32]*sarama.OffsetResponseBlock{"orders": {0: block}}}, p, nil)
	}
	commitOf := func(partitions map[string][]int32, groups ...sarama.OffsetFetchResponseGroup) offset {
		read := commitsOf(wanted{"billing": partitions}, &sarama.OffsetFetchResponse{Groups: groups}, nil)["billing"]
		if read.err != nil {
			return offset{err: read.err}
		}
		return read.offsets[p]
	}
	asked := map[string][]int32{"orders": {0}}
	cases := map[string]struct {
		reason string
		got    offset
	}{
		"NoLog":       {"the partition is not in the answer", listed(&sarama.OffsetResponse{}, p, nil)},
		"NoOffset":    {"-1 is no end of a log", logOf(&sarama.OffsetResponseBlock{Offset: -1})},
		"NoGroup":     {"the group is not in the answer", commitOf(asked)},
		"OtherGroup":  {"another group is in the answer", commitOf(asked, sarama.OffsetFetchResponseGroup{GroupId: "shipping"})},
		"NoPartition": {"the partition is not in the group's answer", commitOf(asked, sarama.OffsetFetchResponseGroup{GroupId: "billing"})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if !errors.Is(tc.got.err, kafka.ErrRejected) || tc.got.at != 0 {
				t.Errorf("%s: got %+v, want ErrRejected and no offset", tc.reason, tc.got)
			}
		})
	}
	for id, read := range descriptionsOf([]string{"billing"}, &sarama.DescribeGroupsResponse{}, nil) {
		if !errors.Is(read.err, kafka.ErrRejected) {
			t.Errorf("group %q, which is not in the answer, is %+v", id, read)
		}
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
	config, err := newConfig("", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(t.Context(), "127.0.0.1:1", *config, backoff{}) // without a wait after a failure
	release := make(chan struct{})
	stuck := func(*sarama.Broker) (int, error) {
		<-release
		return 1, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	entered := make(chan struct{})
	go func() {
		<-entered
		cancel()
	}()
	_, err = ask(ctx, l, func(b *sarama.Broker) (int, error) {
		close(entered)
		return stuck(b)
	})
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
