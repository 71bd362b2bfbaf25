// Demo shows Lagrange at work, by itself: a real Kubernetes cluster, a broker
// that speaks the Kafka protocol, workers in pods, and two days of measured
// traffic in five minutes.
//
//	go run ./hack/demo
//	go run ./hack/demo --short
//	go run ./hack/demo --keep
//	go run ./hack/demo --kafka apache
//	go run ./hack/demo stop
//
// CLUSTER=kind and CLUSTER=existing use another cluster than the local one.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/lagrange-operator/lagrange/hack/demo/internal/screen"
	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
)

func main() {
	log.SetLogger(logr.Discard()) // the Kubernetes client's; what it returns is shown
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C doesn't wait for the cleaning up
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:           "demo",
		Short:         "Show a consumer group following its lag on a real cluster",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(command *cobra.Command, _ []string) error {
			settled, err := o.withDefaults()
			if err != nil {
				return err
			}
			return newDemo(settled, screen.New(os.Stdout)).run(command.Context())
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	flags := root.Flags()
	flags.BoolVar(&o.keep, "keep", false, "leave the cluster, the broker and the group running at the end")
	flags.BoolVar(&o.short, "short", false, "replay the peak of one day instead of two days")
	flags.DurationVar(&o.duration, "duration", 0, "how long the replay takes (default 5m, with --short 75s)")
	flags.StringVar(&o.out, "out", "bin/demo", "folder for the plot and the broker's log")
	flags.StringVar(&o.kafka, "kafka", kafkaEmbedded, "embedded, or apache: Apache Kafka itself, which needs Java 17 and Maven")
	flags.IntVar(&o.brokerPort, "broker-port", 9092, "the broker's port; the next one is the tally's")
	root.AddCommand(stopCommand(), besideCommand())
	return root
}

// options are the flags.
type options struct {
	keep, short bool
	duration    time.Duration
	out         string
	kafka       string
	brokerPort  int
}

// The brokers that a demo can be shown with.
const (
	kafkaEmbedded = "embedded"
	kafkaApache   = "apache"
)

var brokers = map[string]string{kafkaEmbedded: "a broker", kafkaApache: "Apache Kafka " + apache.Version}

func (o options) withDefaults() (options, error) {
	if o.duration == 0 {
		o.duration = wholeDuration
		if o.short {
			o.duration = shortDuration
		}
	}
	if o.kafka = cmp.Or(o.kafka, kafkaEmbedded); brokers[o.kafka] == "" {
		return o, fmt.Errorf("--kafka %s: it is %s or %s", o.kafka, kafkaEmbedded, kafkaApache)
	}
	if o.duration < minDuration {
		return o, fmt.Errorf("--duration %s is too short for workers to start in; take %s or more", o.duration, minDuration)
	}
	return o, nil
}
