package kafka_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// lagCase is one case of the table: a topic and a group of its own, what happens
// to them, and what both answers must be then.
type lagCase struct {
	// id names the topic and the group, name the case.
	id, name   string
	reason     string // what goes wrong without
	partitions int32
	settings   map[string]*string // of the topic
	initial    kafka.InitialOffset
	isolation  kafka.Isolation
	// prepare brings the case about. The engine looks on from before, unless the
	// case says late.
	prepare func(*trial)
	late    bool
	// want is what we say in the end, by partition.
	want map[string]reading
	// also is what else must hold; "" if it does.
	also func(kafka.GroupSample, lag.Group) string
	// tool is what Kafka's tool says of partitions for which it does not say
	// what we say, toolFails how it fails as a whole, and why the reason.
	tool      map[string]string
	toolFails string
	why       string
	// state is the group's state, in which the tool must agree; "" is not compared.
	state kafka.GroupState
}

// trial is one run of a case.
type trial struct {
	*testing.T
	*stand
	engine *engine
	group  string
	topic  string
}

// reading is what we say of one partition, or of a topic as a whole.
type reading struct {
	Committed, End, Lag int64
	// Unknown is the kind of error that stands in place of the numbers.
	Unknown error
	Anomaly lag.Anomaly
	// Health is compared where it is wanted.
	Health lag.Health
}

// noLine is how the tool speaks of a partition that it leaves out.
const noLine = "no line"

func dash(offset int64) string {
	if offset == kafka.NoOffset {
		return "-"
	}
	return fmt.Sprint(offset)
}

// numbers are written as the tool writes its own.
func (r reading) numbers() string {
	if r.Unknown != nil {
		return "unknown: " + r.Unknown.Error()
	}
	return fmt.Sprintf("%s / %d / %d", dash(r.Committed), r.End, r.Lag)
}

func (r reading) String() string {
	return strings.Join(slices.DeleteFunc([]string{r.numbers(), string(r.Anomaly), string(r.Health)}, func(s string) bool { return s == "" }), ", ")
}

// run tries the case and adds it to the table.
func (c lagCase) run(t *testing.T, s *stand, e *engine, order int) {
	x := &trial{T: t, stand: s, engine: e, group: c.id + "-group", topic: c.id}
	s.createTopic(t, x.topic, c.partitions, c.settings)
	steps := []func(){func() { c.watch(x) }, func() { c.prepare(x) }}
	if c.late {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		step()
	}
	c.awaitOurs(x)
	told := c.askTool(x)
	for _, what := range slices.Sorted(maps.Keys(c.want)) {
		r := row{order: order, name: c.name, what: what, ours: c.want[what].String(), tool: told[what]}
		if c.toolFails != "" || c.tool[what] != "" {
			r.why = c.why
		}
		theTable.add(r, s.kind)
	}
}

func (c lagCase) watch(x *trial) {
	x.Helper()
	x.engine.watch(x.T, c.id, kafkaadmin.Subscription{
		Connection: kafkaadmin.NewConnection(x.servers, "", kafkaauth.Security{}),
		GroupID:    x.group, Topics: []string{x.topic}, Isolation: c.isolation,
	}, cmp.Or(c.initial, kafka.InitialEarliest))
}

// awaitOurs waits until we say what is wanted, or shows what we say instead.
func (c lagCase) awaitOurs(x *trial) {
	x.Helper()
	var got map[string]reading
	var also string
	x.Cleanup(func() {
		if x.Failed() {
			x.Logf("%s: -want +got:\n%s%s", c.reason, readingsDiff(c.want, got), also)
		}
	})
	x.engine.until(x.T, c.id, c.name, func(sample kafka.GroupSample, group lag.Group) bool {
		got, also = readingsOf(sample, group, c.want), ""
		if c.also != nil {
			also = c.also(sample, group)
		}
		if c.state != "" && (sample.StateErr != nil || sample.State != c.state) {
			also += fmt.Sprintf("state %q, %v; want %q", sample.State, sample.StateErr, c.state)
		}
		return also == "" && sameReadings(c.want, got)
	})
}

func sameKind(a, b error) bool { return errors.Is(a, b) || errors.Is(b, a) }

func sameReadings(want, got map[string]reading) bool { return readingsDiff(want, got) == "" }

func readingsDiff(want, got map[string]reading) string {
	return gocmp.Diff(want, got, gocmp.Comparer(sameKind))
}

// readingsOf is what we say, with health only where it is wanted.
func readingsOf(sample kafka.GroupSample, group lag.Group, want map[string]reading) map[string]reading {
	got := map[string]reading{}
	if sample.ConnectionErr != nil {
		return map[string]reading{"group": {Unknown: sample.ConnectionErr}}
	}
	for i, topic := range group.Topics {
		if topic.Err != nil {
			got[topic.Name] = reading{Unknown: topic.Err}
			continue
		}
		for j, p := range topic.Partitions {
			r := readingOf(sample.Topics[i].Partitions[j], p)
			if want[p.String()].Health == "" {
				r.Health = ""
			}
			got[p.String()] = r
		}
	}
	return got
}

func readingOf(sample kafka.PartitionSample, p lag.Partition) reading {
	if p.Err != nil {
		return reading{Unknown: p.Err}
	}
	return reading{Committed: sample.Committed, End: sample.End, Lag: p.Messages, Anomaly: p.Anomaly, Health: p.Health}
}

// askTool compares with Kafka's own tool, and returns what it says.
func (c lagCase) askTool(x *trial) map[string]string {
	x.Helper()
	if x.apache == nil {
		return nil
	}
	lines, err := x.apache.DescribeOffsets(within(x.T), x.group)
	if c.toolFails != "" {
		if err == nil || !strings.Contains(err.Error(), c.toolFails) {
			x.Errorf("Kafka's tool said %v, %v; it was expected to fail with %q", lines, err, c.toolFails)
		}
		return c.everywhere("fails: " + c.toolFails)
	}
	must(x.T, "ask Kafka's tool", err)
	c.askToolForState(x)
	got, want := c.everywhere(noLine), c.everywhere(noLine)
	for _, line := range lines {
		got[kafka.TopicPartition{Topic: line.Topic, Partition: line.Partition}.String()] =
			numbersOf(line)
	}
	for what, ours := range c.want {
		want[what] = cmp.Or(c.tool[what], ours.numbers())
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		x.Errorf("%s: Kafka's tool, -expected +said:\n%s", c.name, diff)
	}
	return got
}

func (c lagCase) askToolForState(x *trial) {
	x.Helper()
	if c.state == "" {
		return
	}
	state, _, err := x.apache.DescribeState(within(x.T), x.group)
	if err != nil || state != string(c.state) {
		x.Errorf("%s: Kafka's tool said that the group is %q, %v; want %q", c.name, state, err, c.state)
	}
}

func numbersOf(line apache.PartitionLine) string {
	return fmt.Sprintf("%v / %v / %v", line.Committed, line.End, line.Lag)
}

func (c lagCase) everywhere(text string) map[string]string {
	all := map[string]string{}
	for what := range c.want {
		all[what] = text
	}
	return all
}
