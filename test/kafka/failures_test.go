package kafka_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// failing is the broker that fails in these tests.
const failing int32 = 1

func TestFailures(t *testing.T) {
	onBothTrios(t, func(t *testing.T, f *trio) {
		f.createPlaced(t, "spread", [][]int32{{0}, {1}, {2}})
		f.createPlaced(t, "copied", [][]int32{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}})
		t.Run("Refusing", func(t *testing.T) { f.oneFails(t, failures[0], refusing, kafka.ErrUnreachable) })
		t.Run("Mute", func(t *testing.T) { f.oneFails(t, failures[1], mute, kafka.ErrTimeout) })
		t.Run("Garbage", func(t *testing.T) { f.oneFails(t, failures[2], garbage, kafka.ErrUnreachable) })
		t.Run("LeadersMove", f.leadersMove)
		t.Run("CoordinatorMoves", f.coordinatorMoves)
		if f.apache != nil { // kfake has one copy of each partition, and no quotas
			t.Run("Stopped", func(t *testing.T) {
				f.ends(t, failures[3], func() { must(t, "stop a broker", f.apache.Stop(int(failing))) })
			})
			t.Run("Crashed", func(t *testing.T) {
				f.ends(t, failures[4], func() { f.apache.Kill(int(failing)) })
			})
			t.Run("Throttled", f.throttled)
		}
		t.Run("OtherCluster", f.otherCluster)
	})
}

// followed is a group that is watched on the three brokers.
type followed struct {
	*trio
	engine *engine
	group  string
}

// follow has a group commit 1 on each partition, and watches it.
func (f *trio) follow(t *testing.T, e *engine, group string, topics ...string) *followed {
	t.Helper()
	for _, topic := range topics {
		f.commit(t, group, topic, map[int32]int64{0: 1, 1: 1, 2: 1})
	}
	w := &followed{trio: f, engine: e, group: group}
	e.watch(t, group, kafkaadmin.Subscription{
		Connection: kafkaadmin.NewConnection(f.servers, "", kafkaauth.Security{}), GroupID: group, Topics: topics,
	}, kafka.InitialEarliest)
	return w
}

// says waits until the engine says this of the group's partitions.
func (w *followed) says(t *testing.T, what string, want map[string]reading) kafka.GroupSample {
	t.Helper()
	var got map[string]reading
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("group %s, -want +got:\n%s", w.group, readingsDiff(want, got))
		}
	})
	sample, _ := w.engine.until(t, w.group, what, func(sample kafka.GroupSample, group lag.Group) bool {
		got = readingsOf(sample, group, want)
		return sameReadings(want, got)
	})
	return sample
}

// told records the case, with what Kafka's tool says at this moment.
func (w *followed) told(t *testing.T, name string, want map[string]reading, tool map[string]string, why string) {
	t.Helper()
	said := map[string]string{}
	if w.apache != nil {
		c := lagCase{name: name, want: want, tool: tool}
		said = c.askTool(&trial{T: t, stand: w.stand, group: w.group})
	}
	for what, ours := range want {
		r := row{order: orderOf(name), name: name, what: what, ours: ours.String(), tool: said[what]}
		if tool[what] != "" {
			r.why = why
		}
		theTable.add(r, w.kind)
	}
}

// each is the same reading for the three partitions of each topic.
func each(r reading, topics ...string) map[string]reading {
	all := map[string]reading{}
	for _, topic := range topics {
		for partition := range 3 {
			all[fmt.Sprintf("%s-%d", topic, partition)] = r
		}
	}
	return all
}

var oneOfFour = reading{Committed: 1, End: 4, Lag: 3}

