package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"
)

type reconcileOptions struct {
	objects, partitions int
	phase               time.Duration
}

// reconcileFigures is what bench reconcile prints.
type reconcileFigures struct {
	Objects int `json:"objects"`
	// ReconcileCPU is the manager's whole processor time under traffic,
	// polling included, divided by its reconciles.
	ReconcileCPU float64 `json:"reconcile_cpu_ms_per_object"`
	// WritesIdle are all mutating requests without traffic.
	WritesIdle float64 `json:"api_writes_idle_per_min"`
	// WritesBusy are those under traffic that refresh numbers only.
	WritesBusy float64 `json:"api_writes_busy_per_min"`
	// WritesChanges are the other mutating requests under traffic: replicas, conditions, events.
	WritesChanges float64 `json:"api_writes_changes_per_min"`
	// Requests are all requests under traffic.
	Requests float64 `json:"api_requests_per_min"`
	RSS      float64 `json:"rss_mb"`
	// ReconcilesBusy and CPUBusy put the first figure into proportion.
	ReconcilesBusy float64 `json:"reconciles_per_min"`
	CPUBusy        float64 `json:"cpu_percent_busy"`
	CPUIdle        float64 `json:"cpu_percent_idle"`
}

// bench is everything that runs.
type bench struct {
	options        reconcileOptions
	server         *apiServer
	broker         *traffic
	manager        *process
	managerMetrics string
}

func benchReconcile(ctx context.Context, o reconcileOptions) (figures reconcileFigures, err error) {
	folder, err := os.MkdirTemp("", "lagrange-bench-")
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b := &bench{options: o}
	defer b.stop()
	if err := b.start(ctx, folder); err != nil {
		return figures, err
	}
	say("waiting until %d groups are settled and nothing is written for a while", o.objects)
	if err := b.settle(ctx); err != nil {
		return figures, err
	}
	say("measuring %s without traffic", o.phase)
	idle, err := b.measure(ctx)
	if err != nil {
		return figures, err
	}
	say("measuring %s with traffic on every group", o.phase)
	b.broker.start(ctx)
	busy, err := b.measure(ctx)
	if err := errors.Join(err, b.broker.stop()); err != nil {
		return figures, err
	}
	return report(o, idle, busy), nil
}

func (b *bench) start(ctx context.Context, folder string) (err error) {
	say("starting the API server (compiled the first time)")
	if b.server, err = startAPIServer(ctx, folder); err != nil {
		return err
	}
	say("starting the broker with %d topics", b.options.objects)
	if b.broker, err = startBroker(ctx, folder, b.options); err != nil {
		return err
	}
	say("starting the manager")
	if b.managerMetrics, err = freeAddress(); err != nil {
		return err
	}
	b.manager, err = startProcess(ctx, folder, "./cmd/manager", []string{"KUBECONFIG=" + b.server.kubeconfig},
		"--metrics-insecure", "--metrics-bind-address="+b.managerMetrics, "--health-probe-bind-address=0")
	if err != nil {
		return err
	}
	say("creating %d KafkaConsumerGroups", b.options.objects)
	return createGroups(ctx, b.server.kube, b.broker.address, b.options.objects)
}

func (b *bench) stop() {
	if b.manager != nil {
		b.manager.stop()
	}
	if b.broker != nil {
		b.broker.close()
	}
	if b.server != nil && b.server.env != nil {
		_ = b.server.env.Stop()
	}
}

// settle plays the Deployment controller until every group is Ready, and then
// waits for three quarters of a minute without a write: longer than numbers may wait.
func (b *bench) settle(ctx context.Context) error {
	quietSince, last := time.Now(), int64(0)
	for begin := time.Now(); time.Since(begin) < 10*time.Minute; {
		ready, err := playDeployments(ctx, b.server.kube)
		if err != nil {
			return err
		}
		at, err := b.server.position()
		if err != nil {
			return err
		}
		if at != last || ready < b.options.objects {
			quietSince, last = time.Now(), at
		}
		if time.Since(quietSince) > 45*time.Second {
			return nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("the groups did not settle within 10 minutes")
}

// stretch is what was measured in one phase.
type stretch struct {
	length                   time.Duration
	requests                 requests
	cpu                      time.Duration
	reconciles, numberWrites float64
	rss                      float64
}

func (b *bench) measure(ctx context.Context) (stretch, error) {
	before, err := b.counters(ctx)
	if err != nil {
		return stretch{}, err
	}
	position, err := b.server.position()
	if err != nil {
		return stretch{}, err
	}
	begin := time.Now()
	for time.Since(begin) < b.options.phase {
		if _, err := playDeployments(ctx, b.server.kube); err != nil {
			return stretch{}, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return stretch{}, err
		}
	}
	after, err := b.counters(ctx)
	if err != nil {
		return stretch{}, err
	}
	after.length = time.Since(begin)
	after.cpu -= before.cpu
	after.reconciles -= before.reconciles
	after.numberWrites -= before.numberWrites
	after.requests, err = b.server.since(position)
	say("mutating requests: %v", after.requests.byKind)
	return after, err
}

func (b *bench) counters(ctx context.Context) (s stretch, err error) {
	var errs [4]error
	s.cpu, errs[0] = b.manager.cpu()
	s.rss, errs[1] = rssMB(b.manager.Process.Pid)
	s.reconciles, errs[2] = scrape(ctx, b.managerMetrics, "controller_runtime_reconcile_total", nil)
	s.numberWrites, errs[3] = scrape(ctx, b.managerMetrics, "lagrange_status_writes_total", map[string]string{"kind": "numbers"})
	return s, errors.Join(errs[:]...)
}

func report(o reconcileOptions, idle, busy stretch) reconcileFigures {
	perMinute := func(n float64, s stretch) float64 { return rounded(n / s.length.Minutes()) }
	percent := func(s stretch) float64 { return rounded(100 * s.cpu.Seconds() / s.length.Seconds()) }
	return reconcileFigures{
		Objects:        o.objects,
		ReconcileCPU:   rounded(1000 * busy.cpu.Seconds() / max(busy.reconciles, 1)),
		WritesIdle:     perMinute(float64(idle.requests.mutating), idle),
		WritesBusy:     perMinute(busy.numberWrites, busy),
		WritesChanges:  perMinute(float64(busy.requests.mutating)-busy.numberWrites, busy),
		Requests:       perMinute(float64(busy.requests.all), busy),
		RSS:            rounded(busy.rss),
		ReconcilesBusy: perMinute(busy.reconciles, busy),
		CPUBusy:        percent(busy),
		CPUIdle:        percent(idle),
	}
}

func rounded(x float64) float64 { return math.Round(x*100) / 100 }

// pause waits, or ends with the context.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
