package traces

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// table is what was read of a file.
type table struct {
	format  Format
	header  []string
	columns int
	// timeColumn and valueColumn number the columns; valueColumn is -1 for none.
	timeColumn, valueColumn int
	rows                    []row
	// numbers counts the rows that have a number for a value; notNumber is the first
	// that has not.
	numbers   int
	notNumber error
}

type row struct {
	line      int
	at, value float64
}

// take takes a record in: the first one is a header unless it begins with a time.
func (t *table) take(line int, record []string, e Entry) error {
	if t.columns > 0 {
		return t.takeRow(line, record)
	}
	t.columns = len(record)
	if _, err := clock(record[0]); err != nil {
		t.header = slices.Clone(record)
	}
	if err := t.locate(e); err != nil || t.header != nil {
		return err
	}
	return t.takeRow(line, record)
}

func (t *table) takeRow(line int, record []string) error {
	if len(record) != t.columns {
		return fmt.Errorf("%d columns, the first line has %d", len(record), t.columns)
	}
	at, err := clock(record[t.timeColumn])
	if err != nil {
		return err
	}
	r := row{line: line, at: at}
	if t.valueColumn >= 0 {
		if r.value, err = number(record[t.valueColumn]); err == nil {
			t.numbers++
		} else if t.notNumber == nil {
			t.notNumber = fmt.Errorf("%d: %w", line, err)
		}
	}
	t.rows = append(t.rows, r)
	return nil
}

func number(text string) (float64, error) {
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil || math.IsNaN(value) || math.IsInf(value, 0):
		return 0, fmt.Errorf("%q is not a number", text)
	case value < 0:
		return 0, fmt.Errorf("%q is negative", text)
	}
	return value, nil
}
