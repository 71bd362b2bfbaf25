package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/worker"
)

// teller is told what a worker does, before the worker goes on. It is the
// record, or in a worker process the way to it.
type teller interface {
	begin(worker string, msg seen) content
	done(worker string, messages []seen)
	failed(worker string, msg seen)
	logged(worker, lines string)
	opened(worker string, partitions []partition, counted, rebalances int64)
}

// hand is a worker of a schedule.
type hand struct {
	name     string
	number   int
	settings settings
	tell     teller
}

// id is one run of a worker: static ones come back under their name.
func (h hand) id() string { return fmt.Sprintf("%s/%d", h.name, h.number) }

// run is worker.Run or worker.RunBatches.
func (h hand) run(ctx context.Context) error {
	if h.settings.Batch > 0 {
		return worker.RunBatches(ctx, h.config(), h.together)
	}
	return worker.Run(ctx, h.config(), h.one)
}

func (h hand) config() worker.Config {
	s := h.settings
	config := worker.Config{
		BootstrapServers: s.Servers, ClientID: h.name, GroupID: s.Group, Topics: s.Topics,
		IsolationLevel: s.Isolation, InitialOffset: s.Initial, OnOutOfRange: s.OutOfRange,
		Assignment: s.Assignments[h.number%len(s.Assignments)],
		Ordering:   s.Ordering, Concurrency: s.Concurrency, MaxInFlight: s.InFlight,
		Batch:             worker.Batch{MaxMessages: s.Batch, MaxWait: s.BatchWait},
		Retry:             worker.Retry{Attempts: s.Attempts, InitialBackoff: 5 * time.Millisecond, MaxBackoff: 50 * time.Millisecond},
		MaxProcessingTime: time.Minute, // a frozen worker's handler has not failed
		CommitInterval:    s.Commit, SessionTimeout: s.Session, RebalanceTimeout: s.Rebalance, GracePeriod: s.Grace,
		HeartbeatInterval: 100 * time.Millisecond, MetadataRefresh: 300 * time.Millisecond,
		Logger:   slog.New(slog.NewJSONHandler(logOf(h.id(), h.tell), nil)),
		Registry: prometheus.NewRegistry(),
	}
	if s.Bury {
		config.DeadLetter = &worker.DeadLetter{Topic: s.Letters}
	}
	if s.Static {
		config.InstanceID = h.name
	}
	config.OnAssigned = func(_ context.Context, assigned []worker.Assigned) {
		var partitions []partition
		for _, a := range assigned {
			partitions = append(partitions, partition{a.Topic, a.Partition})
		}
		h.tell.opened(h.id(), partitions, sumOf(config.Registry, "lagrange_worker_offsets_skipped_total"),
			sumOf(config.Registry, "lagrange_worker_rebalances_total"))
	}
	return config
}

func inHand(msg worker.Message) seen {
	return seen{place{partition{msg.Topic, msg.Partition}, msg.Offset}, msg.Key, msg.Value}
}

func (h hand) one(ctx context.Context, msg worker.Message) error {
	in := inHand(msg)
	if err := h.act(ctx, in); err != nil {
		h.tell.failed(h.id(), in)
		return err
	}
	h.tell.done(h.id(), []seen{in})
	return nil
}

// together is as a transaction of a database: it handles all or, unless it says
// how many, none.
func (h hand) together(ctx context.Context, batch []worker.Message) error {
	var all []seen
	for i, msg := range batch {
		in := inHand(msg)
		if err := h.act(ctx, in); err != nil {
			if !h.settings.Partial && len(batch) > 1 {
				return err // which says nothing about this message alone
			}
			h.tell.done(h.id(), all)
			h.tell.failed(h.id(), in)
			return &worker.PartialError{Done: i, Err: err}
		}
		all = append(all, in)
	}
	h.tell.done(h.id(), all)
	return nil
}

var errBoom = errors.New("boom")

// act does what the message says.
func (h hand) act(ctx context.Context, in seen) error {
	what := h.tell.begin(h.id(), in)
	switch what.Do {
	case slow:
		select {
		case <-time.After(what.For):
		case <-ctx.Done():
			return ctx.Err()
		}
	case stubborn:
		<-time.After(what.For)
	case fails:
		return errBoom
	case panics:
		panic(errBoom)
	case permanent:
		return worker.Permanent(errBoom)
	}
	return nil
}
