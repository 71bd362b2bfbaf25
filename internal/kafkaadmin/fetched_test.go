package kafkaadmin

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestFailedLookIsMadeAgain(t *testing.T) {
	cases := map[string]struct {
		err   error
		among int // other partitions of the fetch
		care  care
		after time.Duration
	}{
		"NotLeader":    {err: partitionRefusal(sarama.ErrNotLeaderForPartition), after: shortRespite},
		"LeftOut":      {err: errLeftOut, after: shortRespite},
		"Timeout":      {err: kafka.ErrTimeout, after: shortRespite},
		"Late":         {err: fmt.Errorf("broker: %w", errLate)},
		"Unauthorized": {err: partitionRefusal(sarama.ErrTopicAuthorizationFailed), among: 3, after: longRespite},
		"Damaged":      {err: errDamaged, after: longRespite},
		"DamagedAmong": {err: errDamaged, among: 3, care: alone},
	}
	for name, c := range cases {
		log := &topicLog{name: "orders", partitions: []partitionLog{{}}}
		tail := &log.partitions[0].tails[0]
		*tail = *watched(90, 100)
		due := looks{partitions: make([]position, c.among+1)}
		for i := range due.partitions {
			due.partitions[i] = position{log: log, from: 90, end: 100}
		}
		tail.fail(c.err, due, noon)
		if tail.care != c.care || !tail.due(noon.Add(c.after)) || c.after > 0 && tail.due(noon.Add(c.after-1)) {
			t.Errorf("%s: want care %d, and %v of respite: %+v", name, c.care, c.after, tail)
		}
	}
}

func TestRespiteGrows(t *testing.T) {
	var r respite
	for i := range 100 {
		r.fail(noon)
		if want := min(shortRespite<<min(i, 10), longRespite); r.until.Sub(noon) != want {
			t.Fatalf("after %d failures it is %v, want %v", i+1, r.until.Sub(noon), want)
		}
	}
}

// TestBlockSaysWhyThereIsNone has what a throttling broker answers, nothing, and
// a refusal.
func TestBlockSaysWhyThereIsNone(t *testing.T) {
	p := position{log: &topicLog{name: "orders"}}
	if _, err := (fetched{response: &sarama.FetchResponse{}}).block(p); !errors.Is(err, errLeftOut) {
		t.Errorf("left out: %v", err)
	}
	response := &sarama.FetchResponse{}
	response.AddError("orders", 0, sarama.ErrTopicAuthorizationFailed)
	if _, err := (fetched{response: response}).block(p); !errors.Is(err, kafka.ErrUnauthorized) {
		t.Errorf("refused: %v", err)
	}
}

func TestReadableKeepsTheConnectionOnlyWhereItIsWell(t *testing.T) {
	cases := map[string]struct {
		err  error
		lost bool
	}{
		"Checksum":    {sarama.PacketDecodingError{Info: "CRC didn't match expected 0x1 got 0x2"}, false},
		"Cut":         {sarama.ErrInsufficientData, false},
		"Correlation": {sarama.PacketDecodingError{Info: "correlation ID didn't match, wanted 1, got 2"}, true},
		"Length":      {sarama.PacketDecodingError{Info: "message of length -1 too large or too small"}, true},
		"Closed":      {sarama.ErrNotConnected, true},
	}
	for name, c := range cases {
		found, err := readable(nil, c.err)
		if lost := err != nil; lost != c.lost || !lost && !errors.Is(found.err, errDamaged) {
			t.Errorf("%s: %v, in the answer %v", name, err, found.err)
		}
	}
}

// TestRequestWaitsNoLongerThanItsCaller guards against an answer that is late
// by request.
func TestRequestWaitsNoLongerThanItsCaller(t *testing.T) {
	due := looks{care: patient, partitions: []position{{log: &topicLog{name: "orders"}}}}
	for most, want := range map[time.Duration]int32{time.Minute: 1000, 400 * time.Millisecond: 300} {
		if got := due.request(most).MaxWaitTime; got != want {
			t.Errorf("of a caller that waits %v: %dms, want %d", most, got, want)
		}
	}
}
