// Command sync-producer sends each line of standard input, "key value", and
// waits for its result before it reads the next one.
package main

import (
	"bufio"
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
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("sync-producer", flag.ContinueOnError)
	brokers := flags.String("brokers", "localhost:9092", "brokers to start from, host:port, separated by commas")
	topic := flags.String("topic", "orders", "topic to send to; it must exist")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	// The settings that are left out lose, double and reorder nothing: all
	// in-sync replicas acknowledge, and retries are idempotent.
	producer, err := worker.NewProducer(worker.Config{BootstrapServers: strings.Split(*brokers, ",")})
	if err != nil {
		return err
	}
	err = sendLines(ctx, producer, *topic, in, out)
	// Not the context that may be done: Close waits for what is on its way.
	return errors.Join(err, producer.Close(context.WithoutCancel(ctx)))
}

func sendLines(ctx context.Context, producer *worker.Producer, topic string, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		// A message of its own for each send: the one before may still be in use.
		message := worker.Outgoing{Topic: topic, Key: []byte(key), Value: []byte(value)}
		receipt, err := producer.Send(ctx, message)
		if err != nil {
			// Nothing is known to be lost: the answer may be what got lost. Sent
			// again, the message may be there twice.
			return fmt.Errorf("send %q: %w", lines.Text(), err)
		}
		if _, err := fmt.Fprintf(out, "%s: partition %d, offset %d\n", key, receipt.Partition, receipt.Offset); err != nil {
			return fmt.Errorf("print a receipt: %w", err)
		}
	}
	return lines.Err()
}
