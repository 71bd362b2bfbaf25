package worker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// mend does what people and a supervisor do: a worker that has ended is begun
// again, and offsets that are out of range are reset.
func (x *trial) mend() {
	failed := x.crew.tend()
	x.failOnProblems()
	x.buryTheDead()
	for _, m := range failed {
		x.figures.failures++
		if m.code == exitOutOfRange {
			x.reset()
		}
		x.crew.hire(m.process != nil)
	}
}

// failOnProblems ends a schedule that has failed already.
func (x *trial) failOnProblems() {
	x.record.mutex.Lock()
	problems := slices.Clone(x.record.problems)
	x.record.mutex.Unlock()
	if len(problems) > 0 {
		x.t.Fatal(strings.Join(problems, "\n"))
	}
}

// reset ends every worker, and has the group go on at the log start of the
// partitions whose offset is not in their log.
func (x *trial) reset() {
	count := len(x.crew.mates)
	for _, m := range x.crew.mates {
		m.stop()
	}
	for _, m := range x.crew.mates {
		eventually(x.t, func() string { return m.id() + " ends" }, func() bool { return !m.alive() })
	}
	x.crew.tend()
	eventually(x.t, func() string { return "the offsets are reset" }, x.resetOnce)
	for range count {
		x.crew.hire(false)
	}
}

func (x *trial) resetOnce() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	committed, err := x.admin.FetchOffsets(ctx, x.settings.Group)
	starts, err2 := x.admin.ListStartOffsets(ctx, x.topics...)
	ends, err3 := x.admin.ListEndOffsets(ctx, x.topics...)
	if err != nil || err2 != nil || err3 != nil {
		return false
	}
	resets := kadm.Offsets{}
	committed.Each(func(o kadm.OffsetResponse) {
		start, _ := starts.Lookup(o.Topic, o.Partition)
		end, known := ends.Lookup(o.Topic, o.Partition)
		if !known || start.Err != nil || end.Err != nil || o.At >= start.Offset && o.At <= end.Offset {
			return
		}
		resets.AddOffset(o.Topic, o.Partition, start.Offset, -1)
		x.record.byPerson(opening{Topic: o.Topic, Partition: o.Partition, From: o.At, To: start.Offset, Reason: "person"})
	})
	if len(resets) == 0 {
		return true
	}
	return x.admin.CommitAllOffsets(ctx, x.settings.Group, resets) == nil
}

func (r *record) byPerson(o opening) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.openings = append(r.openings, o)
}

func (r *record) hasOpened(of partition) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, by := range r.workers {
		if by.opened[of] {
			return true
		}
	}
	return false
}

// story is what the workers said, for a test that failed.
func (x *trial) story() string {
	x.record.mutex.Lock()
	defer x.record.mutex.Unlock()
	text := ""
	for name, by := range x.record.workers {
		text += fmt.Sprintf("--- %s\n%s", name, by.log.String())
	}
	return text
}
