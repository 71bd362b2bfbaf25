package trial

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lagrange-operator/lagrange/examples/im/chat"
	"github.com/lagrange-operator/lagrange/examples/im/gateway"
)

const (
	// devicePatience is how long a device waits for an acknowledgement. That is
	// shorter than a broker is away: what is sent again is then there twice.
	devicePatience = 2 * time.Second
	// sendAgainAfter is how long it waits after a failure.
	sendAgainAfter = 100 * time.Millisecond
)

// ledger is what the senders know of their messages.
type ledger struct {
	mutex sync.Mutex
	// sent counts messages, repeated the times that one was sent again.
	sent, repeated int
	// acknowledged are the ids of each conversation, in the order of their numbers.
	acknowledged map[string][]string
}

func newLedger() *ledger { return &ledger{acknowledged: make(map[string][]string)} }

func (l *ledger) note(change func()) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	change()
}

// send has all conversations at the same time.
func (r *round) send(ctx context.Context, gateway *gateway.Gateway, ledger *ledger) {
	pace := rate.NewLimiter(rate.Limit(r.Rate), max(1, r.Rate/10))
	var conversations sync.WaitGroup
	for number := range r.Conversations {
		count := r.Messages / r.Conversations
		if number < r.Messages%r.Conversations {
			count++
		}
		conversations.Go(func() { converse(ctx, gateway, ledger, pace, fmt.Sprintf("conversation-%d", number), count) })
	}
	conversations.Wait()
	r.tell("sent %d messages, and again %d times", ledger.sent, ledger.repeated)
}

// converse sends the messages of one conversation, each after the one before it
// was acknowledged.
func converse(ctx context.Context, gateway *gateway.Gateway, ledger *ledger, pace *rate.Limiter, conversation string, count int) {
	for number := 1; number <= count && pace.Wait(ctx) == nil; number++ {
		m := chat.Message{
			ID: rand.Text(), Conversation: conversation, Sender: fmt.Sprintf("person-%d", number%2), Number: number,
			Text: fmt.Sprintf("This is message %d.", number),
		}
		ledger.note(func() { ledger.sent++ })
		for deliver(ctx, gateway, m) != nil {
			select {
			case <-time.After(sendAgainAfter):
			case <-ctx.Done():
				return
			}
			ledger.note(func() { ledger.repeated++ })
		}
		ledger.note(func() { ledger.acknowledged[conversation] = append(ledger.acknowledged[conversation], m.ID) })
	}
}

func deliver(ctx context.Context, gateway *gateway.Gateway, m chat.Message) error {
	ctx, cancel := context.WithTimeout(ctx, devicePatience)
	defer cancel()
	return gateway.Deliver(ctx, m)
}
