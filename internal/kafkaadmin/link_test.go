package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func testLink(t *testing.T, timeout time.Duration) *link {
	t.Helper()
	config, err := newConfig(Connection{}, timeout)
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(t.Context(), "127.0.0.1:1", *config, backoff{})
	t.Cleanup(l.close)
	return l
}

// A connection that was kept may have died unseen. One that lives and does not
// answer is not asked again: it had its time.
func TestAttemptAgain(t *testing.T) {
	cases := map[string]struct {
		err  error
		want int
	}{
		"Died":     {io.EOF, 2},
		"Timeout":  {fmt.Errorf("read: %w", os.ErrDeadlineExceeded), 1},
		"TooLarge": {sarama.PacketDecodingError{Info: "message of length 200000000 too large or too small"}, 1},
		"Answered": {nil, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l, asked := testLink(t, time.Minute), 0
			l.broker, l.dialer = sarama.NewBroker(l.address), newDialer(t.Context(), time.Minute)
			_, err := attempt(l, &call{}, func(*sarama.Broker) (int, error) {
				asked++
				return 0, tc.err
			})
			if asked != tc.want || (err == nil) != (tc.err == nil) {
				t.Errorf("asked %d times, then %v, want %d", asked, err, tc.want)
			}
		})
	}
}

// In a hurry nobody waits for a call that was left behind; without, one does.
func TestHurry(t *testing.T) {
	l := testLink(t, time.Minute)
	l.patience = time.Millisecond
	release := make(chan struct{})
	stuck := func(*sarama.Broker) (int, error) {
		<-release
		return 1, nil
	}
	if _, err := ask(hurry(t.Context()), l, stuck); !late(err) || !l.late() {
		t.Fatalf("a call that takes longer than the patience gives %v", err)
	}
	l.patience = time.Hour
	if _, err := ask(hurry(t.Context()), l, stuck); !late(err) {
		t.Errorf("in a hurry the next gives %v", err)
	}
	answer := make(chan int)
	go func() {
		value, _ := ask(t.Context(), l, func(*sarama.Broker) (int, error) { return 2, nil })
		answer <- value
	}()
	close(release)
	if got := <-answer; got != 2 {
		t.Errorf("without hurry the next gives %d", got)
	}
	if l.late() {
		t.Error("a link that answered in time is late")
	}
}

func TestClosedLinkOpensNoMore(t *testing.T) {
	l := testLink(t, time.Minute)
	l.close()
	_, err := ask(context.Background(), l, func(*sarama.Broker) (int, error) {
		t.Error("asked")
		return 0, nil
	})
	if !errors.Is(err, kafka.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
