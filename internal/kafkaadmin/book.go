package kafkaadmin

import (
	"maps"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// forgetAfter is how long a topic is remembered that nobody asks for any more.
const forgetAfter = 10 * time.Minute

// logBook is what is remembered of the logs from cycle to cycle, shared by all
// groups of the connection. It holds nothing that a restart could not find
// again, but for the growth of the last hour.
type logBook struct {
	mu        sync.Mutex // guards all that is below, down to the partitions
	clusterID string
	topics    map[string]*topicLog
}

// topicLog is one life of one topic.
type topicLog struct {
	name       string
	id         kafka.TopicID // zero while no broker says it
	used       time.Time
	partitions []partitionLog // by number
	handed     map[reader]handed
}

// partitionLog is what is known of one partition's log.
type partitionLog struct {
	end      reading // the high watermark
	stable   reading // the last stable offset, only where somebody reads committed records
	start    reading
	startDue time.Time
	held     hold
	timeline lag.Timeline // of end
	probe    probeState
	tails    [2]tail // by isolation: read_uncommitted, read_committed
}

// reading is an offset as it was last read, and why it could not be read since.
// Two cycles may read a log at once: each takes what was read since it began,
// and what the other failed to read hides nothing.
type reading struct {
	offset   int64
	at       time.Time // zero while it was never read
	err      error
	failedAt time.Time
}

// note takes in an attempt made at the given time.
func (r *reading) note(o offset, at time.Time) {
	switch {
	case o.err != nil:
		r.err, r.failedAt = o.err, at
	case !at.Before(r.at):
		r.offset, r.at = o.at, at
	}
}

func (r *reading) known() bool { return !r.at.IsZero() }

// since is why the offset was not read since then, nil if it was.
func (r *reading) since(began time.Time) error {
	switch {
	case !r.at.Before(began):
		return nil
	case !r.failedAt.Before(began):
		return r.err
	default:
		return errLeftOut
	}
}

func newLogBook() *logBook { return &logBook{topics: map[string]*topicLog{}} }

// open returns the logs of the topics that the cluster listed, by name. What is
// remembered of another cluster, or of an earlier topic of the name, is lost.
func (b *logBook) open(known *cluster, now time.Time) map[string]*topicLog {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.clusterID != known.id {
		b.clusterID, b.topics = known.id, map[string]*topicLog{}
	}
	logs := make(map[string]*topicLog, len(known.topics))
	for name, t := range known.topics {
		if t.err == nil {
			logs[name] = b.openTopic(name, t, now)
		}
	}
	maps.DeleteFunc(b.topics, func(_ string, log *topicLog) bool { return now.Sub(log.used) > forgetAfter })
	return logs
}

func (b *logBook) openTopic(name string, t topic, now time.Time) *topicLog {
	log := b.topics[name]
	if log == nil || !log.isOf(t) {
		log = &topicLog{name: name, handed: map[reader]handed{}}
		b.topics[name] = log
	}
	if t.id != (kafka.TopicID{}) {
		log.id = t.id
	}
	log.used = now
	log.forgetReaders(now)
	if added := len(t.partitions) - len(log.partitions); added > 0 {
		log.partitions = append(log.partitions, make([]partitionLog, added)...)
	}
	return log
}

// isOf tells whether the topic still lives the life that is remembered: a topic
// that was created anew has another id, and may have fewer partitions, which
// else it never has. Brokers that don't say the id, say zero.
func (l *topicLog) isOf(t topic) bool {
	unsaid := t.id == kafka.TopicID{} || l.id == kafka.TopicID{}
	return (unsaid || l.id == t.id) && len(l.partitions) <= len(t.partitions)
}

// noteEnds takes in the ends of a log that were asked for at the given time. The
// last stable offset is read after the high watermark: so it is below it only
// if a transaction is open, and above it, it is news of it.
func (p *partitionLog) noteEnds(end offset, stable *offset, at time.Time) {
	if stable != nil && stable.err == nil && end.err == nil {
		end.at = max(end.at, stable.at)
	}
	if end.err == nil && !at.Before(p.end.at) {
		p.growTo(end.at, at)
	}
	p.end.note(end, at)
	if stable != nil {
		p.stable.note(*stable, at)
		p.held.note(end, *stable, at)
	}
}

// growTo keeps what depends on the end. One below the last is a log that was
// truncated.
func (p *partitionLog) growTo(end int64, at time.Time) {
	if p.end.known() && end < p.end.offset {
		p.startDue, p.held, p.tails = at, hold{}, [2]tail{}
	}
	p.timeline.Add(end, at)
}

// endFor is where a consumer of the isolation level gets to.
func (p *partitionLog) endFor(isolation kafka.Isolation) *reading {
	if isolation == kafka.ReadCommitted {
		return &p.stable
	}
	return &p.end
}

func (p *partitionLog) tailFor(isolation kafka.Isolation) *tail {
	if isolation == kafka.ReadCommitted {
		return &p.tails[1]
	}
	return &p.tails[0]
}
