package worker

import (
	"math/rand/v2"
	"testing"

	"github.com/IBM/sarama"
	"go.opentelemetry.io/otel/propagation"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// outputsRun drives claims as hands and transactions do.
type outputsRun struct {
	*testing.T
	*session
	taken  map[*claim][]task
	offset int64
	order  map[*claim]int64
}

type pausing struct{}

func (pausing) Pause(map[string][]int32)  {}
func (pausing) Resume(map[string][]int32) {}

func newOutputsRun(t *testing.T, claims int32) *outputsRun {
	config := Config{MaxInFlight: 100, MaxInFlightBytes: 1 << 20, Propagator: propagation.TraceContext{}}
	r := &outputsRun{
		T: t, taken: make(map[*claim][]task), order: make(map[*claim]int64),
		session: &session{
			runner: &runner{config: config}, progress: newProgress(), fetching: pausing{},
			transactor: &transactor{ledger: ledger{settings: ProducerSettings{}.withDefaults()}},
			due:        make(chan struct{}, 1),
		},
	}
	for number := range claims {
		c := newClaim(kafka.TopicPartition{Topic: "t", Partition: number}, position{}, flow.NoLane)
		c.transactional = true
		r.progress.put(c)
	}
	return r
}

func (r *outputsRun) take(c *claim, count int) {
	var records []*sarama.ConsumerMessage
	for range count {
		r.offset++
		records = append(records, &sarama.ConsumerMessage{Topic: c.Topic, Partition: c.Partition, Offset: r.offset, Value: make([]byte, r.offset%7)})
	}
	tasks, taken := c.take(records, nil)
	r.inFlight.add(taken)
	r.taken[c] = append(r.taken[c], tasks...)
}

// finish has the message produce as many outputs as its offset says.
func (r *outputsRun) finish(c *claim, which int) {
	t := r.taken[c][which]
	r.taken[c] = append(r.taken[c][:which:which], r.taken[c][which+1:]...)
	if err := r.attach(r.Context(), &t, outputsOf(int(t.record.Offset%4))); err != nil {
		r.Fatal(err)
	}
	r.freed(&t)
	r.commitEarly(c)
}

func outputsOf(count int) []Outgoing {
	out := make([]Outgoing, count)
	for i := range out {
		out[i] = Outgoing{Topic: "results", Value: make([]byte, 10)}
	}
	return out
}

// transact commits what is ready, in halves of halves now and then.
func (r *outputsRun) transact(random *rand.Rand) {
	pieces := [][]part{r.progress.parts()}
	for random.IntN(2) == 0 {
		var smaller [][]part
		for _, piece := range pieces {
			first, second := halves(piece)
			smaller = append(smaller, first, second)
		}
		pieces = smaller
	}
	for _, piece := range pieces {
		for _, p := range piece {
			r.check(p)
			r.accepted(p)
		}
	}
}

// check tells that a part has each message of its claim up to its position,
// after those of the part before, in order.
func (r *outputsRun) check(p part) {
	for _, message := range p.messages {
		if message.record.Offset <= r.order[p.claim] || message.record.Offset >= p.at.next {
			r.Fatalf("offset %d comes after %d, in a part up to %d", message.record.Offset, r.order[p.claim], p.at.next)
		}
		r.order[p.claim] = message.record.Offset
	}
	r.order[p.claim] = p.at.next - 1
	for _, t := range r.taken[p.claim] {
		if t.record.Offset < p.at.next {
			r.Fatalf("offset %d is committed and not finished", t.record.Offset)
		}
	}
}

// balanced tells that the claims' amounts are the session's.
func (r *outputsRun) balanced() {
	var sum flow.Amount
	for _, c := range r.progress.all() {
		if c.closed {
			continue
		}
		sum = sum.Plus(c.inFlight())
	}
	if got := r.inFlight.amount(); got != sum || sum.Messages < 0 || sum.Bytes < 0 {
		r.Fatalf("the session has %+v in flight, its claims %+v", got, sum)
	}
}

func TestWhatIsInFlightInTransactionsIsCountedOnce(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		r := newOutputsRun(t, 3)
		claims := r.progress.all()
		for range 200 {
			c := claims[random.IntN(len(claims))]
			switch {
			case random.IntN(3) == 0:
				r.take(c, 1+random.IntN(10))
			case random.IntN(15) == 0:
				r.transact(random)
			case len(r.taken[c]) > 0:
				r.finish(c, random.IntN(len(r.taken[c])))
			}
			r.balanced()
		}
		for _, c := range claims {
			for len(r.taken[c]) > 0 {
				r.finish(c, 0)
			}
		}
		closed := claims[0]
		closed.close(func(running int) int { return running })
		r.inFlight.remove(closed.inFlight())
		r.balanced()
		r.transact(random)
		if got := r.inFlight.amount(); got != (flow.Amount{}) {
			t.Fatalf("seed %d: %+v are in flight when all is committed", seed, got)
		}
	}
}

func TestATransactionIsDueWhenHalfOfTheShareWaits(t *testing.T) {
	r := newOutputsRun(t, 1)
	c := r.progress.all()[0]
	r.take(c, 50)
	for range 25 { // the share of one partition is half of 100
		r.finish(c, 0)
		if len(r.due) > 0 {
			t.Fatalf("due with %+v waiting", c.outputs.waiting)
		}
	}
	r.finish(c, 0)
	if len(r.due) != 1 {
		t.Errorf("not due with %+v waiting", c.outputs.waiting)
	}
}

// What is kept back waits for the commit of what was handed on: with all of that
// finished nothing else would have it begin.
func TestATransactionIsDueWhenASurplusWaitsForIt(t *testing.T) {
	r := newOutputsRun(t, 1)
	c := r.progress.all()[0]
	r.take(c, 8)
	r.surplus.add(c.surplus.push(r.taken[c][3:], make([]flow.Lane, 5)))
	r.taken[c] = r.taken[c][:3]
	for range 3 {
		if len(r.due) > 0 {
			t.Fatalf("due with %+v waiting and more in hand", c.outputs.waiting)
		}
		r.finish(c, 0)
	}
	if len(r.due) != 1 {
		t.Errorf("not due with %+v waiting and nothing in hand", c.outputs.waiting)
	}
}

// 2,147,483,647 is the last sequence number.
func TestSequencesGoRound(t *testing.T) {
	for _, test := range []struct {
		from int32
		by   int
		want int32
	}{{0, 5, 5}, {1<<31 - 1, 1, 0}, {1<<31 - 3, 5, 2}} {
		if got := sequenceAfter(test.from, test.by); got != test.want {
			t.Errorf("%d after %d is %d, want %d", test.by, test.from, got, test.want)
		}
	}
}
