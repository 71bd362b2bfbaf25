package main

import (
	"context"
	"math"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// lagBrokerName is the hidden command of the brokers' process.
const lagBrokerName = "lag-broker"

type lagOptions struct {
	shape    lagShape
	cycles   int
	interval time.Duration
}

// lagFigures is the result line of the lag benchmark.
type lagFigures struct {
	Groups           int                `json:"groups"`
	Offsets          int                `json:"offsets"`
	WarmCycle        int                `json:"requests_warm_cycle"`
	ColdCycle        int                `json:"requests_cold_cycle"`
	CoordinatorMove  int                `json:"requests_coordinator_move"`
	ByAPI            map[string]float64 `json:"requests_by_api"`
	Connections      int                `json:"connections"`
	PerBroker        int                `json:"connections_per_broker"`
	LargestResponse  float64            `json:"largest_response_mb"`
	CycleP50         float64            `json:"cycle_ms_p50"`
	CycleP99         float64            `json:"cycle_ms_p99"`
	CPUPerCycle      float64            `json:"cpu_ms_per_cycle"`
	AllocPerCycle    float64            `json:"alloc_mb_per_cycle"`
	RSS              float64            `json:"rss_mb"`
	UnknownPartition int                `json:"unknown_partitions"`
}

// benchLag runs the pool with the lag histories, as the manager does, against
// brokers in another process.
func benchLag(ctx context.Context, o lagOptions) (lagFigures, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	say("starting %d brokers with %d topics of %d partitions, and committing %d offsets of %d groups ...",
		o.shape.Brokers, o.shape.Topics, o.shape.Partitions, o.shape.offsets(), o.shape.Groups)
	brokers, err := startLagBrokers(ctx, o.shape)
	if err != nil {
		return lagFigures{}, err
	}
	defer brokers.stop()
	engine := startEngine(ctx, o, brokers.ready.Addresses)
	say("the cold cycle ...")
	if err := engine.waitForAll(ctx); err != nil {
		return lagFigures{}, err
	}
	cold, err := brokers.reading(ctx)
	if err != nil {
		return lagFigures{}, err
	}
	figures := lagFigures{Groups: o.shape.Groups, Offsets: o.shape.offsets(), ColdCycle: mostRequests(cold.Cycles)}
	if err := measureWarm(ctx, o, brokers, engine, &figures); err != nil {
		return lagFigures{}, err
	}
	err = measureMove(ctx, o, brokers, &figures)
	figures.UnknownPartition = engine.unknown()
	return figures, err
}

// measureWarm lets the first cycles pass, in which new groups still cost more.
func measureWarm(ctx context.Context, o lagOptions, brokers *lagBrokers, engine *lagEngine, figures *lagFigures) error {
	if err := engine.waitForCycles(ctx, 5); err != nil {
		return err
	}
	before, err := brokers.reading(ctx)
	if err != nil {
		return err
	}
	say("%d warm cycles of %s ...", o.cycles, o.interval)
	cpu, allocated, from := cpuTime(), totalAlloc(), engine.cycles()
	if err := engine.waitForCycles(ctx, o.cycles); err != nil {
		return err
	}
	measured := float64(engine.cycles() - from)
	figures.CPUPerCycle = rounded(float64((cpuTime() - cpu).Microseconds()) / 1000 / measured)
	figures.AllocPerCycle = rounded(float64(totalAlloc()-allocated) / 1e6 / measured)
	resident, err := rssMB(os.Getpid())
	if err != nil {
		return err
	}
	figures.RSS = rounded(resident)
	after, err := brokers.reading(ctx)
	if err != nil {
		return err
	}
	warm := after.Cycles[len(before.Cycles):]
	figures.WarmCycle = mostRequests(warm[:len(warm)-1]) // the last may be under way
	figures.ByAPI = perCycle(before.Requests, after.Requests, len(warm))
	figures.Connections, figures.PerBroker = after.Connections, after.MostConnections
	figures.LargestResponse = rounded(float64(after.LargestResponse) / 1e6)
	took := engine.durations(warm)
	figures.CycleP50, figures.CycleP99 = quantile(took, 0.5), quantile(took, 0.99)
	return nil
}

// measureMove moves the coordinators of all groups at once and reports how many
// requests the dearest of the next cycles makes above the dearest warm one.
func measureMove(ctx context.Context, o lagOptions, brokers *lagBrokers, figures *lagFigures) error {
	say("moving the coordinators ...")
	before, err := brokers.reading(ctx)
	if err != nil {
		return err
	}
	if err := brokers.move(ctx); err != nil {
		return err
	}
	for {
		after, err := brokers.reading(ctx)
		if err != nil {
			return err
		}
		if next := after.Cycles[len(before.Cycles)-1:]; len(next) > 4 {
			figures.CoordinatorMove = max(0, mostRequests(next[:4])-figures.WarmCycle)
			return nil
		}
		if err := pause(ctx, o.interval/4); err != nil {
			return err
		}
	}
}

func mostRequests(cycles []meteredCycle) int {
	most := 0
	for _, c := range cycles {
		most = max(most, c.Requests)
	}
	return most
}

func perCycle(before, after map[string]int, cycles int) map[string]float64 {
	by := map[string]float64{}
	for name, n := range after {
		if n > before[name] {
			by[name] = rounded(float64(n-before[name]) / float64(cycles))
		}
	}
	return by
}

func quantile(took []float64, q float64) float64 {
	if len(took) == 0 {
		return math.NaN() // fails to encode: nothing was measured
	}
	slices.Sort(took)
	return rounded(took[int(math.Ceil(q*float64(len(took))))-1])
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // can't fail for the process itself
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func totalAlloc() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}
