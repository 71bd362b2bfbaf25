package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/worker"
)

// Kinds of runs.
const (
	kindRaw       = "raw"
	kindPool      = "pool-64"
	kindPartition = "partition"
	kindKey       = "key-64"
	kindNone      = "none-64"
	// kindHold handles nothing and fills what may be in flight.
	kindHold = "hold"

	benchConcurrency = 64
)

// workerRun is one run: a topic is handled from its start to its end.
type workerRun struct {
	Kind, Address, Topic, Group string
	Messages                    int
	// Service is how long the handler takes.
	Service time.Duration
	// Profile is the file for a CPU profile; none when empty.
	Profile string
}

func (r workerRun) name() string {
	name := r.Kind
	if r.Service > 0 {
		name += "-1ms"
	}
	if r.Topic == zipfTopic {
		name += "-zipf"
	}
	return name
}

// workerResult is what a run took until the last handler returned: allocations
// and processor time from before the first fetch on, Wall from the first message.
type workerResult struct {
	Messages, Allocs int64
	CPU, Wall        time.Duration
	// Service is the sum of the times that handlers took, of the bare pool only.
	Service time.Duration
	// Heap is what the messages in flight keep, of a run that holds them only.
	Heap int64
}

func cpuEach(w workerResult) float64 {
	return float64(w.CPU.Nanoseconds()) / 1000 / float64(w.Messages)
}
func allocsEach(w workerResult) float64 { return float64(w.Allocs) / float64(w.Messages) }
func perSecond(w workerResult) float64  { return float64(w.Messages) / w.Wall.Seconds() }
func serviceMS(w workerResult) float64  { return w.Service.Seconds() * 1000 / float64(w.Messages) }
func mbPer10K(w workerResult) float64   { return float64(w.Heap) / 1e6 * 10_000 / float64(w.Messages) }

func workerRunCommand() *cobra.Command {
	return &cobra.Command{
		Use:    workerRunName,
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var run workerRun
			if err := json.Unmarshal([]byte(args[0]), &run); err != nil {
				return err
			}
			result, err := run.profiled(c.Context())
			if err != nil {
				return err
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(result)
		},
	}
}

