package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/lagrange-operator/lagrange/hack/demo/internal/report"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/screen"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/stack"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/watch"
	"github.com/lagrange-operator/lagrange/hack/kafka/replay"
	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
)

const (
	lookEvery   = time.Second
	lookTimeout = 5 * time.Second
	// plainEvery is how often a line is written where no terminal is.
	plainEvery = 10 * time.Second
	// settleTimeout bounds the wait for the last message and for the workers
	// that are not needed any more.
	settleTimeout = 3 * time.Minute
)

// follower looks at the demo each second while the load is replayed, and after
// that until everything is handled and the group is back where it began.
type follower struct {
	demo    *demo
	load    *replay.Replay
	lag     *watch.Lag
	group   *watch.Group
	started time.Time

	view   screen.View
	counts tally.Counts
	// acknowledged of the load when last looked at.
	acknowledged int64
	linedAt      time.Duration
	eventsShown  int
}

// replay shows the load and what it does to the group.
func (d *demo) replay(ctx context.Context) (report.Outcome, error) {
	f, err := d.newFollower()
	if err != nil {
		return report.Outcome{}, err
	}
	defer f.lag.Close()
	p := message.NewPrinter(language.English)
	d.show.Print("\n%s", p.Sprintf("Replaying %s in %v: %d messages. A worker handles 50 a second.",
		d.options.measured(), d.options.duration, f.load.Total()))
	d.show.Print("For the demo the manager looks at lag every 2 s and gives workers back after 20 s, not 5 s and 5 min.")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loaded := make(chan error, 1)
	if err := f.look(ctx); err != nil {
		return report.Outcome{}, fmt.Errorf("look at the group: %w", err)
	}
	go func() { loaded <- f.load.Run(ctx) }()
	err = f.follow(ctx, loaded)
	return report.Outcome{
		Series: f.view.Series, Partitions: f.view.Partitions,
		Produced: d.produced + f.load.Progress().Acknowledged,
		Distinct: f.counts.Distinct, Redelivered: f.counts.Redelivered, OutOfOrder: f.counts.OutOfOrder,
	}, err
}

func (o options) measured() string {
	if o.short {
		return "the peak of a load balancer's day"
	}
	return "two days of a load balancer"
}

func (d *demo) newFollower() (*follower, error) {
	f := &follower{demo: d, started: time.Now()}
	var err error
	if f.load, err = d.options.load(d.addresses.Broker); err != nil {
		return nil, err
	}
	if f.group, err = watch.NewGroup(d.stack.Kubeconfig(), stack.Namespace, stack.Group); err != nil {
		return nil, err
	}
	if f.lag, err = watch.NewLag(d.addresses.Broker, stack.GroupID, stack.Topic); err != nil {
		return nil, err
	}
	f.view = screen.View{Phase: "replaying", Length: d.options.duration}
	return f, nil
}

// follow returns once the group has settled, or has had the time to.
func (f *follower) follow(ctx context.Context, loaded <-chan error) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var settle <-chan time.Time
	for {
		select {
		case err := <-loaded:
			if err != nil {
				return fmt.Errorf("replay the load: %w", err)
			}
			loaded, settle = nil, time.After(settleTimeout)
			f.view.Phase = "all is produced; the rest is handled, workers go"
		case <-settle:
			return nil // the verdict says what is missing
		case <-tick.C:
			if err := f.tick(ctx); err != nil {
				return err
			}
			if loaded == nil && f.settled() {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tick looks and shows. A look that fails is shown and made up for by the next
// one, unless the broker itself has ended.
func (f *follower) tick(ctx context.Context) error {
	err := f.look(ctx)
	f.view.Problem = ""
	if err != nil {
		f.view.Problem = "the numbers are old: " + err.Error()
	}
	f.draw()
	return f.demo.beside.Ended()
}

func (f *follower) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	lag, lagErr := f.lag.Read(ctx)
	state, stateErr := f.group.Read(ctx)
	counts, countsErr := f.demo.beside.Counts(ctx)
	if err := errors.Join(lagErr, stateErr, countsErr); err != nil {
		return err
	}
	f.counts = counts
	f.add(time.Since(f.started), lag, state)
	return nil
}

func (f *follower) add(at time.Duration, lag int64, state watch.State) {
	v := &f.view
	acknowledged := f.load.Progress().Acknowledged
	sample := report.Sample{At: at, Lag: lag, Desired: state.Desired, Replicas: state.Replicas, Ready: state.Ready}
	if last := len(v.Series) - 1; last >= 0 {
		sample.Arrivals = float64(acknowledged-f.acknowledged) / (at - v.Series[last].At).Seconds()
	}
	f.acknowledged = acknowledged
	v.Series = append(v.Series, sample)
	v.Elapsed, v.Partitions, v.Events = at, state.Partitions, state.Events
	v.Why, v.WhyAge = state.Why, max(0, f.started.Add(at).Sub(state.WhyAt))
	if state.WhyAt.IsZero() { // no lag is known yet
		v.WhyAge = 0
	}
	v.Produced, v.Handled, v.Redelivered = f.demo.produced+acknowledged, f.counts.Distinct, f.counts.Redelivered
}

// settled tells whether everything is handled and the group is as small as it was.
func (f *follower) settled() bool {
	first, last := f.view.Series[0], f.view.Series[len(f.view.Series)-1]
	return f.view.Handled >= f.view.Produced && last.Desired <= first.Desired && last.Replicas <= last.Desired
}

func (f *follower) draw() {
	show := f.demo.show
	if show.Live() {
		show.Draw(f.view.Lines())
		return
	}
	for _, event := range f.view.Events[min(f.eventsShown, len(f.view.Events)):] {
		show.Print("      %s", event)
	}
	f.eventsShown = len(f.view.Events)
	if f.view.Elapsed-f.linedAt >= plainEvery {
		show.Print("%s", f.view.Line())
		f.linedAt = f.view.Elapsed
	}
}