// A broker that fails costs what it leads and coordinates, and nothing else.
func (f *trio) oneFails(t *testing.T, name string, how fault, kind error) {
	e := startEngine(t, kafkaadmin.Options{RequestTimeout: time.Second})
	kept := f.follow(t, e, f.groupOf(t, "kept-"+string(how), 0), "spread")
	lost := f.follow(t, e, f.groupOf(t, "lost-"+string(how), failing), "spread")
	well := each(oneOfFour, "spread")
	kept.says(t, "a healthy start", well)
	lost.says(t, "a healthy start", well)

	f.proxies[failing].set(how)
	t.Cleanup(func() { f.proxies[failing].set(faultless) })
	without := each(oneOfFour, "spread")
	without[fmt.Sprintf("spread-%d", failing)] = reading{Unknown: kind}
	kept.says(t, "the failing broker's partition unknown, the others known", without)
	lost.says(t, "a group without its coordinator unknown", each(reading{Unknown: kind}, "spread"))
	for what, r := range without {
		why := ""
		if r.Unknown != nil {
			why = "only what the broker leads or coordinates is unknown"
		}
		theTable.add(row{order: orderOf(name), name: name, what: what, ours: r.String(), why: why}, f.kind)
	}

	f.proxies[failing].set(faultless)
	kept.says(t, "recovery", well)
	lost.says(t, "recovery", well)
}

func (f *trio) leadersMove(t *testing.T) {
	e := startEngine(t, kafkaadmin.Options{})
	w := f.follow(t, e, "leaders", "copied")
	w.says(t, "a healthy start", each(oneOfFour, "copied"))
	f.lead(t, "copied", [][]int32{{2, 0, 1}, {0, 1, 2}, {1, 2, 0}})
	for partition := range int32(3) {
		f.fill(t, "copied", partition, 1)
	}
	want := each(reading{Committed: 1, End: 5, Lag: 4}, "copied")
	w.says(t, "what was produced to the new leaders", want)
	w.told(t, "leaders moved, one more record each", want, nil, "")
}

func (f *trio) coordinatorMoves(t *testing.T) {
	e := startEngine(t, kafkaadmin.Options{})
	w := f.follow(t, e, f.groupOf(t, "moving", failing), "spread")
	w.says(t, "a healthy start", each(oneOfFour, "spread"))
	f.moveCoordinator(t, w.group)
	f.commit(t, w.group, "spread", map[int32]int64{0: 2, 1: 2, 2: 2})
	want := each(reading{Committed: 2, End: 4, Lag: 2}, "spread")
	w.says(t, "what was committed at the new coordinator", want)
	w.told(t, "coordinator moved, one more commit each", want, nil, "")
}

// moveCoordinator takes the group from the broker that coordinates it.
func (f *trio) moveCoordinator(t *testing.T, group string) {
	t.Helper()
	before := f.coordinator(t, group)
	if f.fake == nil {
		f.lead(t, "__consumer_offsets", allCommits(2, 0, failing))
	}
	eventually(t, "another coordinator", func() bool {
		if f.fake != nil {
			f.fake.RehashCoordinators()
		}
		return f.coordinator(t, group) != before
	})
}

// A broker that ends leaves what others have copies of to them.
func (f *trio) ends(t *testing.T, name string, end func()) {
	f.lead(t, "__consumer_offsets", allCommits(failing, 0, 2))
	e := startEngine(t, kafkaadmin.Options{})
	w := f.follow(t, e, f.groupOf(t, "ending", failing), "spread", "copied")
	well := each(oneOfFour, "spread")
	for what := range each(reading{}, "copied") {
		well[what] = reading{Committed: 1, End: 5, Lag: 4}
	}
	w.says(t, "a healthy start", well)

	end()
	without := map[string]reading{}
	for what, r := range well {
		without[what] = r
	}
	only := fmt.Sprintf("spread-%d", failing)
	without[only] = reading{Unknown: kafka.ErrUnavailable}
	w.says(t, "the partition that the broker alone has unknown, and all others known", without)
	w.told(t, name, without, map[string]string{only: "1 / - / -"},
		"its only replica is gone: both say that they don't know")

	must(t, "start the broker again", f.apache.StartAgain(within(t), int(failing)))
	w.says(t, "recovery", well)
}

