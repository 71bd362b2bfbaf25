package worker_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/worker"
)

// outcome is what became of a message that was acknowledged.
type outcome struct {
	place
	fate
	// at is when it was handled first, or given up by a worker, and by whom.
	at      event
	by      string
	handled bool
	buried  bool
	// passed says that a policy passes over it, or that nobody can read it.
	passed bool
	// superseded says that a compacted topic has a later message of its key.
	superseded bool
}

// outcomes are of all that was acknowledged, by partition and offset.
func (x *trial) outcomes() map[partition][]outcome {
	r := x.record
	r.mutex.Lock()
	defer r.mutex.Unlock()
	passing := map[partition][]opening{}
	for _, o := range r.openings {
		if o.Reason != "committed" {
			passing[o.of()] = append(passing[o.of()], o)
		}
	}
	all := map[partition][]outcome{}
	for at, is := range r.produced {
		o := outcome{place: at, fate: is}
		if done, ok := r.completed[at]; ok {
			o.at, o.by, o.handled = done.at, done.worker, true
		}
		if up, ok := r.gaveUp[at]; ok && is.content.poison() {
			o.at, o.by, o.buried = up.at, up.worker, true
		}
		o.passed = is.transaction == "unknown" || x.unreadable(o) ||
			slices.ContainsFunc(passing[at.partition], func(p opening) bool { return p.passes(at.Offset) })
		all[at.partition] = append(all[at.partition], o)
	}
	for _, list := range all {
		slices.SortFunc(list, func(a, b outcome) int { return cmp.Compare(a.Offset, b.Offset) })
		if x.compacted {
			supersede(list)
		}
	}
	return all
}

// supersede goes by messages of aborted transactions, too: kfake compacts by a
// transaction that is open, and by none what was aborted stays.
func supersede(list []outcome) {
	later := map[string]bool{}
	for i := range slices.Backward(list) {
		list[i].superseded = later[string(list[i].key)] || list[i].transaction == "aborted"
		later[string(list[i].key)] = true
	}
}

// owed are the messages that a worker has still to handle, or to bury.
func (x *trial) owed() []outcome {
	var owed []outcome
	for _, list := range x.outcomes() {
		for _, o := range list {
			if !o.handled && !o.buried && !o.passed && !o.superseded {
				owed = append(owed, o)
			}
		}
	}
	return owed
}

func describe(list []outcome) string {
	text := fmt.Sprintf("%d messages", len(list))
	for i, o := range list[:min(len(list), 8)] {
		text += fmt.Sprintf("\n  %d: %v %+v", i, o.place, o.fate)
	}
	return text
}

// check compares what happened with what was promised.
func (x *trial) check() {
	x.failOnProblems()
	logs := x.read(x.topics...)
	all := x.outcomes()
	for of, list := range all {
		x.checkKept(of, list, logs)
		x.checkCommits(of, list, logs)
	}
	x.checkOrder(all, logs)
	x.checkLetters(all)
	for _, m := range x.crew.gone {
		if m.process == nil && !within(10*time.Second, func() bool { return m.leftBehind() == "" }) {
			x.t.Errorf("%s left goroutines behind:\n%s", m.id(), m.leftBehind())
		}
	}
}

// checkKept looks for messages that were neither handled nor passed over, that
// are handled though their transaction was aborted, and that were passed over
// without need.
func (x *trial) checkKept(of partition, list []outcome, logs map[place]*kgo.Record) {
	for _, o := range list {
		_, there := logs[o.place]
		deleted := o.Offset < x.deleted[of]
		switch {
		case x.unreadable(o):
			if o.handled {
				x.t.Errorf("%v was handled, and its transaction aborted", o.place)
			}
		case o.handled, o.buried, o.superseded, o.transaction == "unknown":
		case !o.passed:
			x.t.Errorf("%v was acknowledged and never handled: %+v", o.place, o.fate)
		case !deleted && !x.mayPass(of):
			x.t.Errorf("%v was passed over, and was not deleted", o.place)
		}
		if !there && !deleted && !o.superseded {
			x.t.Errorf("%v was acknowledged and is not in the log: the brokers have lost it", o.place)
		}
	}
}

