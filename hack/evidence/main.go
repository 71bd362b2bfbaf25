// Command evidence shows on a real cluster that the rules about loss, duplicates
// and order are true: with the settings that a rule warns of messages are lost,
// doubled or reordered, and with those of a Lossless policy, under the same
// faults, they are not. It writes the table of docs/producer-policy-evidence.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

var began = time.Now()

// say tells what is being done.
func say(format string, args ...any) {
	fmt.Printf("%6s  %s\n", time.Since(began).Round(time.Second), fmt.Sprintf(format, args...))
}

func main() {
	only := flag.String("only", "", "comma-separated experiments, such as P2,P6 (default: all)")
	rounds := flag.Int("rounds", 10, "how often an experiment is tried until its harm is seen")
	into := flag.String("into", "", "file to write the table to, between its markers (default: none)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only, *rounds, *into); err != nil {
		fmt.Fprintln(os.Stderr, "evidence:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, rounds int, into string) error {
	chosen, err := choose(experiments(), only)
	if err != nil {
		return err
	}
	say("starting %d brokers", brokers)
	s, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = s.close() }() // all that matters is said
	on, err := s.describe(ctx)
	if err != nil {
		return err
	}
	var outcomes []outcome
	for _, e := range chosen {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		outcomes = append(outcomes, e.do(ctx, s, rounds))
	}
	table := render(on, outcomes, time.Since(began))
	fmt.Println(table)
	if err := write(into, table); err != nil {
		return err
	}
	return verdict(outcomes)
}

// write puts the table into the document.
func write(into, table string) error {
	if into == "" {
		return nil
	}
	document, err := os.ReadFile(into)
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	text, err := replaceTable(string(document), table)
	if err != nil {
		return fmt.Errorf("write the table to %q: %w", into, err)
	}
	if err := os.WriteFile(into, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

func experiments() []experiment {
	return []experiment{acksNone(), acksLeader(), minISR(), oneReplica(), uncleanElection(), retriesDouble(), retriesReorder(),
		shortBudget(), aboveTopic(), impatient(), resultsDropped(), errorsUnread(), sharedID(), twoHashes()}
}

func choose(all []experiment, only string) ([]experiment, error) {
	if only == "" {
		return all, nil
	}
	names := strings.Split(only, ",")
	for _, name := range names {
		if !slices.ContainsFunc(all, func(e experiment) bool { return e.Pitfall == name }) {
			return nil, fmt.Errorf("no experiment is called %q", name)
		}
	}
	return slices.DeleteFunc(all, func(e experiment) bool { return !slices.Contains(names, e.Pitfall) }), nil
}
