// Command consumer-group is a member of a consumer group that prints what it is
// given. Start it several times: each has its share of the partitions, and more
// members than partitions are idle.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/lagrange-operator/lagrange/worker"
)

func main() {
	// A pod is told to stop by SIGTERM. The context ends with it: Run takes no
	// more messages, finishes those in hand, commits, and leaves the group, so
	// that the others take over at once and handle nothing again.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	// From the file that the operator mounts, or LAGRANGE_BOOTSTRAP_SERVERS,
	// LAGRANGE_GROUP_ID and LAGRANGE_TOPICS.
	config, err := worker.Load()
	if err != nil {
		return err
	}
	// Messages of one key one after another, others at the same time. A message
	// is committed once it and all before it are finished.
	config.Ordering = worker.OrderByKey
	config.ListenAddress = os.Getenv("LISTEN") // of /healthz, /readyz and /metrics
	return worker.Run(ctx, config, printTo(out))
}

// printTo returns nil for what is handled: only then its offset may be
// committed. With an error the message comes again, after a pause. It may also
// come again after a crash, so handling it twice must do no harm.
func printTo(out io.Writer) worker.Handler {
	return func(_ context.Context, msg worker.Message) error {
		// One write for a line: handlers run at the same time.
		if _, err := fmt.Fprintf(out, "%s %s\n", msg.Key, msg.Value); err != nil {
			return fmt.Errorf("print a message: %w", err)
		}
		return nil
	}
}
