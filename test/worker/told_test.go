package worker_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// told is what one worker has said of itself.
type told struct {
	log    strings.Builder
	opened map[partition]bool
	// pending is what it passes over where it is about to open partitions.
	pending map[partition]int64
	passed  int64 // of partitions that it has opened
	// counted and rebalances are its metrics when it was last given partitions.
	counted, rebalances int64
}

// opening is where a worker opened a partition, by its log.
type opening struct {
	Message          string `json:"msg"`
	Topic            string `json:"topic"`
	Partition        int32  `json:"partition"`
	From, To         int64
	Reason           string `json:"reason"`
	Skipped          int64  `json:"skipped"`
	LogStart, LogEnd int64
}

func (o opening) of() partition { return partition{o.Topic, o.Partition} }

// passes tells whether the offset lies in what the opening passes over by a
// policy. Below the log start of a group's first opening there is nothing.
func (o opening) passes(offset int64) bool {
	from := o.From
	switch {
	case o.Reason == "outOfRange" && o.From > o.LogEnd, o.Reason == "latest":
		from = o.LogStart
	case o.Reason == "committed":
		return false
	}
	return from <= offset && offset < o.To
}

func (r *record) of(worker string) *told {
	if r.workers[worker] == nil {
		r.workers[worker] = &told{opened: map[partition]bool{}, pending: map[partition]int64{}}
	}
	return r.workers[worker]
}

func (r *record) knows(worker string) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.workers[worker] != nil
}

// logged takes lines of a worker's log.
func (r *record) logged(worker, lines string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	by := r.of(worker)
	for line := range strings.Lines(lines) {
		fmt.Fprintf(&by.log, "[%d] %s", r.now, line)
		var at opening
		if json.Unmarshal([]byte(line), &at) != nil || at.Message != "partition opens" {
			continue
		}
		r.openings = append(r.openings, at)
		by.pending[at.of()] = at.Skipped
	}
}

// opened notes partitions that a worker was given and has opened, and compares
// what it has counted by now with what it has logged.
func (r *record) opened(worker string, partitions []partition, counted, rebalances int64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	by := r.of(worker)
	for _, p := range partitions {
		by.passed += by.pending[p]
		by.opened[p] = true
		delete(by.pending, p)
	}
	by.counted, by.rebalances = counted, rebalances
	if by.counted != by.passed {
		r.problems = append(r.problems, fmt.Sprintf("%s passed over %d offsets and counted %d", worker, by.passed, by.counted))
	}
}

// logOf is a worker's log.
func logOf(worker string, to teller) io.Writer { return logWriter{worker, to} }

type logWriter struct {
	worker string
	to     teller
}

// Write implements io.Writer; a line comes whole.
func (w logWriter) Write(line []byte) (int, error) {
	w.to.logged(w.worker, string(line))
	return len(line), nil
}

// sumOf is a metric over its labels.
func sumOf(registry *prometheus.Registry, name string) int64 {
	families, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() == name {
			for _, series := range family.GetMetric() {
				sum += series.GetCounter().GetValue()
			}
		}
	}
	return int64(sum)
}
