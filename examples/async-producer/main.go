// Command async-producer sends the lines of standard input, "key value", without
// waiting for each. Every line still gets its result: the program ends well only
// if all of them were acknowledged.
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
	"sync"
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
	flags := flag.NewFlagSet("async-producer", flag.ContinueOnError)
	brokers := flags.String("brokers", "localhost:9092", "brokers to start from, host:port, separated by commas")
	topic := flags.String("topic", "orders", "topic to send to; it must exist")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	producer, err := worker.NewProducer(worker.Config{BootstrapServers: strings.Split(*brokers, ",")})
	if err != nil {
		return err
	}
	var results results
	lines := bufio.NewScanner(in)
	for ctx.Err() == nil && lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		message := worker.Outgoing{Topic: *topic, Key: []byte(key), Value: []byte(value)}
		// It waits only while too much is on its way: memory is bounded.
		producer.Enqueue(ctx, message, results.tell(key))
	}
	// Close sends what is left and returns after the last result, so results may
	// be read without more waiting.
	err = errors.Join(lines.Err(), ctx.Err(), producer.Close(context.WithoutCancel(ctx)))
	_, printErr := fmt.Fprintf(out, "%d acknowledged, %d failed\n", results.acknowledged, len(results.failed))
	return errors.Join(append(results.failed, err, printErr)...)
}

// results are of all messages. The producer calls done once for each.
type results struct {
	mutex        sync.Mutex
	acknowledged int
	failed       []error
}

// tell must be quick: all results come by one goroutine.
func (r *results) tell(key string) (done func(worker.Receipt, error)) {
	return func(_ worker.Receipt, err error) {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		if err != nil {
			r.failed = append(r.failed, fmt.Errorf("send %q: %w", key, err))
			return
		}
		r.acknowledged++
	}
}
