package lag

import (
	"cmp"
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Options are what a History must know of a group besides its samples.
type Options struct {
	// Initial is where a partition without a commit starts.
	Initial kafka.InitialOffset
	// MaxProcessingTime is the longest that one message may take. A worker commits
	// nothing meanwhile, so the window of the verdicts is longer by it.
	MaxProcessingTime time.Duration
	// CommitInterval is the time between the commits of a worker that has work,
	// in which it is just as silent.
	CommitInterval time.Duration
}

// window is how long evidence must last against this group's workers.
func (o Options) window() time.Duration {
	return minWindow + max(0, o.MaxProcessingTime) + max(0, o.CommitInterval)
}

// History is what is remembered of one consumer group from sample to sample:
// some 300 bytes a partition. The zero value is ready. Nothing depends on it for
// correctness: after a restart rates are unknown for two samples, and verdicts
// are OK until the window is full again. It is not safe for concurrent use.
//
// It starts anew when the samples come from another Kafka cluster, and for a
// topic that was deleted and created anew. What a sample leaves unknown is kept
// as it was, and the time up to the next known one is no evidence of anything.
type History struct {
	clusterID string
	began     time.Time // At of the first sample; durations count from it
	at        time.Time // At of the last one
	samples   uint32    // taken in so far
	idle      bool      // the group had no members in the last one
	slots     slots
	topics    []topicHistory
}

// topicHistory is one life of one topic; records are by partition number.
type topicHistory struct {
	name    string
	id      kafka.TopicID
	records []record
}

// Observe takes in the next sample, as Take does, and returns its lag, as Tell does.
func (h *History) Observe(sample kafka.GroupSample, o Options) Group {
	h.Take(sample, o)
	return h.Tell(sample, o)
}

// Take takes in the next sample. It returns whether that changed a verdict or
// made an anomaly of a partition, which the offsets alone don't show. A sample
// that is not newer than the last changes nothing.
func (h *History) Take(sample kafka.GroupSample, o Options) (changed bool) {
	if h.samples > 0 && !sample.At.After(h.at) {
		return false
	}
	r := rooms.Get().(*room)
	defer rooms.Put(r)
	return h.take(sample, of(sample, o.Initial, r), o)
}

// Tell is the lag of a sample with what only time tells: rates, health and
// CommittedAboveEnd, as of the last sample that was taken in.
func (h *History) Tell(sample kafka.GroupSample, o Options) Group {
	group := Of(sample, o.Initial)
	for i, topic := range group.Topics {
		if records := h.recordsOf(i, topic); records != nil {
			h.tell(records, topic.Partitions)
		}
	}
	return group
}

// take updates every record by the sample.
func (h *History) take(sample kafka.GroupSample, group Group, o Options) (changed bool) {
	if h.clusterID != "" && sample.ClusterID != "" && h.clusterID != sample.ClusterID {
		*h = History{}
	}
	l := h.next(sample, o)
	if sample.ConnectionErr != nil {
		return false
	}
	h.align(sample.Topics)
	for i, topic := range group.Topics {
		h.topics[i].take(&l, sample.Topics[i], topic)
	}
	return l.changed
}

// look is what one sample says of the group as a whole.
type look struct {
	sample uint32        // its number, from 1
	now    time.Duration // since the History began
	slot   int           // where to write down the partitions' totals
	slots  *slots        // when the earlier ones were
	step   time.Duration // since the sample before; 0 when that is too long for evidence
	window time.Duration // how long evidence must last
	steady bool          // owners are known, and nobody is taking partitions over
	idle   bool          // the group has no members, nor had any in the sample before

	changed bool // set when a record's verdict or anomaly changes
}

// next moves the History's clock to the sample.
func (h *History) next(sample kafka.GroupSample, o Options) look {
	if h.samples == 0 {
		h.began, h.at = sample.At, sample.At
	}
	if sample.ClusterID != "" {
		h.clusterID = sample.ClusterID
	}
	h.samples++
	l := look{
		sample: h.samples,
		now:    sample.At.Sub(h.began),
		step:   evidenceStep(sample.At.Sub(h.at)),
		window: o.window(),
		steady: sample.StateErr == nil && !sample.State.Rebalancing(),
		idle:   h.idle && withoutMembers(sample),
		slots:  &h.slots,
	}
	h.at = sample.At
	if sample.ConnectionErr == nil {
		h.idle = withoutMembers(sample)
		l.slot = h.slots.next(l.now)
	}
	return l
}

func withoutMembers(sample kafka.GroupSample) bool {
	return sample.StateErr == nil && (sample.State == kafka.StateEmpty || sample.State == kafka.StateDead)
}

// align makes one topicHistory for each topic of the sample, in its order, and
// keeps what is known of those that were there.
func (h *History) align(topics []kafka.TopicSample) {
	same := func(a topicHistory, b kafka.TopicSample) bool { return a.name == b.Name }
	if slices.EqualFunc(h.topics, topics, same) {
		return
	}
	before := h.topics
	h.topics = make([]topicHistory, len(topics))
	for i, topic := range topics {
		h.topics[i].name = topic.Name
		if at, found := slices.BinarySearchFunc(before, topic.Name, byName); found {
			h.topics[i] = before[at]
		}
	}
}

func byName(t topicHistory, name string) int { return cmp.Compare(t.name, name) }

func (t *topicHistory) take(l *look, sample kafka.TopicSample, lag Topic) {
	if sample.Err != nil {
		for i := range t.records {
			t.records[i].skip(l)
		}
		return
	}
	var none kafka.TopicID
	if t.id != none && sample.ID != none && t.id != sample.ID {
		t.records = nil
	}
	if sample.ID != none {
		t.id = sample.ID
	}
	t.resize(len(sample.Partitions))
	for i := range t.records {
		t.records[i].take(l, &sample.Partitions[i], &lag.Partitions[i])
	}
}

// resize allocates exactly: append would leave room that is never used.
func (t *topicHistory) resize(partitions int) {
	if len(t.records) == partitions {
		return
	}
	records := make([]record, partitions)
	copy(records, t.records)
	t.records = records
}

// recordsOf is nil when the History knows no such topic at this place, or
// another number of partitions: an old sample may have other topics.
func (h *History) recordsOf(i int, topic Topic) []record {
	if i >= len(h.topics) || h.topics[i].name != topic.Name || len(h.topics[i].records) != len(topic.Partitions) {
		return nil
	}
	return h.topics[i].records
}

// tell adds to the partitions what the records say.
func (h *History) tell(records []record, partitions []Partition) {
	for i := range partitions {
		p, r := &partitions[i], &records[i]
		if p.Err != nil || r.sample == 0 {
			continue
		}
		p.Produced, p.Consumed = r.rates(&h.slots)
		p.Health, p.Since = bySeverity[r.verdict], h.began.Add(r.since)
		if r.above >= twice {
			p.Anomaly = CommittedAboveEnd
		}
	}
}
