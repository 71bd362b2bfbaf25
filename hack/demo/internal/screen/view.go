package screen

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/lagrange-operator/lagrange/hack/demo/internal/report"
)

const (
	// sparkWidth is how many samples a sparkline shows: the last minute.
	sparkWidth = 60
	barWidth   = 40
	// eventsShown is how many of the latest events the view has room for.
	eventsShown = 5
)

// View is what is shown of the demo at one moment.
type View struct {
	// Phase says what is going on.
	Phase string
	// Elapsed of Length has passed.
	Elapsed, Length time.Duration
	Series          report.Series
	Partitions      int32
	// Why is the decision's sentence, and WhyAge how old its numbers are: those
	// in a status are refreshed every 30 s, or when something changes.
	Why    string
	WhyAge time.Duration
	// Produced, Handled and Redelivered count messages.
	Produced, Handled, Redelivered int64
	// Events are the group's, oldest first.
	Events []Event
	// Problem says why the numbers are older than a second; empty if they aren't.
	Problem string
}

// Event is something that happened to the group.
type Event struct {
	At           time.Time
	Reason, Note string
}

// String is the event in one line.
func (e Event) String() string {
	return e.At.Local().Format(time.TimeOnly) + "  " + e.Reason + " " + e.Note
}

// Lines are the view for a terminal.
func (v View) Lines() []string {
	p, now := message.NewPrinter(language.English), v.now()
	lines := []string{
		"",
		fmt.Sprintf("  %s  %s of %s  %s", bar(v.Elapsed, v.Length), clock(min(v.Elapsed, v.Length)), clock(v.Length), v.Phase),
		"",
		p.Sprintf("  arrivals  %7.0f/s              %s", now.Arrivals, v.spark(0, func(s report.Sample) float64 { return s.Arrivals })),
		p.Sprintf("  lag       %7d                %s", now.Lag, v.spark(0, func(s report.Sample) float64 { return float64(s.Lag) })),
		p.Sprintf("  replicas  %7s of %2d useful   %s", current(now), v.Partitions, v.spark(float64(v.Partitions), func(s report.Sample) float64 { return float64(s.Ready) })),
		p.Sprintf("  handled   %7d of %d produced, %d redelivered", v.Handled, v.Produced, v.Redelivered),
		"",
		p.Sprintf("  why       %s  (%.0f s ago)", v.Why, v.WhyAge.Seconds()),
		"",
	}
	for _, event := range v.Events[max(0, len(v.Events)-eventsShown):] {
		lines = append(lines, "  "+event.String())
	}
	if v.Problem != "" {
		lines = append(lines, "", "  "+v.Problem)
	}
	return lines
}

// Line is the view where no terminal is.
func (v View) Line() string {
	p, now := message.NewPrinter(language.English), v.now()
	line := p.Sprintf("  %s  arrivals %4.0f/s  lag %6d  replicas %5s of %d  handled %d of %d | %.0f s ago: %s",
		clock(v.Elapsed), now.Arrivals, now.Lag, current(now), v.Partitions, v.Handled, v.Produced, v.WhyAge.Seconds(), v.Why)
	if v.Problem != "" {
		line += " | " + v.Problem
	}
	return line
}

func (v View) now() report.Sample {
	if len(v.Series) == 0 {
		return report.Sample{}
	}
	return v.Series[len(v.Series)-1]
}

func current(s report.Sample) string {
	return fmt.Sprintf("%d/%d", s.Ready, s.Desired)
}

// spark draws the last minute in blocks. A full one is the highest of the whole
// demo, or the value given if that is higher; nothing is a space.
func (v View) spark(highest float64, value func(report.Sample) float64) string {
	blocks := []rune(" ▁▂▃▄▅▆▇█")
	for _, sample := range v.Series {
		highest = max(highest, value(sample))
	}
	var line strings.Builder
	for _, sample := range v.Series[max(0, len(v.Series)-sparkWidth):] {
		block := 0
		if highest > 0 && value(sample) > 0 {
			block = 1 + int(value(sample)/highest*float64(len(blocks)-2))
		}
		line.WriteRune(blocks[block])
	}
	return line.String()
}

func bar(elapsed, length time.Duration) string {
	full := barWidth
	if elapsed < length {
		full = int(float64(barWidth) * elapsed.Seconds() / length.Seconds())
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", barWidth-full) + "]"
}

// clock is minutes and seconds: 4:07.
func clock(d time.Duration) string {
	seconds := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}
