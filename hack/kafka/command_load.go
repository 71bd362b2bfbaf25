package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/hack/kafka/replay"
	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
)

type loadOptions struct {
	replay replay.Options
	trace  string
	tally  string
}

func loadCommand() *cobra.Command {
	var options loadOptions
	command := &cobra.Command{
		Use:   "load",
		Short: "Produce messages at the rate of a measured curve",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return options.run(command)
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&options.replay.BootstrapServers, "bootstrap", []string{"127.0.0.1:9092"}, "brokers to start from")
	flags.StringVar(&options.replay.Topic, "topic", "demo", "topic to produce to")
	flags.Float64Var(&options.replay.SpeedUp, "speed-up", 600, "seconds of the curve that pass in one second")
	flags.Float64Var(&options.replay.Scale, "scale", 3, "messages a second where the curve's value is 1")
	flags.StringVar(&options.trace, "trace", "", "CSV file of timestamp,value (default: two days of a load balancer, built in)")
	flags.StringVar(&options.tally, "tally", "", "host:port to count handled messages at; wait until all are handled")
	return command
}

func (o loadOptions) run(command *cobra.Command) error {
	curve, err := o.curve()
	if err != nil {
		return err
	}
	o.replay.Curve = curve
	load, err := replay.New(o.replay)
	if err != nil {
		return err
	}
	counted, stop, err := o.serveTally()
	if err != nil {
		return err
	}
	defer stop()
	out := command.OutOrStdout()
	_, _ = fmt.Fprintf(out, "producing %d messages to %s\n", load.Total(), o.replay.Topic)
	over := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() { show(out, load, counted, over) })
	err = load.Run(command.Context())
	if err == nil && o.tally != "" {
		err = awaitHandled(command, load.Progress().Acknowledged, counted)
	}
	close(over)
	showing.Wait()
	_, _ = fmt.Fprintln(out, line(load.Progress(), counted.Counts()))
	return err
}

func (o loadOptions) curve() (replay.Curve, error) {
	if o.trace == "" {
		return replay.TwoDays()
	}
	file, err := os.Open(o.trace)
	if err != nil {
		return nil, fmt.Errorf("open trace: %w", err)
	}
	curve, err := replay.ReadNAB(file)
	_ = file.Close() // read only
	return curve, err
}

func (o loadOptions) serveTally() (*tally.Server, func(), error) {
	counted := tally.New()
	if o.tally == "" {
		return counted, func() {}, nil
	}
	listener, err := net.Listen("tcp", o.tally)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the tally on %q: %w", o.tally, err)
	}
	server := &http.Server{Handler: counted.Handler(), ReadHeaderTimeout: 5 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // always ErrServerClosed after Close
	return counted, func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}

func awaitHandled(command *cobra.Command, produced int64, counted *tally.Server) error {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for counted.Counts().Distinct < produced {
		select {
		case <-look.C:
		case <-command.Context().Done():
			return fmt.Errorf("%d of %d messages handled: %w", counted.Counts().Distinct, produced, command.Context().Err())
		}
	}
	return nil
}

func show(out io.Writer, load *replay.Replay, counted *tally.Server, over <-chan struct{}) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-second.C:
			_, _ = fmt.Fprintln(out, line(load.Progress(), counted.Counts()))
		case <-over:
			return
		}
	}
}

func line(produced replay.Progress, handled tally.Counts) string {
	return fmt.Sprintf("%6s  rate %7.1f/s  sent %d  acknowledged %d  failed %d  handled %d  redelivered %d",
		produced.Elapsed.Round(time.Second), produced.Rate, produced.Sent, produced.Acknowledged, produced.Failed,
		handled.Distinct, handled.Redelivered)
}