// unreadable messages are not for this group.
func (x *trial) unreadable(o outcome) bool {
	return o.transaction == "aborted" && x.settings.Isolation == worker.ReadCommitted
}

// mayPass tells whether a policy may pass over messages of the partition that
// are there: not of one that was added, which latest is not for.
func (x *trial) mayPass(of partition) bool {
	return x.settings.OutOfRange == worker.RangeLatest || x.settings.Initial == worker.Latest && of.Number < x.partitions
}

// checkCommits looks for commits above what was handled by then.
func (x *trial) checkCommits(of partition, list []outcome, logs map[place]*kgo.Record) {
	for _, c := range x.record.commits {
		if c.partition != of {
			continue
		}
		for _, o := range list {
			if o.Offset >= c.offset {
				break
			}
			_, there := logs[o.place]
			if o.passed || o.superseded && !there || (o.handled || o.buried) && o.at <= c.at {
				continue
			}
			x.t.Errorf("%v: offset %d was committed at [%d], and %d was handled at [%d] by %q: %+v",
				of, c.offset, c.at, o.Offset, o.at, o.by, o.fate)
			return
		}
	}
}

// checkOrder looks for messages that were handled before one that they have to
// wait for.
func (x *trial) checkOrder(all map[partition][]outcome, logs map[place]*kgo.Record) {
	if x.settings.Ordering == worker.OrderNone {
		return
	}
	for of, list := range all {
		last := map[string]outcome{}
		for _, o := range list {
			_, there := logs[o.place]
			if o.passed || !there || !o.handled && !o.buried {
				continue // one that is gone may still be in some hand
			}
			lane := ""
			if x.settings.Ordering == worker.OrderByKey && o.key != nil {
				lane = "key " + string(o.key)
			}
			if before, ok := last[lane]; ok && before.at > o.at {
				x.t.Errorf("%v %s: offset %d was handled at [%d] by %s, before %d at [%d] by %s",
					of, lane, o.Offset, o.at, o.by, before.Offset, before.at, before.by)
			}
			last[lane] = o
		}
	}
}

// uncommitted are partitions of which something is handled and not committed.
func (x *trial) uncommitted() (behind []string) {
	committed := x.readCommitted()
	for of, list := range x.outcomes() {
		last := int64(-1)
		for _, o := range list {
			if (o.handled || o.buried) && !o.passed && o.transaction != "aborted" {
				last = o.Offset
			}
		}
		if at, _ := committed.Lookup(of.Topic, of.Number); last >= 0 && at.At <= last {
			behind = append(behind, fmt.Sprintf("%v: committed %d, and %d was handled", of, at.At, last))
		}
	}
	return behind
}

// checkLetters: what could not be handled is in the dead letters, and nothing else.
func (x *trial) checkLetters(all map[partition][]outcome) {
	letters := map[string]int{}
	for _, r := range x.read(x.settings.Letters) {
		x.figures.letters++
		letters[header(r, worker.HeaderTopic)+"/"+header(r, worker.HeaderPartition)+"/"+header(r, worker.HeaderOffset)]++
	}
	for list := range maps.Values(all) {
		for _, o := range list {
			name := fmt.Sprintf("%s/%d/%d", o.Topic, o.Number, o.Offset)
			switch {
			case letters[name] > 0 && !o.content.poison():
				x.t.Errorf("%v is in the dead letters, and it is %+v", o.place, o.fate)
			case letters[name] == 0 && o.buried && !o.passed && !o.superseded:
				x.t.Errorf("%v was given up, and is not in the dead letters", o.place)
			}
		}
	}
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
