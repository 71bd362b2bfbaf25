package sim

import (
	"math"
	"math/rand/v2"
)

// topic is where messages wait. Each partition gets a fixed share of all arrivals, so
// one sum of them tells when any offset of any partition was produced.
type topic struct {
	// share of the arrivals, by partition.
	share []float64
	// total is how many messages had been produced when each second began.
	total []float64
	// end, done and committed are the log end offset, the next offset to handle and the
	// last one committed, by partition.
	end             []float64
	done, committed []cursor
	// age is how long the message at done has waited, in seconds.
	age []float64
}

// cursor is an offset and the second in which its message was produced, or one before:
// offsets only grow, so the second is found by going on from there.
type cursor struct {
	at     float64
	second int
}

func newTopic(c Config, arrivals []float64) topic {
	t := topic{
		share: zipf(c.Partitions, c.Skew, c.Seed),
		total: make([]float64, len(arrivals)+1),
		end:   make([]float64, c.Partitions), age: make([]float64, c.Partitions),
		done: make([]cursor, c.Partitions), committed: make([]cursor, c.Partitions),
	}
	for i, a := range arrivals {
		t.total[i+1] = t.total[i] + a
	}
	return t
}

// zipf is how much of all each of n partitions gets.
func zipf(n int, exponent float64, seed uint64) []float64 {
	share, sum := make([]float64, n), 0.0
	for k := range share {
		share[k] = math.Pow(float64(k+1), -exponent)
		sum += share[k]
	}
	for k := range share {
		share[k] /= sum
	}
	ranks := rand.New(rand.NewPCG(seed, 1))
	ranks.Shuffle(n, func(i, j int) { share[i], share[j] = share[j], share[i] })
	return share
}

// produce adds what arrives until a second.
func (t *topic) produce(until int) {
	for p, share := range t.share {
		t.end[p] = share * t.total[until]
	}
}

// lag is how many messages of a partition wait to be handled.
func (t *topic) lag(p int) float64 { return t.end[p] - t.done[p].at }

// handle moves on by that many messages; all that wait leave no rest of a rounding.
func (t *topic) handle(p int, messages float64) {
	if messages >= t.lag(p) {
		t.done[p].at = t.end[p]
		return
	}
	t.done[p].at += messages
}

func (t *topic) commit(p int) { t.committed[p] = t.done[p] }

// waited is how long the message at a cursor has waited at a second. In a second that
// brought messages 100 to 120, message 105 was produced after a quarter of it.
func (t *topic) waited(p int, c *cursor, second int) float64 {
	if c.at >= t.end[p] {
		c.second = max(c.second, second) // all until now is handled: what comes next is younger
		return 0
	}
	share := t.share[p]
	for share*t.total[c.second+1] <= c.at {
		c.second++
	}
	from, to := share*t.total[c.second], share*t.total[c.second+1]
	return float64(second-c.second) - (c.at-from)/(to-from)
}

// backlog is how many messages wait to be handled.
func (t *topic) backlog() float64 {
	sum := 0.0
	for p := range t.share {
		sum += t.lag(p)
	}
	return sum
}

// late is how many of those were produced before a second.
func (t *topic) late(second int) float64 {
	sum := 0.0
	for p, share := range t.share {
		sum += max(0, share*t.total[max(0, second)]-t.done[p].at)
	}
	return sum
}
