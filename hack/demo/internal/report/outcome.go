package report

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Outcome is what a whole demo has come to.
type Outcome struct {
	Series Series
	// Partitions is what the workers could share at most.
	Partitions int32
	// Produced messages were acknowledged by the broker.
	Produced int64
	// Distinct messages were handled at least once. Redelivered counts
	// deliveries beyond each message's first, OutOfOrder messages that were
	// first handled after a later one of their partition.
	Distinct, Redelivered, OutOfOrder int64
	// FirstMessage is the time from the apply of the group to its first
	// handled message.
	FirstMessage time.Duration
}

// Verdict is an error of one sentence unless everything is as it should be.
func (o Outcome) Verdict() error {
	var wrong []string
	for _, check := range []func() string{
		o.lostOrUnknown, o.outOfOrder, o.moreThanPartitions, o.didNotRise, o.didNotFall,
	} {
		if found := check(); found != "" {
			wrong = append(wrong, found)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, ", and "))
}

func (o Outcome) lostOrUnknown() string {
	if o.Produced == o.Distinct {
		return ""
	}
	return fmt.Sprintf("%d messages were produced and %d distinct ones handled", o.Produced, o.Distinct)
}

func (o Outcome) outOfOrder() string {
	if o.OutOfOrder == 0 {
		return ""
	}
	return fmt.Sprintf("%d messages were handled after a later one of their partition", o.OutOfOrder)
}

func (o Outcome) moreThanPartitions() string {
	if _, most := o.Series.Extremes(); most > o.Partitions {
		return fmt.Sprintf("there were %d workers for %d partitions", most, o.Partitions)
	}
	return ""
}

func (o Outcome) didNotRise() string {
	if first, most, _ := o.course(); most > first {
		return ""
	}
	return "the number of workers never rose"
}

func (o Outcome) didNotFall() string {
	if _, most, last := o.course(); last < most {
		return ""
	}
	return "the number of workers never fell"
}

// course is the number of workers asked for: at first, at most, at last.
func (o Outcome) course() (first, most, last int32) {
	for i, sample := range o.Series {
		if i == 0 {
			first = sample.Desired
		}
		most, last = max(most, sample.Desired), sample.Desired
	}
	return first, most, last
}

// Write writes the summary.
func (o Outcome) Write(out io.Writer) error {
	p := message.NewPrinter(language.English)
	fewest, most := o.Series.Extremes()
	always := float64(o.Partitions) * o.Series.Length().Minutes()
	share := 0.0
	if always > 0 {
		share = 100 * o.Series.ReplicaMinutes() / always
	}
	for _, line := range [][2]string{
		{"messages", p.Sprintf("%d produced, %d distinct handled; %d redeliveries apart", o.Produced, o.Distinct, o.Redelivered)},
		{"lag", p.Sprintf("%d at most", o.Series.PeakLag())},
		{"replicas", p.Sprintf("%d to %d of %d partitions, %d changes", fewest, most, o.Partitions, o.Series.Changes())},
		{"cost", p.Sprintf("%.1f replica-minutes, %.0f %% of the %.1f of running %d all the time",
			o.Series.ReplicaMinutes(), share, always, o.Partitions)},
		{"first message", p.Sprintf("handled %.1f s after the apply", o.FirstMessage.Seconds())},
	} {
		if _, err := fmt.Fprintf(out, "  %-14s %s\n", line[0], line[1]); err != nil {
			return fmt.Errorf("write the summary: %w", err)
		}
	}
	return nil
}
