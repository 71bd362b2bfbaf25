package worker

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// heldUpAfter is how long a partition's lowest unfinished message may take
// before it is named.
const heldUpAfter = 10 * time.Second

var (
	inFlightMessages = stateDesc("in_flight_messages", "Messages taken from Kafka that can't be committed yet.")
	inFlightBytes    = stateDesc("in_flight_bytes", "Size of their keys, values and headers.")
	runningHandlers  = stateDesc("running_handlers", "Calls of the handler that have not returned, those of partitions that were given up among them.")
	commitAge        = stateDesc("commit_age_seconds", "How long something has been finished and not committed; 0 when all is committed.")
	pausedPartitions = stateDesc("paused_partitions", "Partitions that are not fetched because they have their share in flight.")
	heldUpSeconds    = stateDesc("held_up_seconds", "How long a partition's lowest unfinished message has been in flight, where that is over 10 s.", "topic", "partition")
	heldUpOffset     = stateDesc("held_up_offset", "The offset of that message.", "topic", "partition")
	configInfo       = stateDesc("config_info", "The configuration in force: 1, with its hash.", "hash")
)

func stateDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("lagrange_worker_"+name, help, labels, nil)
}

// stateOf exports how a run stands at the moment of the scrape.
type stateOf struct{ run *runner }

// Describe implements prometheus.Collector.
func (s stateOf) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		inFlightMessages, inFlightBytes, runningHandlers, commitAge, pausedPartitions, heldUpSeconds, heldUpOffset, configInfo,
	} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (s stateOf) Collect(to chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	running := 0
	s.run.slots.each(func(*slot, int64) { running++ })
	gauge(runningHandlers, float64(running))
	gauge(configInfo, 1, s.run.config.Hash())
	var state sessionState
	if session := s.run.live.Load(); session != nil {
		state = session.state(time.Now())
	}
	gauge(inFlightMessages, float64(state.messages))
	gauge(inFlightBytes, float64(state.bytes))
	gauge(commitAge, state.commitAge.Seconds())
	gauge(pausedPartitions, float64(state.paused))
	for _, held := range state.heldUp {
		partition := strconv.Itoa(int(held.claim.Partition))
		gauge(heldUpSeconds, held.since.Seconds(), held.claim.Topic, partition)
		gauge(heldUpOffset, float64(held.offset), held.claim.Topic, partition)
	}
}

// sessionState is how a session stands.
type sessionState struct {
	messages, bytes int64
	paused          int
	commitAge       time.Duration
	heldUp          []heldUp
}

// heldUp is a claim whose lowest unfinished message takes long.
type heldUp struct {
	claim  *claim
	offset int64
	since  time.Duration
}

func (s *session) state(now time.Time) sessionState {
	amount := s.inFlight.amount()
	state := sessionState{messages: amount.Messages, bytes: amount.Bytes}
	for _, c := range s.progress.all() {
		at := c.state(now)
		state.commitAge = max(state.commitAge, at.commitAge)
		if at.paused {
			state.paused++
		}
		if at.since > heldUpAfter {
			state.heldUp = append(state.heldUp, heldUp{claim: c, offset: at.lowest, since: at.since})
		}
	}
	return state
}

// claimState is how a claim stands.
type claimState struct {
	paused    bool
	commitAge time.Duration
	// lowest is the lowest offset in flight, for since.
	lowest int64
	since  time.Duration
}
