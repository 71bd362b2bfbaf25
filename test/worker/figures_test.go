package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// figures say how much happened.
type figures struct {
	mutex                                                sync.Mutex
	kind                                                 string
	schedules, messages, handled, repeated, letters      int
	passed, rebalances                                   int64
	kills, freezes, expelled, failures, grown, deletions int
	transactions, faults, shakes, commits                int
	took                                                 time.Duration
}

// String is one line for all schedules of a kind.
func (f *figures) String() string {
	return fmt.Sprintf("%s: %d schedules, %d messages acknowledged, %d handled and %d again, %d dead letters, %d offsets passed over;"+
		" %d rebalances, %d commits looked at, %d kills, %d freezes, %d expelled, %d ends of Run mended, %d partitions added,"+
		" %d deletions, %d transactions, %d faults, %d moves and restarts; %s in all", f.kind, f.schedules, f.messages, f.handled, f.repeated,
		f.letters, f.passed, f.rebalances, f.commits, f.kills, f.freezes, f.expelled, f.failures, f.grown, f.deletions,
		f.transactions, f.faults, f.shakes, f.took.Round(time.Second))
}

func (f *figures) add(one *figures) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.schedules++
	f.messages += one.messages
	f.handled += one.handled
	f.repeated += one.repeated
	f.letters += one.letters
	f.passed += one.passed
	f.rebalances += one.rebalances
	f.kills += one.kills
	f.freezes += one.freezes
	f.expelled += one.expelled
	f.failures += one.failures
	f.grown += one.grown
	f.deletions += one.deletions
	f.transactions += one.transactions
	f.faults += one.faults
	f.shakes += one.shakes
	f.commits += one.commits
	f.took += one.took
}

// count takes over what the record has.
func (x *trial) count() *figures {
	r, f := x.record, &x.figures
	r.mutex.Lock()
	defer r.mutex.Unlock()
	f.messages, f.handled, f.repeated, f.commits = len(r.produced), len(r.completed), r.repeated, len(r.commits)
	for _, by := range r.workers {
		f.passed += by.counted
		f.rebalances += by.rebalances
	}
	return f
}

// readCommitted is what the group has committed. A coordinator may just be moving.
func (x *trial) readCommitted() (offsets kadm.OffsetResponses) {
	eventually(x.t, func() string { return "the committed offsets" }, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var err error
		offsets, err = x.admin.FetchOffsets(ctx, x.settings.Group)
		return err == nil
	})
	return offsets
}

// offsets are asked for until every broker that has some is up.
func (x *trial) offsets(list func(context.Context, ...string) (kadm.ListedOffsets, error), topics []string) (offsets kadm.ListedOffsets) {
	var err error
	eventually(x.t, func() string { return fmt.Sprintf("read the offsets of %v: %v", topics, err) }, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		offsets, err = list(ctx, topics...)
		err = errors.Join(err, offsets.Error())
		return err == nil
	})
	return offsets
}

// read is all that is in the logs, also of transactions that were aborted.
func (x *trial) read(topics ...string) map[place]*kgo.Record {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	starts, ends := x.offsets(x.admin.ListStartOffsets, topics), x.offsets(x.admin.ListEndOffsets, topics)
	client := x.newClient(x.t, kgo.ConsumePartitions(starts.KOffsets()), kgo.KeepControlRecords())
	next, all := map[partition]int64{}, map[place]*kgo.Record{}
	starts.Each(func(at kadm.ListedOffset) { next[partition{at.Topic, at.Partition}] = at.Offset })
	reached := func() bool {
		all := true
		ends.Each(func(end kadm.ListedOffset) { all = all && next[partition{end.Topic, end.Partition}] >= end.Offset })
		return all
	}
	for !reached() {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			x.t.Fatalf("read the logs of %v from %v up to %v", topics, next, ends)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next[partition{r.Topic, r.Partition}] = r.Offset + 1
			if !r.Attrs.IsControl() {
				all[place{partition{r.Topic, r.Partition}, r.Offset}] = r
			}
		})
	}
	return all
}
