package target

import "time"

// reaction is how long workers take to start, and groups to rebalance, as measured.
type reaction struct {
	asked int32
	// enough ready workers are half of those that were asked for at askedAt: one that
	// waits for a node is not how long workers take.
	enough   int32
	askedAt  time.Time
	starts   []float64
	lastStep time.Duration
	// shaken is how many seconds the group was seen not to be stable in dealt
	// rebalances; older ones count less.
	owners        uint64
	shaken, dealt float64
}

const (
	// usualStart and usualPause are taken until they are measured: a pod with its image
	// there is ready in 10 to 50 s in nine of ten cases (D. Landau, "Consumer group
	// autoscaler", thesis, 2022), and a cooperative rebalance moves partitions in
	// about two cycles of a consumer, which were 5 s there.
	usualStart = 30.0
	usualPause = 5.0
	// longestLook is how much of the time between two looks counts for what one saw, and
	// longestPause and longestStart are all that is reckoned with: who takes longer is in
	// trouble, and no number of workers helps.
	longestLook  = 30 * time.Second
	longestPause = time.Minute
	longestStart = 10 * time.Minute
	// maxMeasured of each are kept, and few tell nothing.
	maxMeasured = 20
	fewMeasured = 3
)

// take takes in whether workers became ready, and the group stable.
func (r reaction) take(o Observation, step time.Duration, now time.Time) reaction {
	if step > 0 {
		r.lastStep = step
	}
	switch {
	case o.Replicas > r.asked && r.asked > 0:
		r.enough, r.askedAt = r.asked+(o.Replicas-r.asked+1)/2, now.Add(-r.lastStep)
	case o.Replicas < r.asked:
		r.askedAt = time.Time{} // some were not waited for
	}
	r.asked = o.Replicas
	if !r.askedAt.IsZero() && o.Ready >= r.enough {
		r.starts = append(lastOf(r.starts), now.Sub(r.askedAt).Seconds())
		r.askedAt = time.Time{}
	}
	return r.shake(o, step)
}

// shake takes in whether partitions move, and whether they have moved. A rebalance is
// seen at some looks and not at others: the time of all looks that saw one, divided by
// how many there were, is how long they last all the same.
func (r reaction) shake(o Observation, step time.Duration) reaction {
	if o.Moving && o.Replicas > 0 {
		r.shaken += min(step, longestLook).Seconds()
	}
	owners := ownersOf(o.Partitions)
	if owners != r.owners && r.owners != 0 {
		r.dealt++
	}
	r.owners = owners
	if r.dealt > maxMeasured {
		r.shaken, r.dealt = r.shaken/2, r.dealt/2
	}
	return r
}

func lastOf(measured []float64) []float64 {
	return measured[max(0, len(measured)-maxMeasured+1):len(measured):len(measured)]
}

// pause is how long a moved partition is not read: a mean, with usualPause as if it
// had been measured fewMeasured times.
func (r reaction) pause() time.Duration {
	return min(seconds((r.shaken+usualPause*fewMeasured)/(r.dealt+fewMeasured)), longestPause)
}

// start is how long workers take until they are ready.
func (r reaction) start() time.Duration {
	if len(r.starts) < fewMeasured {
		return seconds(usualStart)
	}
	return min(seconds(middle(r.starts)), longestStart)
}

// coming is when workers that were asked for are expected to be ready: not before the
// next look when they are late.
func (r reaction) coming(now time.Time) time.Duration {
	if r.askedAt.IsZero() {
		return r.lastStep
	}
	return max(r.start()-now.Sub(r.askedAt), r.lastStep)
}

// horizon is the time from a decision until more workers work.
func (r reaction) horizon() time.Duration { return r.lastStep + r.start() + r.pause() }

func middle(measured []float64) float64 {
	if len(measured) == 0 {
		return 0
	}
	return quantile(append([]float64(nil), measured...), 0.5)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
