package replay

import (
	"bytes"
	_ "embed" // the trace
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Curve is a rate over time: each point's value holds until the next point,
// the last one's as long as the one before it.
type Curve []Point

// Point is the rate from a moment on.
type Point struct {
	// At counts from the start of the curve; the first point is at 0.
	At time.Duration
	// Value is what the trace measured, in its own unit.
	Value float64
}

//go:embed elb_request_count_8c0756.csv
var twoDays []byte

// TwoDays is the curve of the demo: requests per five minutes at a load
// balancer over two days, 574 points, low at both ends and in the middle, with
// a peak on each day. See elb_request_count_8c0756.LICENSE for its source.
func TwoDays() (Curve, error) { return ReadNAB(bytes.NewReader(twoDays)) }

// ReadNAB reads a trace of the Numenta Anomaly Benchmark: a header line, then
// timestamp,value with ascending timestamps.
func ReadNAB(from io.Reader) (Curve, error) {
	rows, err := csv.NewReader(from).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	if len(rows) < 3 {
		return nil, errors.New("read trace: fewer than two rows of values")
	}
	var curve Curve
	var start time.Time
	for number, row := range rows[1:] {
		at, value, err := readRow(row)
		if err != nil {
			return nil, fmt.Errorf("read trace, row %d: %w", number+2, err)
		}
		if number == 0 {
			start = at
		}
		curve = append(curve, Point{At: at.Sub(start), Value: value})
	}
	return curve, curve.validate()
}

func readRow(row []string) (time.Time, float64, error) {
	if len(row) != 2 {
		return time.Time{}, 0, fmt.Errorf("%d columns, want timestamp,value", len(row))
	}
	at, err := time.Parse(time.DateTime, row[0])
	if err != nil {
		return time.Time{}, 0, err
	}
	value, err := strconv.ParseFloat(row[1], 64)
	return at, value, err
}

func (c Curve) validate() error {
	if len(c) < 2 {
		return errors.New("a curve needs two points")
	}
	for i, point := range c {
		if point.Value < 0 {
			return fmt.Errorf("point %d of the curve has the negative value %g", i, point.Value)
		}
		if i > 0 && point.At <= c[i-1].At {
			return fmt.Errorf("point %d of the curve is not after the one before", i)
		}
	}
	return nil
}

// Length is the time from the first point to where the last one stops holding.
func (c Curve) Length() time.Duration {
	last := len(c) - 1
	return c[last].At + (c[last].At - c[last-1].At)
}

// Value is the curve's value at a moment, 0 after its end.
func (c Curve) Value(at time.Duration) float64 {
	if at >= c.Length() {
		return 0
	}
	value := 0.0
	for _, point := range c {
		if point.At > at {
			break
		}
		value = point.Value
	}
	return value
}

// Area is the sum of value times seconds from the start to a moment.
func (c Curve) Area(until time.Duration) float64 {
	area := 0.0
	for i, point := range c {
		end := c.Length()
		if i+1 < len(c) {
			end = c[i+1].At
		}
		if end = min(end, until); end <= point.At {
			break
		}
		area += point.Value * (end - point.At).Seconds()
	}
	return area
}
