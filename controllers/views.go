package controllers

import (
	"maps"
	"slices"
	"sync"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// view is one sample of a group with what was made of it. Decision, status and
// metrics are given the same one.
type view struct {
	sample kafka.GroupSample
	lag    lag.Group
}

// takenSample is a sample that the history has taken in. Its view is made when
// somebody asks: of most samples nobody does, as nothing in them is new.
type takenSample struct {
	sample kafka.GroupSample
	told   *lag.Group
}

// views hold the newest view of each group, and the history that it needs.
type views struct {
	mu      sync.Mutex
	byOwner map[string]*ownerView
}

// ownerView is one group's. Samples come from the pool's goroutines, readers
// from reconciles and scrapes.
type ownerView struct {
	mu       sync.Mutex
	history  lag.History
	options  lag.Options
	seen     bool
	latest   *takenSample
	good     *takenSample // the latest for which a broker answered
	reported *groupNumbers
}

func (v *views) of(owner string) *ownerView {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byOwner == nil {
		v.byOwner = map[string]*ownerView{}
	}
	if v.byOwner[owner] == nil {
		v.byOwner[owner] = &ownerView{latest: &takenSample{}, good: &takenSample{}}
	}
	return v.byOwner[owner]
}

// known is the owner's view if it is held.
func (v *views) known(owner string) (*ownerView, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	held, ok := v.byOwner[owner]
	return held, ok
}

func (v *views) forget(owner string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.byOwner, owner)
}

// setOptions says how the next samples are to be read.
func (o *ownerView) setOptions(options lag.Options) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.options = options
}

// take takes a sample in, once; one that is older than what is held came late
// and changes nothing. news tells whether it says something that no earlier one
// did: a group without traffic has none.
func (o *ownerView) take(sample kafka.GroupSample) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.latest.sample
	if o.seen && !sample.At.After(before.At) {
		return false
	}
	changed := o.history.Take(sample, o.options)
	news = !o.seen || changed || !sameNews(before, sample)
	o.seen, o.latest = true, &takenSample{sample: sample}
	if sample.ConnectionErr == nil {
		o.good = o.latest
	}
	return news
}

// now is the view of the newest sample.
func (o *ownerView) now() view {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tell(o.latest)
}

// tell makes the view of a sample. The caller holds the lock.
func (o *ownerView) tell(t *takenSample) view {
	if t.told == nil {
		told := o.history.Tell(t.sample, o.options)
		t.told = &told
	}
	return view{t.sample, *t.told}
}

// sameNews tells whether two samples say the same: nothing moved, nothing came
// or went. Only time has passed.
func sameNews(x, y kafka.GroupSample) bool {
	return x.ClusterID == y.ClusterID && sameErr(x.ConnectionErr, y.ConnectionErr) && sameErr(x.StateErr, y.StateErr) &&
		sameErr(x.TopicsErr, y.TopicsErr) && x.Type == y.Type && x.State == y.State && x.Protocol == y.Protocol &&
		slices.EqualFunc(x.Members, y.Members, sameMember) && slices.EqualFunc(x.Topics, y.Topics, sameTopic)
}

func sameErr(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Error() == b.Error()
}

func sameMember(a, b kafka.Member) bool {
	return a.ID == b.ID && a.ClientID == b.ClientID && a.Host == b.Host && slices.Equal(a.Assigned, b.Assigned)
}

func sameTopic(a, b kafka.TopicSample) bool {
	return a.Name == b.Name && a.ID == b.ID && sameErr(a.Err, b.Err) && samePartitions(a.Partitions, b.Partitions)
}

// samePartitions is quick for a topic at rest: the pool hands out the same slice again.
func samePartitions(a, b []kafka.PartitionSample) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.EqualFunc(a, b, samePartition))
}

func samePartition(a, b kafka.PartitionSample) bool {
	return a.Partition == b.Partition && a.Committed == b.Committed && a.Start == b.Start && a.End == b.End &&
		sameTransaction(a.Open, b.Open) && a.Empty == b.Empty && sameErr(a.Err, b.Err)
}

func sameTransaction(a, b *kafka.Transaction) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}

func (v *views) all() map[string]*ownerView {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.byOwner)
}

// read is what a scrape needs, all of one moment.
func (o *ownerView) read() (good, latest view, numbers *groupNumbers) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tell(o.good), o.tell(o.latest), o.reported
}
