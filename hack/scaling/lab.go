package main

import (
	"math"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// lab runs every entrant on every load.
type lab struct {
	options
	loads    []load
	entrants []sim.Entrant
}

// job is a load with a target and a seed: all entrants get the same arrivals.
type job struct {
	load   load
	target time.Duration
	seed   uint64
}

// jobs are all there are; those of the first seed come first.
func (l lab) jobs() []job {
	var jobs []job
	for seed := range l.seeds {
		for _, target := range l.targets {
			for _, load := range l.loads {
				jobs = append(jobs, job{load: load, target: target, seed: uint64(seed + 1)})
			}
		}
	}
	return jobs
}

// runAll runs all jobs, a few at a time. The order of the result is that of jobs.
func (l lab) runAll() []run {
	jobs, began := l.jobs(), time.Now()
	results := make([][]run, len(jobs))
	next, done := make(chan int), 0
	var wait sync.WaitGroup
	var mutex sync.Mutex
	for range l.workers {
		wait.Go(func() {
			for i := range next {
				results[i] = l.runJob(jobs[i])
				mutex.Lock()
				done++
				say("%d of %d after %s: %s, target %s, seed %d", done, len(jobs),
					time.Since(began).Round(time.Second), jobs[i].load.Name, jobs[i].target, jobs[i].seed)
				mutex.Unlock()
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	wait.Wait()
	var runs []run
	for _, r := range results {
		runs = append(runs, r...)
	}
	return runs
}

// runJob runs the entrants of a job, and the clairvoyant beside them.
func (l lab) runJob(j job) []run {
	arrivals := j.load.arrivals(j.seed)
	config, knows := l.setUp(j, arrivals)
	least := sim.Clairvoyant(config, arrivals)
	var runs []run
	for _, e := range l.entrants {
		r := sim.Run(config, arrivals, e.New(knows))
		runs = append(runs, newRun(j, e, r, undone(config, r), least))
	}
	return append(runs, clairvoyant(runs[0]))
}

// setUp is the group of a job and what policies may know of it.
func (l lab) setUp(j job, arrivals []float64) (sim.Config, sim.Knowledge) {
	s := scenarios[l.scenario]
	mu := j.load.Mu * s.faster
	config := sim.Config{
		Partitions: j.load.Partitions, Mu: mu, Target: j.target, Seed: j.seed,
		Min: *j.load.Min, Max: int32(j.load.Partitions), CommitInterval: 5 * time.Second,
		Initial: workersAtFirst(arrivals, mu), Assignor: layout.CooperativeSticky,
	}
	s.set(&config)
	return config, sim.Knowledge{
		Mu: mu, Target: j.target, Partitions: config.Partitions, Min: config.Min, Max: config.Max,
		CommitInterval: config.CommitInterval, Arrivals: arrivals,
	}
}

// workersAtFirst are as many as the first minute keeps busy.
func workersAtFirst(arrivals []float64, mu float64) int32 {
	first := arrivals[:min(60, len(arrivals))]
	sum := 0.0
	for _, a := range first {
		sum += a
	}
	return int32(math.Ceil(sum / float64(len(first)) / mu))
}