// A throttled client is answered late: what we say gets older, and stays right.
func (f *trio) throttled(t *testing.T) {
	e := startEngine(t, kafkaadmin.Options{RequestTimeout: time.Second})
	w := f.follow(t, e, f.groupOf(t, "throttled", 0), "spread")
	want := each(oneOfFour, "spread")
	w.says(t, "a healthy start", want)

	f.quota(t, kadm.AlterClientQuotaOp{Key: "request_percentage", Value: 0.001})
	remove := kadm.AlterClientQuotaOp{Key: "request_percentage", Remove: true}
	t.Cleanup(func() { f.quota(t, remove) })
	began := time.Now()
	eventually(t, "a sample that gets old, or says that there was no answer in time", func() bool {
		sample, group, _ := e.latest(w.group)
		for what, r := range readingsOf(sample, group, want) {
			if r.Unknown == nil && r.numbers() != oneOfFour.numbers() {
				t.Fatalf("%s is %v while the broker throttles", what, r)
			}
			if errors.Is(r.Unknown, kafka.ErrTimeout) {
				return true
			}
		}
		return time.Since(began) > time.Second && time.Since(sample.At) > time.Second
	})
	theTable.add(row{order: orderOf("a throttling broker"), name: "a throttling broker", what: "all", ours: "the last numbers with their age, or unknown: no answer in time"}, f.kind)
	f.quota(t, remove)
	f.commit(t, w.group, "spread", map[int32]int64{0: 3, 1: 3, 2: 3})
	w.says(t, "recovery", each(reading{Committed: 3, End: 4, Lag: 1}, "spread"))
}

func (f *trio) quota(t *testing.T, op kadm.AlterClientQuotaOp) {
	t.Helper()
	altered, err := f.admin.AlterClientQuotas(within(t), []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: "client-id"}}, Ops: []kadm.AlterClientQuotaOp{op},
	}})
	must(t, "set a quota", err)
	must(t, "set a quota", altered[0].Err)
}

// Another cluster behind the same address, as after a switch of DNS to a standby:
// its numbers are its own, and no history joins them to the first one's.
func (f *trio) otherCluster(t *testing.T) {
	e := startEngine(t, kafkaadmin.Options{RequestTimeout: time.Second})
	w := f.follow(t, e, "switched", "copied")
	f.commit(t, w.group, "copied", map[int32]int64{0: 4, 1: 4, 2: 4})
	first := w.says(t, "the first cluster's numbers", each(reading{Committed: 4, End: 5, Lag: 1}, "copied"))

	other := f.startOther(t)
	other.createTopic(t, "copied", 3, nil)
	for partition := range int32(3) {
		other.fill(t, "copied", partition, 3)
	}
	other.commit(t, w.group, "copied", map[int32]int64{0: 1, 1: 1, 2: 1})
	f.proxies[1].set(refusing)
	f.proxies[2].set(refusing)
	if other.apache != nil {
		f.proxies[0].leadTo(other.apache.Listening("CLIENT")[0])
	}
	want := each(reading{Committed: 1, End: 3, Lag: 2, Health: lag.HealthOK}, "copied")
	second := w.says(t, "the other cluster's numbers, none of which is Rewound", want)
	if first.ClusterID == second.ClusterID || second.ClusterID == "" {
		t.Errorf("the clusters' ids are %q and %q", first.ClusterID, second.ClusterID)
	}
	for what, r := range want {
		theTable.add(row{order: orderOf("another cluster behind the address"), name: "another cluster behind the address", what: what, ours: r.String(),
			why: "on the first cluster 4 was committed; the history starts anew"}, f.kind)
	}
}

// startOther starts a cluster of one broker that tells clients the first proxy's address.
func (f *trio) startOther(t *testing.T) *stand {
	t.Helper()
	if f.fake != nil {
		other, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ClusterID("second"), behind(f.proxies[0]))
		must(t, "start kfake", err)
		t.Cleanup(other.Close)
		return (&stand{kind: onFake, servers: other.ListenAddrs(), fake: other}).connected(t)
	}
	other := startApache(t, apache.Options{Listeners: []apache.Listener{{Advertise: []string{f.proxies[0].address()}}}})
	return (&stand{kind: onApache, servers: other.BootstrapServers(), own: other.Admin(), apache: other}).connected(t)
}

// failures are the cases in the order of the table, after those of TestCases.
var failures = []string{
	"a broker refuses connections", "a broker answers too late", "a broker answers garbage",
	"a broker stopped that also coordinated the group", "a broker crashed that also coordinated the group", "leaders moved, one more record each",
	"coordinator moved, one more commit each", "a throttling broker", "another cluster behind the address",
}

func orderOf(name string) int { return 100 + slices.Index(failures, name) }
