// Package worker_test runs random schedules against the worker runtime: members
// join, leave, are killed and frozen, handlers are slow, fail and panic, and
// the brokers move, restart and refuse, on kfake and on Apache Kafka. After each
// schedule nothing that was acknowledged may be missing, out of order, or
// committed before it was handled.
//
//	go test ./test/worker                                            # a few of both kinds
//	go test ./test/worker -run Kfake -seed 17 -schedules 1 -v        # one again
//	go test ./test/worker -race -timeout 3h -schedules 100           # all of them
package worker_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

// patience bounds every wait: it is reached only by a test that fails.
const patience = 2 * time.Minute

var (
	firstSeed = flag.Uint64("seed", 1, "seed of the first schedule; the others are counted up from it")
	schedules = flag.Int("schedules", 0, "how many schedules to run on each kind of Kafka (default 12 on kfake, 4 on Apache Kafka)")
)

func TestMain(m *testing.M) {
	if raw := os.Getenv(beWorker); raw != "" {
		os.Exit(workerProcess(raw))
	}
	flag.Parse()
	// A schedule waits more than it works.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestSchedulesOnKfake(t *testing.T) {
	runSchedules(t, onFake, 12, fakeStand)
}

func TestSchedulesOnApacheKafka(t *testing.T) {
	brokers := startApache(t)
	runSchedules(t, onApache, 4, func(t *testing.T, _ schedule) *stand { return apacheStand(t, brokers) })
}

func runSchedules(t *testing.T, kind string, usual int, open func(*testing.T, schedule) *stand) {
	t.Helper()
	count := uint64(usual)
	if *schedules > 0 {
		count = uint64(*schedules)
	}
	sum := &figures{kind: kind}
	t.Cleanup(func() { fmt.Println(sum) })
	for seed := *firstSeed; seed < *firstSeed+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newSchedule(seed, kind)
			sum.add(s.run(t, open(t, s)))
		})
	}
}

// eventually waits until done says so.
func eventually(t *testing.T, what func() string, done func() bool) {
	t.Helper()
	if !within(patience, done) {
		t.Fatalf("waited %v in vain: %s", patience, what())
	}
}

// within waits until done says so, but no longer than that, and tells whether it did.
func within(limit time.Duration, done func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
	return true
}

// must fails the test if what it was about could not be done.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
