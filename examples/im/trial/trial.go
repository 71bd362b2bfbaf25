// Package trial sends messages through gateway, Kafka and archive on real
// servers, makes everything fail that can, and counts what came of it.
//
// A round, after MariaDB and three Kafka brokers have been started once:
//
//	producer policy handed out, workers started, all report that it is in force
//	                -> messages sent, one after another in each conversation
//	                   meanwhile workers killed, paused, rebalanced, brokers restarted
//	                -> everything handled -> offsets rewound, everything handled again
//	                -> workers stopped -> what was acknowledged compared with what is stored
package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// Options say how much is tried.
type Options struct {
	// Messages of a round belong to so many Conversations.
	Messages, Conversations int
	// Rounds is how often all of it is done.
	Rounds int
	// Workers is how many processes store messages.
	Workers int
	// Rate is how many messages are sent in a second, at most.
	Rate int
	// Seed is of the order of failures; 0 takes another one each time.
	Seed uint64
	// Out is told of everything.
	Out io.Writer
}

// Run does the rounds and fails if a message was lost, stored twice or stored
// out of order in any of them.
func Run(ctx context.Context, options Options) (err error) {
	if err := options.problem(); err != nil {
		return err
	}
	if options.Seed == 0 {
		options.Seed = rand.Uint64() //nolint:gosec // an order of failures, no secret
	}
	_, _ = fmt.Fprintf(options.Out, "%d messages over %d conversations, %d workers, seed %d\n",
		options.Messages, options.Conversations, options.Workers, options.Seed)
	servers, err := start(ctx, options.Out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.close()) }()
	policy, withdraw, err := handOut(options.Out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, withdraw()) }()
	bad := 0
	for number := 1; number <= options.Rounds; number++ {
		verdict, err := options.round(ctx, servers, policy, number)
		if err != nil {
			return fmt.Errorf("round %d: %w", number, err)
		}
		if !verdict.good() {
			bad++
		}
	}
	_, _ = fmt.Fprintf(options.Out, "%d of %d rounds good\n", options.Rounds-bad, options.Rounds)
	if bad > 0 {
		return fmt.Errorf("%d of %d rounds lost, doubled or reordered messages", bad, options.Rounds)
	}
	return nil
}

func (o Options) problem() error {
	if min(o.Messages, o.Conversations, o.Rounds, o.Workers, o.Rate) < 1 {
		return fmt.Errorf("messages, conversations, rounds, workers and rate must be at least 1: %+v", o)
	}
	return nil
}

// round is one trial on fresh topics and tables. Logs are kept only if it fails.
func (o Options) round(ctx context.Context, servers *servers, policy workerconfig.ProducerReport, number int) (verdict verdict, err error) {
	folder, err := os.MkdirTemp("", "lagrange-im-")
	if err != nil {
		return verdict, fmt.Errorf("make a folder for logs: %w", err)
	}
	r := &round{
		Options: o, servers: servers, policy: policy, folder: folder, began: time.Now(),
		number: number, name: fmt.Sprintf("im-%d", number),
	}
	if verdict, err = r.run(ctx); err != nil || !verdict.good() {
		r.tell("logs are in %s", folder)
		return verdict, err
	}
	if err := os.RemoveAll(folder); err != nil {
		return verdict, fmt.Errorf("remove the logs: %w", err)
	}
	return verdict, nil
}
