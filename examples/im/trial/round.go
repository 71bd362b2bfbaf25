package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/examples/im/gateway"
	"github.com/lagrange-operator/lagrange/hack/sqldb"
	"github.com/lagrange-operator/lagrange/worker"
)

const (
	// patience is how long the workers may take to handle what is left.
	patience  = 3 * time.Minute
	lookEvery = 500 * time.Millisecond
)

// round is one trial.
type round struct {
	Options
	servers *servers
	crew    *crew
	// policy is what every program has to report.
	policy workerconfig.ProducerReport
	folder string
	// name is that of the topic and the group.
	name   string
	number int
	began  time.Time
	// troubles counts what has failed.
	troubles string
}

// chance is an order of failures, another one for each round and stream.
func (r *round) chance(stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(r.Seed+uint64(r.number), stream)) //nolint:gosec // no secret
}

func (r *round) tell(format string, arguments ...any) {
	_, _ = fmt.Fprintf(r.Out, "%6s  %s\n", time.Since(r.began).Round(time.Second), fmt.Sprintf(format, arguments...))
}

func (r *round) run(ctx context.Context) (verdict verdict, err error) {
	database, err := r.servers.database.Create(ctx)
	if err != nil {
		return verdict, err
	}
	if err := r.servers.createTopic(ctx, r.name); err != nil {
		return verdict, err
	}
	if r.crew, err = r.newCrew(database.DSN); err != nil {
		return verdict, err
	}
	defer func() { err = errors.Join(err, r.crew.close()) }()
	acknowledged, err := r.exchange(ctx)
	if err != nil {
		return verdict, err
	}
	if err := r.handled(ctx); err != nil {
		return verdict, err
	}
	if err := r.again(ctx); err != nil {
		return verdict, err
	}
	return r.judge(ctx, database, acknowledged)
}

// exchange sends all messages while things fail.
func (r *round) exchange(ctx context.Context) (*ledger, error) {
	log, err := os.Create(filepath.Join(r.folder, "gateway.log"))
	if err != nil {
		return nil, fmt.Errorf("keep the gateway's log: %w", err)
	}
	defer func() { _ = log.Close() }() // nothing depends on it
	gateway, err := r.openGateway(log)
	if err != nil {
		return nil, err
	}
	if err := r.inForce(ctx, gateway); err != nil {
		return nil, errors.Join(err, gateway.Close(ctx))
	}
	ledger, sent := newLedger(), make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(sent)
		r.send(ctx, gateway, ledger)
	}()
	err = r.trouble(ctx, sent)
	if err != nil {
		cancel()
	}
	<-sent
	return ledger, errors.Join(err, ctx.Err(), gateway.Close(ctx))
}

// openGateway makes it of what Lagrange has left for this program.
func (r *round) openGateway(log io.Writer) (*gateway.Gateway, error) {
	config, err := worker.Load()
	if err != nil {
		return nil, err
	}
	config.BootstrapServers, config.Logger = r.servers.kafka.BootstrapServers(), slog.New(slog.NewTextHandler(log, nil))
	return gateway.New(config, r.name)
}

// handled returns once the group has committed all that is in the topic.
func (r *round) handled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if err := r.crew.failure(); err != nil {
			return err
		}
		behind, err := r.servers.behind(ctx, r.name, r.name)
		if err == nil && behind == 0 {
			r.tell("everything is handled")
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the group is %d messages behind: %w", behind, ctx.Err()), err)
		}
	}
}

// again has everything read a second time, as after an offset reset that was a mistake.
func (r *round) again(ctx context.Context) error {
	if err := r.crew.stop(ctx); err != nil {
		return err
	}
	if err := r.until(ctx, "the group has no members", func(ctx context.Context) error {
		_, err := r.servers.admin.DeleteGroup(ctx, r.name)
		return err //nolint:wrapcheck // until says what was attempted
	}); err != nil {
		return err
	}
	r.tell("offsets rewound to the start by mistake")
	if err := r.crew.fill(r.Workers); err != nil {
		return err
	}
	if err := r.handled(ctx); err != nil {
		return err
	}
	return r.crew.stop(ctx)
}

// until tries something until it succeeds.
func (r *round) until(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, errors.Join(ctx.Err(), err))
		}
	}
}

func (r *round) judge(ctx context.Context, database *sqldb.Database, acknowledged *ledger) (verdict, error) {
	rows, err := stored(ctx, database)
	if err != nil {
		return verdict{}, err
	}
	v := judge(acknowledged, rows)
	r.tell("%s", v)
	r.tell("there were %s", r.troubles)
	return v, nil
}
