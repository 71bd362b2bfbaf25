package worker

import (
	"math/rand/v2"
	"testing"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// surplusRun feeds claims and finishes what the pool is given, on a schedule.
type surplusRun struct {
	*testing.T
	*session
	random *rand.Rand
	// given is what the pool has of each claim, next the offset that comes next
	// out of the feed, last the one that the pool was given last.
	given      map[*claim][]task
	next, last map[*claim]int64
	// early counts partitions that were fetched again with something in flight.
	early int
}

func newSurplusRun(t *testing.T, seed uint64) *surplusRun {
	random := rand.New(rand.NewPCG(seed, 0))
	config := Config{
		Ordering: OrderNone, Concurrency: 1 + random.IntN(8), MaxInFlight: 10 + random.IntN(100),
		MaxInFlightBytes: 200 + random.Int64N(3000),
	}
	r := &surplusRun{
		T: t, random: random, given: make(map[*claim][]task), next: make(map[*claim]int64), last: make(map[*claim]int64),
		session: &session{runner: &runner{config: config}, progress: newProgress()},
	}
	r.fetching = r
	r.pool = newPool(poolOptions{hands: config.Concurrency, most: runAtOnce}, func(*hand) {})
	for number := range int32(1 + random.IntN(4)) {
		c := newClaim(kafka.TopicPartition{Topic: "t", Partition: number}, position{}, flow.NoLane)
		r.progress.put(c)
		r.last[c] = -1
	}
	return r
}

// feed is a fetch, whatever the share is.
func (r *surplusRun) feed(c *claim, count int) {
	var records []*sarama.ConsumerMessage
	for range count {
		records = append(records, &sarama.ConsumerMessage{
			Topic: c.Topic, Partition: c.Partition, Offset: r.next[c], Value: make([]byte, r.random.IntN(60)),
		})
		r.next[c]++
	}
	tasks, taken := c.take(records, nil)
	r.inFlight.add(taken)
	r.hand(c, tasks, make([]flow.Lane, len(tasks)))
	r.limit(c)
}

// Pause implements fetching.
func (r *surplusRun) Pause(map[string][]int32) {}

// Resume implements fetching. What a partition has in flight then is within its
// share, and so at most half of the limit, but for a single message.
func (r *surplusRun) Resume(partitions map[string][]int32) {
	for _, c := range r.progress.all() {
		if c.Partition != partitions[c.Topic][0] {
			continue
		}
		own := c.amount()
		if own.Messages == 0 {
			continue
		}
		if own.Exceeds(r.share(own)) {
			r.Fatalf("%v is fetched again with %+v in flight of %+v", c.TopicPartition, own, r.share(own))
		}
		r.early++
	}
}

// look takes over what the pool was given, which must be in order.
func (r *surplusRun) look() {
	for r.pool.lanes.Ready() > 0 {
		tasks, held := r.pool.lanes.Take(1, nil)
		r.pool.lanes.Done(held)
		t := tasks[0]
		if t.record.Offset != r.last[t.claim]+1 {
			r.Fatalf("offset %d was handed on after %d", t.record.Offset, r.last[t.claim])
		}
		r.last[t.claim] = t.record.Offset
		r.given[t.claim] = append(r.given[t.claim], t)
	}
}

func (r *surplusRun) finish(c *claim, which int) {
	t := r.given[c][which]
	r.given[c] = append(r.given[c][:which:which], r.given[c][which+1:]...)
	r.freed(&t)
}

// check tells that no claim has more in the handlers, or handled and not
// committable, than half of the limit or what keeps the hands busy.
func (r *surplusRun) check() {
	var sum, held flow.Amount
	most := flow.Amount{
		Messages: int64(max(r.config.MaxInFlight/2, min(2*r.config.Concurrency, r.config.MaxInFlight))),
		Bytes:    r.config.MaxInFlightBytes / 2,
	}
	for _, c := range r.progress.all() {
		if handed := c.handed(); handed.Messages > 1 && handed.Exceeds(most) {
			r.Fatalf("the handlers were given %+v of %v, want at most %+v", handed, c.TopicPartition, most)
		}
		if len(r.given[c]) == 0 && c.surplus.len() > 0 && c.handed().Messages == 0 {
			r.Fatalf("%v has a surplus of %+v and nothing to do", c.TopicPartition, c.surplus.amount)
		}
		sum, held = sum.Plus(c.inFlight()), held.Plus(c.surplus.amount)
	}
	if r.inFlight.amount() != sum || r.surplus.amount() != held {
		r.Fatalf("the session has %+v in flight and a surplus of %+v, its claims %+v and %+v", r.inFlight.amount(), r.surplus.amount(), sum, held)
	}
}

// A partition's lowest message may take as long as it likes: what is handled
// behind it stays within the partition's share, and what was fetched beyond that
// is handled, in order, once there is room.
func TestWhatIsHandledBehindAnUnfinishedMessageIsBounded(t *testing.T) {
	early := 0
	for seed := range uint64(300) {
		r := newSurplusRun(t, seed)
		claims := r.progress.all()
		for range 300 {
			c := claims[r.random.IntN(len(claims))]
			if r.random.IntN(4) == 0 {
				r.feed(c, 1+r.random.IntN(60))
			} else if some := len(r.given[c]); some > 0 {
				if first := r.random.IntN(3) == 0; first || some == 1 {
					r.finish(c, 0)
				} else {
					r.finish(c, 1+r.random.IntN(some-1))
				}
			}
			r.look()
			r.check()
		}
		lost := claims[0]
		lost.close(func(running int) int { return running })
		r.inFlight.remove(lost.inFlight())
		r.dropSurplus(lost)
		r.progress.remove(lost)
		r.check()
		for _, c := range claims[1:] {
			for len(r.given[c]) > 0 {
				r.finish(c, r.random.IntN(len(r.given[c])))
				r.look()
				r.check()
			}
			if c.paused {
				t.Fatalf("seed %d: %v is not fetched any more", seed, c.TopicPartition)
			}
			if r.last[c] != r.next[c]-1 {
				t.Fatalf("seed %d: of %v offset %d was the last to be handled of %d", seed, c.TopicPartition, r.last[c], r.next[c])
			}
		}
		if left := r.inFlight.amount(); left != (flow.Amount{}) {
			t.Fatalf("seed %d: %+v is left in flight", seed, left)
		}
		r.pool.close(nil)
		early += r.early
	}
	if early < 100 {
		t.Errorf("partitions were fetched again with something in flight %d times: the next fetch waits for the last message", early)
	}
}