func (r workerRun) profiled(ctx context.Context) (result workerResult, err error) {
	if r.Profile == "" {
		return r.make(ctx)
	}
	file, err := os.Create(r.Profile)
	if err != nil {
		return result, fmt.Errorf("create the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return result, err
	}
	result, err = r.make(ctx)
	pprof.StopCPUProfile()
	return result, errors.Join(err, file.Close())
}

func (r workerRun) make(ctx context.Context) (workerResult, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	m := &runMeter{run: r, finish: cancel}
	switch r.Kind {
	case kindHold:
		return r.hold(ctx)
	case kindPool:
		m.begin()
		r.barePool(m)
	case kindRaw:
		if err := r.raw(ctx, m); err != nil {
			return workerResult{}, err
		}
	default:
		config := r.config()
		config.OnAssigned = func(context.Context, []worker.Assigned) { m.begin() }
		err := worker.Run(ctx, config, func(context.Context, worker.Message) error { m.handle(); return nil })
		if err != nil {
			return workerResult{}, err
		}
	}
	return m.result()
}

// runMeter handles messages and measures from begin to the last one.
type runMeter struct {
	run     workerRun
	finish  func()
	handled atomic.Int64
	service atomic.Int64

	first  atomic.Int64
	cpu    time.Duration
	allocs uint64
	whole  workerResult
}

func (m *runMeter) begin() {
	m.allocs, m.cpu = mallocs(), cpuTime()
}

func (m *runMeter) handle() {
	if m.run.Service > 0 {
		time.Sleep(m.run.Service)
	}
	m.count()
}

// count reads the clock with the first message, and all meters with the last.
// Joining and the first fetch, a tenth of a second with sarama, are no part of
// the throughput.
func (m *runMeter) count() {
	switch m.handled.Add(1) {
	default:
		return
	case 1:
		m.first.Store(time.Now().UnixNano())
		return
	case int64(m.run.Messages):
	}
	m.whole = workerResult{
		Messages: m.handled.Load(), CPU: cpuTime() - m.cpu, Wall: time.Since(time.Unix(0, m.first.Load())),
		Allocs: int64(mallocs() - m.allocs), Service: time.Duration(m.service.Load()),
	}
	m.finish()
}

func (m *runMeter) result() (workerResult, error) {
	if handled := m.handled.Load(); handled != int64(m.run.Messages) {
		return m.whole, fmt.Errorf("%d messages were handled, not %d", handled, m.run.Messages)
	}
	return m.whole, nil
}

func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

// barePool is the handler in goroutines that take from a channel.
func (r workerRun) barePool(m *runMeter) {
	messages := make(chan int, 1000)
	var hands sync.WaitGroup
	for range benchConcurrency {
		hands.Go(func() {
			for range messages {
				began := time.Now()
				time.Sleep(r.Service)
				m.service.Add(int64(time.Since(began)))
				m.count()
			}
		})
	}
	for i := range r.Messages {
		messages <- i
	}
	close(messages)
	hands.Wait()
}

// raw is the loop of sarama's own example, with its defaults: a message is
// marked when it is handled, and marks are committed each second.
func (r workerRun) raw(ctx context.Context, m *runMeter) error {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	group, err := sarama.NewConsumerGroup([]string{r.Address}, r.Group, config)
	if err != nil {
		return fmt.Errorf("open the group: %w", err)
	}
	for ctx.Err() == nil && err == nil {
		err = group.Consume(ctx, []string{r.Topic}, rawLoop{m})
	}
	return errors.Join(err, group.Close())
}

type rawLoop struct{ meter *runMeter }

func (l rawLoop) Setup(sarama.ConsumerGroupSession) error   { l.meter.begin(); return nil }
func (l rawLoop) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (l rawLoop) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			l.meter.handle()
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

// config is the worker's, with its defaults but for what the kind says.
func (r workerRun) config() worker.Config {
	config := worker.Config{
		BootstrapServers: []string{r.Address}, Topics: []string{r.Topic}, GroupID: r.Group,
		Logger: slog.New(slog.DiscardHandler),
	}
	switch r.Kind {
	case kindKey, kindHold:
		config.Ordering, config.Concurrency = worker.OrderByKey, benchConcurrency
	case kindNone:
		config.Ordering, config.Concurrency = worker.OrderNone, benchConcurrency
	}
	return config
}

// hold measures the memory of what is in flight when no handler returns.
func (r workerRun) hold(ctx context.Context) (result workerResult, err error) {
	ctx, cancel := context.WithCancel(ctx)
	config := r.config()
	config.Registry, config.MaxProcessingTime = prometheus.NewRegistry(), 10*time.Minute
	config.GracePeriod = time.Second
	before := heap()
	ended := make(chan error)
	go func() {
		ended <- worker.Run(ctx, config, func(ctx context.Context, _ worker.Message) error { <-ctx.Done(); return ctx.Err() })
	}()
	result.Messages, err = settledInFlight(ctx, config.Registry)
	result.Heap = heap() - before
	cancel()
	return result, errors.Join(err, <-ended)
}

// heap is what is alive, goroutines' stacks included.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc + stats.StackInuse)
}

// settledInFlight waits until as much is in flight as may be.
func settledInFlight(ctx context.Context, from prometheus.Gatherer) (int64, error) {
	for last, same := int64(0), 0; ; {
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return last, err
		}
		now, err := gathered(from, "lagrange_worker_in_flight_messages")
		if err != nil {
			return last, err
		}
		if same++; int64(now) != last || last == 0 {
			last, same = int64(now), 0
		}
		if same == 10 {
			return last, nil
		}
	}
}

func gathered(from prometheus.Gatherer, name string) (float64, error) {
	families, err := from.Gather()
	if err != nil {
		return 0, fmt.Errorf("gather the worker's metrics: %w", err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue(), nil
		}
	}
	return 0, fmt.Errorf("the worker has no metric %q", name)
}
