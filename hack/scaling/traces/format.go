package traces

import (
	"fmt"
	"slices"
	"strings"
)

// Format is what a row says.
type Format string

// The formats.
const (
	// Rate: from this row's time on, so many messages came a second.
	Rate Format = "rate"
	// Count: so many messages came between this row's time and the next row's.
	Count Format = "count"
	// Requests: one message came, at this row's time.
	Requests Format = "requests"
)

// Names by which a column is known.
var (
	rateNames  = []string{"rate", "rps", "qps", "mps", "throughput", "per_second", "persecond", "messages_per_second", "msgs_per_sec"}
	countNames = []string{"value", "count", "requests", "messages", "events", "records", "total"}
)

// locate finds the columns of time and value.
func (t *table) locate(e Entry) error {
	t.valueColumn = t.guessValue()
	if e.TimeColumn != "" {
		if t.timeColumn = t.column(e.TimeColumn); t.timeColumn < 0 {
			return fmt.Errorf("no column %q", e.TimeColumn)
		}
	}
	if e.ValueColumn != "" {
		if t.valueColumn = t.column(e.ValueColumn); t.valueColumn < 0 {
			return fmt.Errorf("no column %q", e.ValueColumn)
		}
	}
	if e.Format == Requests {
		t.valueColumn = -1
	}
	if t.valueColumn < 0 && (e.Format == Rate || e.Format == Count) {
		return fmt.Errorf("no column of values for format %s", e.Format)
	}
	return nil
}

// guessValue is the column with a known name; else the second of two.
func (t *table) guessValue() int {
	for i, name := range t.header {
		if i > 0 && known(name) != "" {
			return i
		}
	}
	if t.columns == 2 {
		return 1
	}
	return -1
}

func (t *table) column(name string) int {
	return slices.IndexFunc(t.header, func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), name) })
}

// known is the format that a column's name tells.
func known(name string) Format {
	name = strings.ToLower(strings.TrimSpace(name))
	switch {
	case slices.Contains(rateNames, name):
		return Rate
	case slices.Contains(countNames, name):
		return Count
	}
	return ""
}

// tellFormat is the format that the manifest or the values' name tells, or that the rows
// look like: numbers at even times are counts, others are requests.
func (t *table) tellFormat(e Entry) error {
	t.format = e.Format
	if t.format == "" && t.valueColumn >= 0 && t.header != nil {
		t.format = known(t.header[t.valueColumn])
	}
	if t.format == "" && (e.ValueColumn != "" || (t.numbers > 0 && even(t.rows))) {
		t.format = Count
	}
	if t.format == "" {
		t.format = Requests
	}
	if t.format == Requests {
		return nil
	}
	return t.notNumber
}

// even: nine of ten rows come at the usual distance.
func even(rows []row) bool {
	step, usual := usualStep(rows), 0
	for i := range rows[1:] {
		if distance := rows[i+1].at - rows[i].at; step > 0 && distance > 0.99*step && distance < 1.01*step {
			usual++
		}
	}
	return usual*10 >= 9*(len(rows)-1)
}
