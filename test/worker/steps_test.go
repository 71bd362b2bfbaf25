package worker_test

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// do begins a step. What takes long goes on beside the steps that follow.
func (x *trial) do(s step) {
	random := rand.New(rand.NewPCG(x.seed, uint64(s.which)))
	switch s.do {
	case produce:
		x.produce(s, "")
	case abort:
		x.produce(s, "aborted")
	case commitTxn:
		x.produce(s, "committed")
	case grow:
		x.grow(s)
	case deleteOldest:
		x.deleteOldest(s, random)
	case compact:
		x.fake.Compact()
	case coordinators, leaders, restart, cut:
		x.shake(s, random)
	case refuse, disturb:
		x.inject(s, random)
	default:
		x.change(s)
	}
}

// change does something to the crew, if there is somebody to do it to.
func (x *trial) change(s step) {
	fit := map[action]func(*mate) bool{
		leave:  func(m *mate) bool { return !m.frozen && !m.stopped },
		kill:   func(m *mate) bool { return m.process != nil },
		freeze: func(m *mate) bool { return m.process != nil && !m.frozen && !m.stopped },
		thaw:   func(m *mate) bool { return m.frozen },
		expel:  (*mate).alive,
		join:   (*mate).alive, joinProcess: (*mate).alive,
	}
	m := x.pick(s, fit[s.do])
	switch {
	case s.do == join || s.do == joinProcess:
		if len(x.crew.mates) < 4 {
			x.crew.hire(s.do == joinProcess)
		}
	case m == nil:
		return
	case s.do == leave:
		m.stop()
	case s.do == kill:
		m.kill()
		x.figures.kills++
	case s.do == freeze:
		m.frozen = true
		m.signal(syscall.SIGSTOP)
		x.figures.freezes++
	case s.do == thaw:
		x.thaw(m)
	case s.do == expel:
		x.expel(s)
	}
}

func (x *trial) thaw(m *mate) {
	m.frozen = false
	m.signal(syscall.SIGCONT)
}

// pick is one of the workers for which it holds, nil where there is none.
func (x *trial) pick(s step, which func(*mate) bool) *mate {
	var fit []*mate
	for _, m := range x.crew.mates {
		if m.alive() && which(m) {
			fit = append(fit, m)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[int(s.which)%len(fit)]
}

// expel has the group go on without a member that knows nothing of it.
func (x *trial) expel(s step) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	groups, err := x.admin.DescribeGroups(ctx, x.settings.Group)
	members := groups[x.settings.Group].Members
	if err != nil || len(members) == 0 {
		return
	}
	if x.remove(ctx, members[int(s.which)%len(members)]) == nil {
		x.figures.expelled++
	}
}

func (x *trial) grow(s step) {
	topic := x.topics[int(s.which)%len(x.topics)]
	if x.present[topic] > x.partitions+3 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := x.admin.CreatePartitions(ctx, 1, topic); err != nil {
		return
	}
	grown := within(10*time.Second, func() bool {
		details, err := x.admin.ListTopics(ctx, topic)
		return err == nil && int32(len(details[topic].Partitions)) > x.present[topic]
	})
	if grown {
		x.client = x.newClient(x.t) // the old one may not know for long
		x.present[topic]++
		x.figures.grown++
		x.produce(s, "")
	}
}

// deleteOldest deletes everything there is, or a part of it: what is behind the
// group, or before it.
func (x *trial) deleteOldest(s step, random *rand.Rand) {
	topic := x.topics[int(s.which)%len(x.topics)]
	of := partition{topic, random.Int32N(x.present[topic])}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ends, err := x.admin.ListEndOffsets(ctx, topic)
	end, known := ends.Lookup(topic, of.Number)
	if err != nil || !known || end.Err != nil || end.Offset == 0 {
		return
	}
	before := end.Offset
	if random.IntN(2) == 0 {
		before = 1 + random.Int64N(end.Offset)
	}
	x.deleted[of] = max(x.deleted[of], before) // whatever becomes of the request
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, of.Number, before, -1)
	if _, err := x.admin.DeleteRecords(ctx, offsets); err == nil {
		x.figures.deletions++
	}
}

// produce has messages acknowledged beside the steps, in a transaction if it is
// to end in some way.
func (x *trial) produce(s step, transaction string) {
	records := x.messages(s)
	client := x.client
	if transaction != "" {
		records = records[:min(len(records), 30)]
		client = x.newClient(x.t, kgo.TransactionalID(x.settings.Group+"-"+string(s.do)), kgo.TransactionTimeout(10*time.Second))
		if client.BeginTransaction() != nil {
			return
		}
		x.figures.transactions++
	}
	x.beside.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience/2)
		defer cancel()
		if transaction == "" {
			for from := 0; from < len(records); from += 10 { // so that there are several batches
				to := min(from+10, len(records))
				x.acknowledge(client.ProduceSync(ctx, records[from:to]...), "")
			}
			return
		}
		results := client.ProduceSync(ctx, records...)
		if err := client.EndTransaction(ctx, kgo.TransactionEndTry(transaction == "committed")); err != nil || results.FirstErr() != nil {
			transaction = "unknown"
		}
		x.acknowledge(results, transaction)
	})
}

// acknowledge notes what the brokers have. Of a message that failed nothing is known.
func (x *trial) acknowledge(results kgo.ProduceResults, transaction string) {
	for _, result := range results {
		if result.Err != nil {
			x.note("a message was not acknowledged: %v", result.Err)
			continue
		}
		r := result.Record
		x.record.acknowledged(place{partition{r.Topic, r.Partition}, r.Offset}, fate{r.Key, contentOf(r.Value), transaction})
	}
}
