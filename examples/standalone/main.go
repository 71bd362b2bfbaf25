// Command standalone reads single partitions without being in a consumer group,
// and keeps how far it came: started again, it goes on there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/lagrange-operator/lagrange/worker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("standalone", flag.ContinueOnError)
	brokers := flags.String("brokers", "localhost:9092", "brokers to start from, host:port, separated by commas")
	topic := flags.String("topic", "orders", "topic to read")
	partition := flags.Int("partition", 0, "partition to read")
	follow := flags.Bool("follow", false, "wait for messages to come, until told to stop")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	options := worker.ReplayOptions{
		Topic:      *topic,
		Partitions: []int32{int32(*partition)},
		From:       worker.AtKept(), // the log start the first time
		// A name that no group of workers uses: its commits would be in their way.
		KeepAs: "standalone-example",
	}
	if *follow {
		options.To = worker.Never() // else it ends with what is there now
	}
	config := worker.Config{BootstrapServers: strings.Split(*brokers, ",")}
	summary, err := worker.Replay(ctx, config, options, func(_ context.Context, msg worker.Message) error {
		// Once this returns nil, offset+1 is kept: the next one to read.
		if _, err := fmt.Fprintf(out, "%d: %s %s\n", msg.Offset, msg.Key, msg.Value); err != nil {
			return fmt.Errorf("print a message: %w", err)
		}
		return nil
	})
	for _, p := range summary.Partitions {
		_, printErr := fmt.Fprintf(out, "partition %d: %d messages from offset %d, next is %d\n", p.Partition, p.Handled, p.From, p.Next)
		err = errors.Join(err, printErr)
	}
	return err
}
