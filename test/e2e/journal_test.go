//go:build e2e

package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
)

// journal is a tally that keeps what was handled of each partition of the one
// topic, in the order in which it was: also what was handled before.
type journal struct {
	mu        sync.Mutex
	sequences map[string]int64
	handled   map[int32][]int64
}

func newJournal() *journal {
	return &journal{sequences: map[string]int64{}, handled: map[int32][]int64{}}
}

// ServeHTTP takes a batch of a worker. One that was taken is not taken again.
func (j *journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request tally.Request
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if request.Sequence > j.sequences[request.Worker] {
		j.sequences[request.Worker] = request.Sequence
		for _, m := range request.Messages {
			j.handled[m.Partition] = append(j.handled[m.Partition], m.Offset)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// sofar is what was handled until now.
func (j *journal) sofar() map[int32][]int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	handled := maps.Clone(j.handled)
	for p, offsets := range handled {
		handled[p] = slices.Clone(offsets)
	}
	return handled
}

// course is the way of a partition's offset through resets: the stretches of the
// log that are handled one after another. The last one goes on to the log end.
type course struct {
	stretches [][2]int64
	from, end int64
}

// moved ends a stretch at what was committed, and begins another one.
func (c *course) moved(committed, target int64) {
	c.stretches = append(c.stretches, [2]int64{c.from, committed})
	c.from = target
}

// offsets are the messages on the way: each offset of these logs has one.
func (c *course) offsets() []int64 {
	var offsets []int64
	for _, s := range append(slices.Clone(c.stretches), [2]int64{c.from, c.end}) {
		for offset := s[0]; offset < s[1]; offset++ {
			offsets = append(offsets, offset)
		}
	}
	return offsets
}
