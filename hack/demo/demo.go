package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lagrange-operator/lagrange/hack/demo/internal/beside"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/report"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/screen"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/stack"
)

const (
	firstMessageTimeout = 90 * time.Second
	cleanTimeout        = 2 * time.Minute
)

// demo is one demo.
type demo struct {
	options   options
	show      *screen.Terminal
	stack     *stack.Stack
	addresses stack.Addresses
	beside    *beside.Process
	// produced counts messages acknowledged before the replay.
	produced int64
}

func newDemo(o options, show *screen.Terminal) *demo { return &demo{options: o, show: show} }

// run shows the demo and cleans up after it, whether it succeeds or not.
func (d *demo) run(ctx context.Context) error {
	var err error
	if d.stack, err = stack.New(ctx); err != nil {
		return err
	}
	if err := refuseSecond(ctx, keptPath(d.stack)); err != nil {
		return err
	}
	if err := os.MkdirAll(d.options.out, 0o755); err != nil {
		return fmt.Errorf("make the folder for results: %w", err)
	}
	d.show.Print("Lagrange: a consumer group's workers follow its lag\n")
	err = d.play(ctx)
	switch {
	case ctx.Err() != nil:
		err = errors.New("interrupted")
	case err != nil:
		d.show.Print("\n%s", cmp.Or(d.stack.Diagnose(ctx), "Nothing was brought into the cluster yet."))
	}
	if d.options.keep && d.beside != nil && ctx.Err() == nil {
		return errors.Join(err, d.leave())
	}
	return errors.Join(err, d.clean(context.WithoutCancel(ctx)))
}

// play is the demo without what is before and after it.
func (d *demo) play(ctx context.Context) error {
	if err := d.prepare(ctx); err != nil {
		return err
	}
	first, err := d.firstMessage(ctx)
	if err != nil {
		return err
	}
	outcome, err := d.replay(ctx)
	if err != nil {
		return err
	}
	outcome.FirstMessage = first
	return d.report(outcome)
}

// prepare brings up everything but the group.
func (d *demo) prepare(ctx context.Context) error {
	for _, step := range []struct {
		name string
		run  func(ctx context.Context, progress io.Writer) error
	}{
		{"have a Kubernetes cluster", d.stack.Up},
		{"compile manager and worker, make their images", d.stack.Build},
		{"load the images into the cluster", d.stack.Load},
		{"start " + brokers[d.options.kafka] + " beside the cluster, 12 partitions", d.startBeside},
		{"install Lagrange (kubectl apply -k, config/default)", d.stack.Install},
		{"make the namespace " + stack.Namespace, d.stack.MakeNamespace},
		{fmt.Sprintf("produce the first %d messages", firstMessages), func(ctx context.Context, _ io.Writer) error { return d.produceFirst(ctx) }},
	} {
		if err := d.show.Step(step.name, func(progress io.Writer) error { return step.run(ctx, progress) }); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) produceFirst(ctx context.Context) error {
	load, err := firstLoad(d.addresses.Broker)
	if err != nil {
		return err
	}
	err = load.Run(ctx)
	d.produced = load.Progress().Acknowledged
	return err
}

// firstMessage makes the group and returns the time from then to the first
// message that it has handled.
func (d *demo) firstMessage(ctx context.Context) (time.Duration, error) {
	overlay, err := d.stack.PrepareGroup(ctx, d.addresses)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, firstMessageTimeout,
		fmt.Errorf("no message was handled within %s of the group's apply", firstMessageTimeout))
	defer cancel()
	var took time.Duration
	err = d.show.Step("apply config/samples; first message handled", func(progress io.Writer) error {
		applied := time.Now()
		if err := d.stack.ApplyGroup(ctx, progress, overlay); err != nil {
			return err
		}
		first, err := d.awaitFirst(ctx)
		took = first.Sub(applied)
		return err
	})
	return took, err
}

func (d *demo) awaitFirst(ctx context.Context) (time.Time, error) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		counts, err := d.beside.Counts(ctx)
		switch {
		case ctx.Err() != nil:
			return time.Time{}, context.Cause(ctx)
		case err != nil:
			return time.Time{}, err
		case !counts.First.IsZero():
			return counts.First, nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
}

// report prints the summary and draws the plot. The error is the verdict.
func (d *demo) report(outcome report.Outcome) error {
	d.show.Print("\nSummary")
	if err := outcome.Write(d.show.Writer()); err != nil {
		return err
	}
	plots, err := outcome.Plot(d.options.out)
	for _, path := range plots {
		d.show.Print("  %-14s %s", "plot", path)
	}
	return errors.Join(outcome.Verdict(), err)
}

// leave notes what runs and says how to look at it and how to end it.
func (d *demo) leave() error {
	if err := (kept{Control: d.beside.Control, Stack: d.stack.Marks()}).write(keptPath(d.stack)); err != nil {
		return err
	}
	d.show.Print("\nLeft running:")
	d.show.Print("  export KUBECONFIG=%s", d.stack.Kubeconfig())
	d.show.Print("  kubectl -n %s get kcg -o wide        # the kubectl of go run ./hack/cluster binaries will do", stack.Namespace)
	d.show.Print("  kubectl -n %s describe kcg %s", stack.Namespace, stack.Group)
	d.show.Print("  go run ./hack/kafka load --bootstrap %s --topic %s     # two more days of load", d.addresses.Broker, stack.Topic)
	d.show.Print("  go run ./hack/demo stop                          # ends all of it")
	return nil
}

// clean ends what the demo has started.
func (d *demo) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cleanTimeout)
	defer cancel()
	return d.show.Step("clean up", func(progress io.Writer) error {
		err := d.stack.Down(ctx, progress)
		if d.beside != nil {
			err = errors.Join(err, d.beside.Stop(ctx))
		}
		return err
	})
}
