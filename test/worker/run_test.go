package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
)

// trial is a schedule as it runs.
type trial struct {
	schedule
	*stand
	t      *testing.T
	record *record
	crew   *crew
	// present is how many partitions each topic has by now.
	present map[string]int32
	// deleted is up to where records were deleted.
	deleted map[partition]int64
	faults  []*kfake.FaultHandle
	// beside is what is being done beside the steps.
	beside  sync.WaitGroup
	mutex   sync.Mutex
	figures figures
	// buried is when dead members were last looked for.
	buried time.Time
}

func (s schedule) run(t *testing.T, at *stand) *figures {
	t.Helper()
	began := time.Now()
	s.settings.Servers = at.servers
	x := &trial{schedule: s, stand: at, t: t, record: newRecord(s.settings), present: map[string]int32{}, deleted: map[partition]int64{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s%s", s, x.story())
		}
	})
	x.crew = newCrew(t, s.settings, x.record)
	x.prepare()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watching := x.watch(ctx)
	x.begin()
	for i, step := range s.steps {
		x.note("step %d: %s", i, step.do)
		x.do(step)
		x.settle(step)
		x.mend()
	}
	x.end()
	cancel()
	watching.Wait()
	x.check()
	x.figures.took = time.Since(began)
	return x.count()
}

// note puts a line among what the workers say.
func (x *trial) note(format string, args ...any) {
	x.record.logged("the schedule", fmt.Sprintf(format, args...)+"\n")
}

func (x *trial) watch(ctx context.Context) *sync.WaitGroup {
	var watching sync.WaitGroup
	if x.fake != nil {
		x.watchCommits(ctx, x.settings.Group, x.record)
		return &watching
	}
	watching.Go(func() { x.watchCommits(ctx, x.settings.Group, x.record) })
	return &watching
}

// prepare makes the topics, with something in them.
func (x *trial) prepare() {
	configs := map[string]*string{}
	if x.compacted {
		for name, value := range map[string]string{
			"cleanup.policy": "compact,delete", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "retention.ms": "-1",
		} {
			configs[name] = &value
		}
	}
	for _, topic := range x.topics {
		x.create(topic, x.partitions, configs)
		x.present[topic] = x.partitions
	}
	x.create(x.settings.Letters, 1, nil)
	x.produce(step{do: produce, which: 1, count: 60}, "")
	x.beside.Wait()
	if x.compacted && x.fake != nil {
		x.fake.Compact()
	}
}

// create makes a topic. On Apache Kafka another schedule may just be restarting
// one of the brokers that it needs.
func (x *trial) create(topic string, partitions int32, configs map[string]*string) {
	replicas := int16(1)
	if x.apache != nil {
		replicas = 3
	}
	var err error
	eventually(x.t, func() string { return fmt.Sprintf("create topic %s: %v", topic, err) }, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err = x.admin.CreateTopic(ctx, partitions, replicas, configs, topic)
		return err == nil || errors.Is(err, kerr.TopicAlreadyExists) // after an answer that was lost
	})
}

// begin starts the group, and waits until it has opened every partition.
func (x *trial) begin() {
	x.crew.hire(x.seed%2 == 0)
	eventually(x.t, func() string { return "every partition is opened" }, func() bool {
		x.mend()
		for _, topic := range x.topics {
			for number := range x.present[topic] {
				if !x.record.hasOpened(partition{topic, number}) {
					return false
				}
			}
		}
		return true
	})
}

// settle lets a step have its effect: until so many messages are handled, but
// no longer than a second, which is when nothing can be.
func (x *trial) settle(after step) {
	want := x.record.completions() + after.count/4
	within(time.Second, func() bool { return x.record.completions() >= want })
}

// end brings everything back to order, waits until all is handled that has to
// be, and stops the workers.
func (x *trial) end() {
	x.note("the end")
	x.beside.Wait()
	for _, fault := range x.faults {
		fault.Remove()
	}
	for _, m := range x.crew.mates {
		if m.frozen {
			x.thaw(m)
		}
	}
	for len(x.crew.mates) < 2 {
		x.crew.hire(false)
	}
	eventually(x.t, func() string { return describe(x.owed()) }, func() bool {
		x.mend()
		return len(x.owed()) == 0
	})
	eventually(x.t, func() string { return "commits: " + strings.Join(x.uncommitted(), ", ") }, func() bool {
		x.mend()
		return len(x.uncommitted()) == 0
	})
	for _, m := range x.crew.mates {
		m.stop()
	}
	for _, m := range x.crew.mates {
		eventually(x.t, func() string { return m.name + " ends" }, func() bool { return !m.alive() })
	}
	x.crew.tend()
}
