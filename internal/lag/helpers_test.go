package lag

import (
	"fmt"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// interval is the usual one between two samples.
const interval = 5 * time.Second

// film is a group with one topic, shown to a History sample by sample. Changes
// made to sample stay for those that follow.
type film struct {
	history History
	options Options
	sample  kafka.GroupSample
	got     Group
	told    told
}

// newFilm has one partition that worker-0 owns: start 0, end 1000, committed 900.
func newFilm() *film {
	f := &film{
		options: Options{Initial: kafka.InitialEarliest},
		sample: kafka.GroupSample{
			ClusterID: "one", State: kafka.StateStable,
			Topics: []kafka.TopicSample{topic([3]int64{900, 0, 1000})},
		},
	}
	f.sample.Topics[0].ID = kafka.TopicID{1}
	f.assign("worker-0")
	return f
}

// assign gives partition 0 to the member of this client id, "" to none.
func (f *film) assign(client string) {
	if client == "" {
		f.sample.State, f.sample.Members = kafka.StateEmpty, nil
		return
	}
	f.sample.State = kafka.StateStable
	f.sample.Members = []kafka.Member{{ID: client + "-7", ClientID: client, Assigned: []kafka.TopicPartition{{Topic: "orders"}}}}
}

// partition is the one partition of the sample.
func (f *film) partition() *kafka.PartitionSample { return &f.sample.Topics[0].Partitions[0] }

// next shows one sample, taken some time after the one before. The History gets
// partitions of its own: samples are immutable once handed out.
func (f *film) next(after time.Duration) Partition {
	if f.sample.At.IsZero() {
		f.sample.At = noon
	}
	f.sample.At = f.sample.At.Add(after)
	shown := f.sample
	shown.Topics = nil
	for _, t := range f.sample.Topics {
		t.Partitions = append([]kafka.PartitionSample(nil), t.Partitions...)
		shown.Topics = append(shown.Topics, t)
	}
	if shown.ConnectionErr != nil {
		shown.Topics = nil
	}
	changed := f.history.Take(shown, f.options)
	f.got = f.history.Tell(shown, f.options)
	if len(f.got.Topics) == 0 || len(f.got.Topics[0].Partitions) == 0 {
		return Partition{Err: f.got.FirstErr()}
	}
	if f.history.at.Equal(shown.At) && after > 0 {
		f.mustHaveSaid(changed, shown)
	}
	return f.got.Topics[0].Partitions[0]
}

// mustHaveSaid checks in every test that Take tells of a changed verdict or
// anomaly when there is one, and of nothing else.
func (f *film) mustHaveSaid(changed bool, shown kafka.GroupSample) {
	p := f.got.Topics[0].Partitions[0]
	if p.Err != nil || p.Health == HealthUnknown { // as for a sample that came late
		return
	}
	now := told{p.Health, p.Anomaly == CommittedAboveEnd, p.Topic, shown.Topics[0].ID, shown.ClusterID}
	same, comparable := now == f.told, now.topic == f.told.topic && now.id == f.told.id && now.clusterID == f.told.clusterID
	if comparable && changed == same {
		panic(fmt.Sprintf("Take said %t, while the partition went from %v to %v", changed, f.told, now))
	}
	f.told = now
}

// told is what a partition's last known lag said.
type told struct {
	health    Health
	above     bool
	topic     string
	id        kafka.TopicID
	clusterID string
}

// run shows n samples at the usual interval, each after the change.
func (f *film) run(n int, change func(*film)) (last Partition) {
	for range n {
		if change != nil {
			change(f)
		}
		last = f.next(interval)
	}
	return last
}

// moves makes a change that appends and commits so many messages.
func moves(produced, consumed int64) func(*film) {
	return func(f *film) {
		f.partition().End += produced
		f.partition().Committed += consumed
	}
}
