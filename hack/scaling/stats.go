package main

import (
	"math"
	"slices"
	"strconv"
)

// number is a figure: of JSON's four decimals, and null where there is none (NaN).
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, math.Round(float64(n)*1e4)/1e4, 'f', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		*n = number(math.NaN())
		return nil
	}
	value, err := strconv.ParseFloat(string(raw), 64)
	*n = number(value)
	return err
}

func mean(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// p95 is the least value that 95 % of the values don't exceed; 0 for none.
func p95(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Ceil(0.95*float64(len(sorted))))-1]
}

// student is the 97.5 % quantile of Student's t by degrees of freedom, from 1 on.
var student = []float64{
	12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
	2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
}

// interval is where the mean is with 95 % confidence; false for fewer than two values.
// Of 1, 2, 3 it is 2 -/+ 4.303*1/sqrt(3) = 2.48.
func interval(values []float64) (low, high float64, ok bool) {
	n := len(values)
	if n < 2 {
		return 0, 0, false
	}
	m, squares := mean(values), 0.0
	for _, v := range values {
		squares += (v - m) * (v - m)
	}
	freedom := min(n-1, len(student))
	half := student[freedom-1] * math.Sqrt(squares/float64(n-1)/float64(n))
	return m - half, m + half, true
}
