// Package tally counts the messages that workers have handled: how many
// distinct ones, and how many deliveries of a message that was counted before.
//
// Workers POST batches to /handled, one at a time and numbered, and repeat a
// batch until it is acknowledged; a repeated number is not counted again.
package tally

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Request is the body of POST /handled.
type Request struct {
	// Worker names the process that handled the messages.
	Worker string `json:"worker"`
	// Sequence numbers the worker's batches from 1. The last one again is a
	// repetition.
	Sequence int64 `json:"sequence"`
	// Messages were handled since the batch before.
	Messages []Message `json:"messages"`
}

// Message names one message.
type Message struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Counts is what was handled.
type Counts struct {
	// Distinct messages were handled at least once.
	Distinct int64 `json:"distinct"`
	// Redelivered counts deliveries beyond each message's first.
	Redelivered int64 `json:"redelivered"`
	// OutOfOrder counts messages whose first delivery came after that of a
	// later message of the same partition.
	OutOfOrder int64 `json:"outOfOrder"`
	// First is when the first message was counted, zero before that.
	First time.Time `json:"first"`
	// Workers is the number of processes that have reported.
	Workers int `json:"workers"`
}

// Server counts. The zero value is not usable; see New.
type Server struct {
	now func() time.Time

	mutex      sync.Mutex
	sequences  map[string]int64
	partitions map[partition]*log
	counts     Counts
}

type partition struct {
	topic  string
	number int32
}

// log is what was handled of one partition.
type log struct {
	handled map[int64]struct{}
	highest int64
}

// New is a server that has counted nothing yet.
func New() *Server {
	return &Server{
		now:        time.Now,
		sequences:  make(map[string]int64),
		partitions: make(map[partition]*log),
	}
}

// Handler serves POST /handled, answered with 204, and GET /counts.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /handled", s.post)
	mux.HandleFunc("GET /counts", s.get)
	return mux
}

// Counts is what was handled until now.
func (s *Server) Counts() Counts {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	counts := s.counts
	counts.Workers = len(s.sequences)
	return counts
}

// Distinct is the number of distinct messages of each partition of a topic.
func (s *Server) Distinct(topic string) map[int32]int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	distinct := make(map[int32]int64)
	for at, log := range s.partitions {
		if at.topic == topic {
			distinct[at.number] = int64(len(log.handled))
		}
	}
	return distinct
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	var request Request
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, fmt.Sprintf("read batch: %v", err), http.StatusBadRequest)
		return
	}
	if err := s.Add(request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) get(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.Counts()) // the asker is gone if this fails
}

// Add counts a batch unless it was counted before. It refuses a batch out of
// sequence: one between was lost.
func (s *Server) Add(request Request) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	last := s.sequences[request.Worker]
	switch {
	case request.Sequence == last+1:
	case request.Sequence == last && last > 0:
		return nil
	default:
		return fmt.Errorf("batch %d of %q came after batch %d", request.Sequence, request.Worker, last)
	}
	s.sequences[request.Worker] = request.Sequence
	for _, message := range request.Messages {
		s.count(message)
	}
	return nil
}

func (s *Server) count(message Message) {
	at := partition{message.Topic, message.Partition}
	seen := s.partitions[at]
	if seen == nil {
		seen = &log{handled: make(map[int64]struct{}), highest: -1}
		s.partitions[at] = seen
	}
	if _, again := seen.handled[message.Offset]; again {
		s.counts.Redelivered++
		return
	}
	if s.counts.First.IsZero() {
		s.counts.First = s.now()
	}
	seen.handled[message.Offset] = struct{}{}
	s.counts.Distinct++
	if message.Offset < seen.highest {
		s.counts.OutOfOrder++
	}
	seen.highest = max(seen.highest, message.Offset)
}
