package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"time"
)

// options are what the reference worker has beside the runtime's settings.
type options struct {
	serviceTime  time.Duration
	listen       string
	gracePeriod  time.Duration
	tallyAddress string
}

const usage = `worker [flags]          be a member of a consumer group, as LAGRANGE_CONFIG and the
                        other variables of docs/worker.md say
worker replay [flags]   read a topic again, beside the group: worker replay -help

Flags of worker:
`

// parseOptions reads the environment, and flags over it.
func parseOptions(args []string, getenv func(string) string) (options, error) {
	var parsed options
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprint(flags.Output(), usage) // nobody reads it if this fails
		flags.PrintDefaults()
	}
	serviceTime, serviceErr := duration(getenv, "WORKER_SERVICE_TIME", 10*time.Millisecond)
	gracePeriod, graceErr := duration(getenv, "WORKER_GRACE_PERIOD", 0)
	if err := errors.Join(serviceErr, graceErr); err != nil {
		return options{}, err
	}
	flags.DurationVar(&parsed.serviceTime, "service-time", serviceTime,
		"time to spend on each message, as many at a time as concurrency says, one without it (WORKER_SERVICE_TIME)")
	flags.DurationVar(&parsed.gracePeriod, "grace-period", gracePeriod,
		"time for the messages in hand after SIGTERM; 0 is maxProcessingTime, at least 20s (WORKER_GRACE_PERIOD)")
	flags.StringVar(&parsed.listen, "listen", cmp.Or(getenv("WORKER_LISTEN"), ":8080"),
		"address of /healthz, /readyz, /metrics and /producer (WORKER_LISTEN)")
	flags.StringVar(&parsed.tallyAddress, "tally", getenv("WORKER_TALLY_ADDR"),
		"host:port of a tally server that counts handled messages (WORKER_TALLY_ADDR)")
	if err := flags.Parse(args); err != nil {
		return options{}, fmt.Errorf("read the flags: %w", err)
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if parsed.serviceTime < 0 {
		return options{}, fmt.Errorf("service time %s is negative", parsed.serviceTime)
	}
	return parsed, nil
}

func duration(getenv func(string) string, name string, otherwise time.Duration) (time.Duration, error) {
	text := getenv(name)
	if text == "" {
		return otherwise, nil
	}
	value, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return value, nil
}
