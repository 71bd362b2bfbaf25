package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

// replayAttempts is how often a message is tried where workers try without end:
// somebody waits for the replay.
const replayAttempts = 5

// replayOptions are what the command "worker replay" has beside the runtime's
// settings.
type replayOptions struct {
	replay       worker.ReplayOptions
	attempts     int
	print        bool
	values       bool
	serviceTime  time.Duration
	gracePeriod  time.Duration
	tallyAddress string
}

// parseReplayOptions reads the environment where the worker does, and flags over
// it. Bounds that are "ago" are so from now.
func parseReplayOptions(args []string, getenv func(string) string, now time.Time) (replayOptions, error) {
	parsed := replayOptions{}
	var partitions, from, to string
	serviceTime, serviceErr := duration(getenv, "WORKER_SERVICE_TIME", 0)
	gracePeriod, graceErr := duration(getenv, "WORKER_GRACE_PERIOD", 0)
	if err := errors.Join(serviceErr, graceErr); err != nil {
		return replayOptions{}, err
	}
	flags := flag.NewFlagSet("worker replay", flag.ContinueOnError)
	flags.StringVar(&parsed.replay.Topic, "topic", "", "topic to read; required")
	flags.StringVar(&partitions, "partitions", "", "partitions to read, such as 0,3-5; default all")
	flags.StringVar(&from, "from", "earliest",
		"where to begin: earliest, latest, kept, an offset, a time such as 2026-01-31T14:00:00Z, or how long ago, such as 2h")
	flags.StringVar(&to, "to", "latest",
		"where to end, exclusive: latest (as of the start), an offset, a time, how long ago, or never")
	flags.StringVar(&parsed.replay.KeepAs, "group", "",
		"name under which offsets are kept, for --from=kept: a consumer group that no worker uses; default none")
	flags.IntVar(&parsed.attempts, "attempts", 0,
		fmt.Sprintf("how often a message is tried until the replay fails; 0 is what the workers do, or %d if that is without end", replayAttempts))
	flags.BoolVar(&parsed.print, "print", false, "print topic, partition, offset, key, timestamp and headers of each message as a line of JSON")
	flags.BoolVar(&parsed.values, "values", false, "with --print: print the value, too")
	flags.DurationVar(&parsed.serviceTime, "service-time", serviceTime,
		"time to spend on each message, as many at a time as concurrency says, one without it; not with --print (WORKER_SERVICE_TIME)")
	flags.DurationVar(&parsed.gracePeriod, "grace-period", gracePeriod,
		"time for the messages in hand after SIGTERM; 0 is maxProcessingTime, at least 20s (WORKER_GRACE_PERIOD)")
	flags.StringVar(&parsed.tallyAddress, "tally", getenv("WORKER_TALLY_ADDR"),
		"host:port of a tally server that counts handled messages (WORKER_TALLY_ADDR)")
	if err := flags.Parse(args); err != nil {
		return replayOptions{}, fmt.Errorf("read the flags: %w", err)
	}
	if flags.NArg() > 0 {
		return replayOptions{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if parsed.serviceTime < 0 {
		return replayOptions{}, fmt.Errorf("service time %s is negative", parsed.serviceTime)
	}
	if from == "kept" && parsed.replay.KeepAs == "" {
		return replayOptions{}, errors.New("--from=kept needs --group: the name under which offsets were kept")
	}
	if parsed.values && !parsed.print {
		return replayOptions{}, errors.New("--values needs --print")
	}
	var errs [3]error
	parsed.replay.Partitions, errs[0] = parsePartitions(partitions)
	parsed.replay.From, errs[1] = parseBound("from", from, now)
	parsed.replay.To, errs[2] = parseBound("to", to, now)
	return parsed, errors.Join(errs[:]...)
}

// parseBound leaves it to the runtime which bounds fit which end.
func parseBound(name, text string, now time.Time) (worker.Bound, error) {
	words := map[string]worker.Bound{
		"earliest": worker.AtEarliest(), "latest": worker.AtLatest(), "kept": worker.AtKept(), "never": worker.Never(),
	}
	if bound, ok := words[text]; ok {
		return bound, nil
	}
	if offset, err := strconv.ParseInt(text, 10, 64); err == nil {
		return worker.AtOffset(offset), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return worker.AtTime(at), nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return worker.AtTime(now.Add(-ago)), nil
	}
	return worker.Bound{}, fmt.Errorf("--%s=%q is no word, offset, time with zone (2026-01-31T14:00:00+01:00) nor duration (2h)", name, text)
}

// mostPartitions is more than any topic has, and guards against a slip such as 0-1000000000.
const mostPartitions = 100_000

// parsePartitions reads "0,3-5". Empty is none, which means all.
func parsePartitions(text string) ([]int32, error) {
	if text == "" {
		return nil, nil
	}
	var partitions []int32
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.ParseInt(low, 10, 32)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseInt(high, 10, 32)
		}
		if err != nil || last < first || last >= mostPartitions {
			return nil, fmt.Errorf("--partitions=%q: %q is no partition, such as 3, nor a range, such as 3-5", text, part)
		}
		for number := first; number <= last; number++ {
			partitions = append(partitions, int32(number))
		}
	}
	return partitions, nil
}
