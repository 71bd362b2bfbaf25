package worker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// A letter may take long to send, and takes no time of the call after it: that
// begins when it is made, not when the call before the letter ended.
func TestASlowDeadLetterDoesNotAgeTheNextCall(t *testing.T) {
	config, err := Config{GroupID: "g", DeadLetter: &DeadLetter{Topic: "dead"}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	var deadline time.Time // when the call began, as the slot has no limit
	handle := oneByOne{func(ctx context.Context, _ Message) error {
		deadline, _ = ctx.Deadline()
		return nil
	}}
	run, err := newRunner(t.Context(), config, handle)
	if err != nil {
		t.Fatal(err)
	}
	over, end := context.WithCancel(t.Context())
	end()
	run.deadLetters = &deadLetters{run: over} // nothing is sent
	s := &session{runner: run, progress: newProgress(), fetching: pausing{}, log: run.log, membership: t.Context(), handling: t.Context()}
	s.pool = newPool(handle.pool(config), func(*hand) {})
	c := newClaim(kafka.TopicPartition{Topic: "t"}, position{}, 1)
	c.metrics = run.metrics.ofTopic("t")
	records := []*sarama.ConsumerMessage{{Topic: "t", Offset: 0}, {Topic: "t", Offset: 1}}
	tasks, _ := c.take(records, nil)
	tasks[0].troubled().letter = errors.New("refused")

	slot := newSlot(t.Context(), 0)
	slot.lastEnded = 1 // the call before ended then, and the letter took all the time since
	s.handleAll(slot, &hand{tasks: tasks[:1:1]})
	sent := time.Now()
	s.handleAll(slot, &hand{tasks: tasks[1:]})
	s.pool.close(nil)
	if !deadline.After(sent) {
		t.Errorf("the call after the letter began %s before that was sent", sent.Sub(deadline))
	}
}
