package worker_test

import (
	"sync"
	"time"
)

// partition and place name what is in a log.
type partition struct {
	Topic  string
	Number int32
}

type place struct {
	partition
	Offset int64
}

// content is what a message has the handler do: its value, in JSON.
type content struct {
	Do behaviour `json:"do,omitempty"`
	// Times is how often, over all workers, before the message is handled; 0
	// is always.
	Times int `json:"times,omitempty"`
	// For is how long it takes.
	For time.Duration `json:"for,omitempty"`
}

type behaviour string

const (
	works     behaviour = ""
	slow      behaviour = "slow"     // takes its time, and ends with its context
	stubborn  behaviour = "stubborn" // takes its time, whatever its context says
	fails     behaviour = "fails"
	panics    behaviour = "panics"
	permanent behaviour = "permanent" // fails with an error that is permanent
)

// poison is what no attempt will handle.
func (c content) poison() bool { return c.Do == permanent || c.Do == fails && c.Times == 0 }

// seen is a message in a worker's hand.
type seen struct {
	place
	Key   []byte
	Value []byte
}

// fate is what is known of a message that was acknowledged.
type fate struct {
	key     []byte
	content content
	// transaction is "" outside of one; "unknown" where its end is not known.
	transaction string
}

// event is when something happened: they are counted, in the order in which
// they became known here. Workers wait until they have.
type event int64

// completion is a message that came back from the handler for good.
type completion struct {
	at     event
	worker string
}

// commitSeen is a committed offset that was seen at the brokers, or on its way.
type commitSeen struct {
	partition
	at     event
	offset int64
}

// record is what happened in a schedule.
type record struct {
	settings settings

	mutex     sync.Mutex
	now       event
	produced  map[place]fate
	attempts  map[place]int            // failed ones
	byWorker  map[place]map[string]int // the same, by worker
	completed map[place]completion     // the first time
	gaveUp    map[place]completion
	repeated  int
	commits   []commitSeen
	last      map[partition]int64
	openings  []opening
	workers   map[string]*told
	problems  []string
}

func newRecord(s settings) *record {
	return &record{
		settings: s, produced: map[place]fate{}, attempts: map[place]int{}, byWorker: map[place]map[string]int{},
		completed: map[place]completion{}, gaveUp: map[place]completion{}, last: map[partition]int64{}, workers: map[string]*told{},
	}
}

// begin says what becomes of a message in a worker's hand.
func (r *record) begin(worker string, msg seen) content {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.now++
	what := contentOf(msg.Value)
	if what.Do == works {
		return what
	}
	before := r.attempts[msg.place]
	if what.Times > 0 && before >= what.Times {
		return content{}
	}
	r.attempts[msg.place]++
	return what
}

// failed notes an attempt that counts, and when a worker has had as many as it
// may have.
func (r *record) failed(worker string, msg seen) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.now++
	if r.byWorker[msg.place] == nil {
		r.byWorker[msg.place] = map[string]int{}
	}
	r.byWorker[msg.place][worker]++
	last := contentOf(msg.Value).Do == permanent || r.byWorker[msg.place][worker] == r.settings.Attempts
	if _, already := r.gaveUp[msg.place]; last && !already {
		r.gaveUp[msg.place] = completion{r.now, worker}
	}
}

// done notes messages that are handled. The worker learns of it afterwards, so
// that whatever it commits is known here before.
func (r *record) done(worker string, messages []seen) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, msg := range messages {
		r.now++
		if _, again := r.completed[msg.place]; again {
			r.repeated++
			continue
		}
		r.completed[msg.place] = completion{r.now, worker}
	}
}

// acknowledged notes a message that the brokers have.
func (r *record) acknowledged(at place, is fate) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.produced[at] = is
}

// committed notes a committed offset, or one that is asked to be.
func (r *record) committed(of partition, offset int64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if last, known := r.last[of]; known && last == offset {
		return
	}
	r.now++
	r.last[of] = offset
	r.commits = append(r.commits, commitSeen{of, r.now, offset})
}

func (r *record) completions() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.completed) + r.repeated
}

func (r *record) problem(text string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.problems = append(r.problems, text)
}
