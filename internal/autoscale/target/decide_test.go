package target

import (
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// stand is a group at which nothing happens but what a test says.
type stand struct {
	c Config
	s State
	o Observation
	d Demand
	// tick counts looks, 15 s apart.
	tick int
}

// standing is a group of twelve partitions and so many members, of which each handles
// perMember messages a second.
func standing(members int32, perMember float64, waits int64, age time.Duration) *stand {
	st := &stand{
		c: Config{Target: time.Minute, Assignor: layout.CooperativeSticky, Counts: []int32{1, 2, 3, 4, 6, 12}, CommitInterval: 5 * time.Second},
		o: Observation{Replicas: members, Ready: members, Steady: true, Partitions: make([]Partition, 12)},
	}
	each := perMember * float64(members) / 12
	for i := range st.o.Partitions {
		st.o.Partitions[i] = Partition{Lag: waits, Age: age, Produced: each, Consumed: each, Rates: true, Owner: i % int(members)}
	}
	return st
}

// look looks n times, with what arrives at the rate of each partition.
func (st *stand) look(n int) Demand {
	for range n {
		st.tick++
		for i := range st.o.Partitions {
			p := &st.o.Partitions[i]
			p.End += int64(p.Produced * 15)
		}
		st.s, st.d = Decide(st.c, st.s, st.o, noon.Add(time.Duration(st.tick)*15*time.Second))
	}
	return st.d
}

// raise has so many members, with what then waits of each partition: first they are
// asked for, and then they are there. All that arrives is handled, and no more.
func (st *stand) raise(members int32, waits int64, age time.Duration) {
	st.o.Replicas = members
	st.look(2)
	st.o.Ready = members
	for i := range st.o.Partitions {
		p := &st.o.Partitions[i]
		p.Owner, p.Lag, p.Age = i%int(members), waits, age
	}
}

func want(t *testing.T, d Demand, replicas int32, reason Reason) {
	t.Helper()
	if d.Replicas != replicas || d.Reason != reason {
		t.Errorf("%+v, want %d for %s", d, replicas, reason)
	}
}

// TestUpWhenTooOld: four members of 100 a second have a backlog of 40 s and get 400 a
// second; with twice as much arriving six do not hold it, and twelve do.
func TestUpWhenTooOld(t *testing.T) {
	st := standing(4, 100, 1333, 40*time.Second)
	want(t, st.look(30), 4, Holds)
	if d := st.d; d.PerReplica != 100 || d.Arriving < 385 || d.Arriving > 400 {
		t.Errorf("%+v", d)
	}
	for i := range st.o.Partitions {
		st.o.Partitions[i].Produced *= 2
	}
	want(t, st.look(4), 12, TooOld)
}

// TestDownToTheLeast: in one step to as few as hold the target, also by the backlog that
// it allows.
func TestDownToTheLeast(t *testing.T) {
	st := standing(12, 20, 0, 0)
	st.c.Hint = 100 // 240 a second: two members fall behind by 40, and hold the target for a while
	st.c.SeenFor = 2 * time.Minute
	want(t, st.look(7), 12, Settling)
	want(t, st.look(3), 2, Fewer)
}

// TestFreshnessKeepsUp: where no backlog is to stand, fewer must handle all that arrives.
func TestFreshnessKeepsUp(t *testing.T) {
	for prefer, replicas := range map[Preference]int32{Cost: 2, Freshness: 3} {
		st := standing(4, 52, 0, 0) // 208 a second: two members of 100 fall behind, slowly
		st.c.Hint, st.c.Prefer = 100, prefer
		want(t, st.look(20), replicas, Fewer)
	}
}

// TestFreshnessActsSooner: 30 s of age are within what costs least, and not fresh.
func TestFreshnessActsSooner(t *testing.T) {
	for prefer, reason := range map[Preference]Reason{Cost: Holds, Freshness: TooOld} {
		st := standing(4, 100, 1000, 30*time.Second)
		st.c.Prefer = prefer
		if st.look(12); st.d.Reason != reason {
			t.Errorf("%s: %+v", prefer, st.d)
		}
	}
}

// TestUnsureByOne: while what a worker handles may be more, one step at a time.
func TestUnsureByOne(t *testing.T) {
	st := standing(12, 20, 0, 0)
	want(t, st.look(40), 12, Holds) // each handles 20, and may handle 25: six would fall behind
	for i := range st.o.Partitions {
		st.o.Partitions[i].Produced, st.o.Partitions[i].Consumed = 5, 5
	}
	want(t, st.look(20), 6, Fewer)
}

// TestQuietGroup: what a worker handles can't be learned where nothing arrives.
func TestQuietGroup(t *testing.T) {
	st := standing(6, 0, 0, 0)
	want(t, st.look(20), 6, Learning)
	want(t, st.look(2), 1, Fewer)
	st = standing(6, 0, 1, time.Hour)
	want(t, st.look(40), 6, Learning)
}

// TestForeignMember: a member that is none of our workers takes its part and stays.
func TestForeignMember(t *testing.T) {
	st := standing(4, 10, 0, 0)
	st.c.Hint = 100
	st.o.Replicas, st.o.Ready, st.o.Foreign = 3, 3, 1
	want(t, st.look(20), 1, Fewer)
	st = standing(4, 90, 0, 0) // of 360 a second one of ours and the foreign one leave 160: 53 s of age in two minutes
	st.c.Hint, st.c.Target = 100, 2*time.Minute
	st.o.Replicas, st.o.Ready, st.o.Foreign = 3, 3, 1
	want(t, st.look(20), 1, Fewer)
	st = standing(4, 10, 0, 0) // the fourth is one of ours that ends
	st.c.Hint, st.o.Replicas, st.o.Ready = 100, 3, 3
	want(t, st.look(20), 3, Settling)
}

// TestHotPartition: one that gets more than a worker handles is named and set apart,
// and asks for no more after that.
func TestHotPartition(t *testing.T) {
	st := standing(4, 10, 0, 0)
	st.c.Hint = 100
	hot := &st.o.Partitions[5]
	hot.Produced, hot.Consumed, hot.Lag, hot.Age = 150, 97, 5000, 50*time.Second
	st.look(40)
	if st.d.Hot != 5 || st.d.Replicas > 4 {
		t.Errorf("%+v, want partition 5, which has little beside it", st.d)
	}
	for i := range st.o.Partitions {
		if i != 5 && st.o.Partitions[i].Owner == hot.Owner {
			st.o.Partitions[i].Produced, st.o.Partitions[i].Consumed = 20, 20
		}
	}
	want(t, st.look(40), 12, TooOld)
	st.o.Replicas, st.o.Ready = 12, 12
	for i := range st.o.Partitions {
		st.o.Partitions[i].Owner = i
	}
	if st.look(1); st.d.Reason == TooOld || st.d.Replicas > 12 {
		t.Errorf("%+v", st.d)
	}
}

// TestIneffective: more workers that handle no more are taken back, and tried again later.
func TestIneffective(t *testing.T) {
	st := standing(4, 100, 1300, 40*time.Second)
	st.look(30)
	st.raise(6, 20000, 10*time.Minute)
	want(t, st.look(16), 4, Ineffective)
	st.o.Replicas, st.o.Ready = 4, 4
	for i := range st.o.Partitions {
		st.o.Partitions[i].Owner = i % 4
	}
	want(t, st.look(16), 4, Ineffective)
	if d := st.look(60); d.Reason != TooOld {
		t.Errorf("after the time it is tried again: %+v", d)
	}
}

// TestIneffectiveFalls: what forbids more workers keeps none that are not needed.
func TestIneffectiveFalls(t *testing.T) {
	st := standing(4, 100, 0, 0)
	st.look(30)
	st.s.effect.until, st.s.effect.failed = noon.Add(time.Hour), 1
	for i := range st.o.Partitions {
		st.o.Partitions[i].Produced, st.o.Partitions[i].Consumed = 1, 1
	}
	if d := st.look(20); d.Reason != Fewer {
		t.Errorf("%+v", d)
	}
}

// TestJudgedOnce: a verdict that can't be acted on, as below minReplicas, is no second one.
func TestJudgedOnce(t *testing.T) {
	st := standing(4, 100, 1300, 40*time.Second)
	st.look(30)
	st.raise(6, 20000, 10*time.Minute)
	if st.look(70); st.s.effect.failed != 1 {
		t.Errorf("%d verdicts", st.s.effect.failed)
	}
}

// TestNotTakenBack: where they can't be taken back, as below minReplicas, more are asked
// for again when the time is over.
func TestNotTakenBack(t *testing.T) {
	st := standing(4, 100, 1300, 40*time.Second)
	st.look(30)
	st.raise(6, 20000, 10*time.Minute)
	want(t, st.look(20), 4, Ineffective)
	want(t, st.look(60), 12, TooOld)
}

// TestBaselineIsOld: rates of the last minute are of the members before.
func TestBaselineIsOld(t *testing.T) {
	st := standing(6, 100, 9000, 2*time.Minute)
	st.look(30)
	st.o.Replicas, st.o.Ready = 4, 4
	for i := range st.o.Partitions {
		st.o.Partitions[i].Owner = i % 4
	}
	st.look(2)
	st.o.Replicas, st.o.Ready = 6, 6
	for i := range st.o.Partitions {
		st.o.Partitions[i].Owner = i % 6
	}
	if st.look(40); st.s.effect.failed != 0 {
		t.Errorf("%+v", st.s.effect)
	}
}

// TestNobodyReads: nothing waits, nobody reads, and something arrives: after a minute it
// is a minute old.
func TestNobodyReads(t *testing.T) {
	g := crewOf([]int{layout.Nobody, 0}, 100, []float64{0, 500}, []float64{0, 50}, []float64{10, 10})
	g.curve = curve{{60, 0}, {0, 1000}}
	for range 3 {
		g = g.after(60, nil)
	}
	if g.lag[0] != 1800 || g.age[0] < 170 || g.age[0] > 180 {
		t.Errorf("lag %v, age %v", g.lag, g.age)
	}
}

// TestStoppedGroup: a group without workers takes no time to rebalance, and does not
// panic where one partition has just gone quiet.
func TestStoppedGroup(t *testing.T) {
	st := standing(4, 100, 0, 0)
	st.look(30)
	st.o.Replicas, st.o.Ready, st.o.Steady = 0, 0, false
	for range 60 {
		for i := range st.o.Partitions {
			p := &st.o.Partitions[i]
			if p.Owner, p.Consumed = layout.Nobody, 0; i > 0 {
				p.Lag, p.Age = p.Lag+500, p.Age+15*time.Second
			} else {
				p.Produced = 0
			}
		}
		st.look(1)
	}
	if got := st.s.reaction.pause(); got > 6*time.Second {
		t.Errorf("a rebalance takes %s", got)
	}
}

// TestSlowRebalances: where they take a minute, a group at rest is left alone.
func TestSlowRebalances(t *testing.T) {
	st := standing(4, 90, 0, 0)
	st.c.Hint, st.c.Target = 100, 50*time.Second
	st.s.reaction.shaken, st.s.reaction.dealt, st.s.topics = 700, 10, 12
	st.s.began, st.s.last = noon, noon
	if d := st.look(20); d.Reason == TooOld {
		t.Errorf("%+v", d)
	}
}

// TestOneBackloggedPartition: what waits on one partition is worked off by one worker,
// however many there are.
func TestOneBackloggedPartition(t *testing.T) {
	st := standing(3, 60, 0, 0)
	st.c.Hint, st.c.SeenFor = 100, time.Hour
	for i := range st.o.Partitions {
		if i != 0 {
			st.o.Partitions[i].Produced, st.o.Partitions[i].Consumed = 0, 0
		}
	}
	st.look(10)
	slow := &st.o.Partitions[0]
	slow.Lag, slow.Age, slow.Produced, slow.Consumed = 20000, 10*time.Minute, 30, 90
	if d := st.look(3); d.Replicas > 3 {
		t.Errorf("%+v", d)
	}
}

// TestAllHot: what nobody can hold is told all the same.
func TestAllHot(t *testing.T) {
	st := standing(12, 100, 50000, 20*time.Minute)
	for i := range st.o.Partitions {
		st.o.Partitions[i].Produced = 150
	}
	if d := st.look(40); d.Oldest < 15*time.Minute || d.Hot != 0 {
		t.Errorf("%+v", d)
	}
}

// TestEffective: more that handle more stay.
func TestEffective(t *testing.T) {
	st := standing(4, 100, 1300, 40*time.Second)
	st.look(30)
	st.o.Replicas = 6
	st.look(2)
	st.o.Ready = 6
	for i := range st.o.Partitions {
		p := &st.o.Partitions[i]
		p.Owner, p.Lag, p.Consumed = i%6, 20000, p.Consumed*1.5
	}
	if st.look(40); st.d.Reason == Ineffective {
		t.Errorf("%+v", st.d)
	}
}

// TestNothingToTell: more workers that have all done handle no more since no more arrives.
func TestNothingToTell(t *testing.T) {
	st := standing(4, 100, 1300, 40*time.Second)
	st.look(30)
	st.raise(6, 0, 0)
	for range 40 {
		if st.look(1); st.d.Reason == Ineffective {
			t.Fatalf("%+v", st.d)
		}
	}
}

// TestNoCounts: without a topic there is nothing to decide.
func TestNoCounts(t *testing.T) {
	st := standing(4, 100, 0, 0)
	st.c.Counts = nil
	want(t, st.look(10), 4, Learning)
	st.o.Partitions = slices.Clone(st.o.Partitions[:0])
	want(t, st.look(10), 4, Learning)
}

// TestRiskIsPlannedFor: forecasts that were too low by up to 310 have more workers asked
// for, and the less risk, the more is planned for.
func TestRiskIsPlannedFor(t *testing.T) {
	bound := func(risk float64) float64 {
		st := standing(4, 100, 1333, 40*time.Second)
		st.c.Risk = risk
		st.look(30)
		for i := range 32 {
			st.s.errors.past = append(st.s.errors.past, forecastError{400, float64(i) * 10})
		}
		return st.look(1).Bound
	}
	if safe, risky := bound(0.02), bound(0.4); safe < risky+50 || risky < 400 {
		t.Errorf("%f at 2 %%, %f at 40 %%", safe, risky)
	}
	st := standing(4, 100, 1333, 40*time.Second)
	st.look(30)
	want(t, st.d, 4, Holds)
	for range 64 {
		st.s.errors.past = append(st.s.errors.past, forecastError{400, 310})
	}
	want(t, st.look(1), 12, TooOld)
}
