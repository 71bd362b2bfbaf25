// Command scaling runs Lagrange's scaling decision and others on the same arrivals in a
// simulator, and compares what they cost and how long messages waited: docs/scaling.md.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/traces"
)

func main() {
	o := options{}
	o.flags(flag.CommandLine)
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type options struct {
	traces, out, scenario string
	targets               durations
	seeds, workers        int
	shapes, plots         bool
}

func (o *options) flags(f *flag.FlagSet) {
	o.targets = durations{time.Minute, 5 * time.Minute}
	f.StringVar(&o.traces, "traces", traces.Shipped, "`directory` of CSV files with arrival rates, and a manifest; empty for none")
	f.BoolVar(&o.shapes, "shapes", true, "also run the synthetic shapes")
	f.StringVar(&o.out, "out", "", "`directory` for runs.csv, figures.json and plots; a temporary one if not set")
	f.Var(&o.targets, "targets", "lag `targets`, with commas between")
	f.StringVar(&o.scenario, "scenario", usual, "what the group is like: "+scenarioNames())
	f.IntVar(&o.seeds, "seeds", 5, "how many runs, each with other random numbers")
	f.IntVar(&o.workers, "workers", runtime.NumCPU(), "how many runs at a time")
	f.BoolVar(&o.plots, "plots", true, "write plots")
}

// durations are a flag: "60s,300s".
type durations []time.Duration

// String implements flag.Value.
func (d *durations) String() string {
	texts := make([]string, len(*d))
	for i, each := range *d {
		texts[i] = targetName(each.Seconds())
	}
	return strings.Join(texts, ",")
}

// Set implements flag.Value.
func (d *durations) Set(text string) error {
	*d = nil
	for each := range strings.SplitSeq(text, ",") {
		parsed, err := time.ParseDuration(each)
		if err != nil {
			return err
		}
		*d = append(*d, parsed)
	}
	return nil
}

func (o options) run() (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	if o.out == "" {
		if o.out, err = os.MkdirTemp("", "lagrange-scaling-"); err != nil {
			return err
		}
	}
	loads, err := o.loads()
	if err != nil {
		return err
	}
	if len(loads) == 0 {
		return errors.New("neither traces nor shapes to run")
	}
	return lab{options: o, loads: loads, entrants: entrants()}.report(os.Stdout)
}

// report runs everything, writes files, and prints the table and the last line.
func (l lab) report(out io.Writer) error {
	runs := l.runAll()
	summary := summarize(l.scenario, runs)
	if _, err := io.WriteString(out, summary.table()); err != nil {
		return err
	}
	if err := l.write(runs, summary); err != nil {
		return err
	}
	say("runs.csv, figures.json and plots are in %s", l.out)
	return json.NewEncoder(out).Encode(summary)
}

func (o options) validate() error {
	_, known := scenarios[o.scenario]
	switch {
	case !known:
		return fmt.Errorf("scenario %q is none of %s", o.scenario, scenarioNames())
	case o.seeds < 1 || o.workers < 1 || len(o.targets) == 0:
		return errors.New("at least one seed, one worker and one target are needed")
	}
	for _, t := range o.targets {
		if t < time.Second || t != t.Truncate(time.Second) {
			return fmt.Errorf("lag target %s is not a number of whole seconds", t)
		}
	}
	return nil
}

// say tells what is being done.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
