package target

import (
	"math"
	"testing"
)

// TestYounger: 1,000 messages came 100 to 90 s ago, then nothing, then 100 a second for 10 s.
func TestYounger(t *testing.T) {
	c := curve{{100, 0}, {90, 1000}, {10, 1000}, {0, 2000}}
	for name, tc := range map[string]struct {
		reason          string
		c               curve
		age, part, want float64
	}{
		"Nothing":    {"nothing is handled", c, 100, 0, 100},
		"HalfBurst":  {"half of the burst: the other half began 95 s ago", c, 100, 0.25, 95},
		"Burst":      {"all of it: the next came 10 s ago", c, 100, 0.5, 10},
		"More":       {"and half of what came then", c, 100, 0.75, 5},
		"All":        {"nothing waits", c, 100, 1, 0},
		"Younger":    {"the burst had been handled: a quarter of 1,000", c, 10, 0.25, 7.5},
		"Older":      {"what came before is not known, but by the mean of 20 a second", c, 200, 0.25, 150},
		"OlderBurst": {"three quarters of 4,000: what is remembered, but its first 1,000", c, 200, 0.75, 10},
		"None":       {"nothing was produced in what is remembered", curve{{60, 5}, {0, 5}}, 30, 0.5, 15},
		"One":        {"one look", curve{{0, 5}}, 30, 0.5, 15},
		"Later":      {"20 s later, with 500 more: a fifth of 2,500 is half of the burst", c.later(20, 500), 120, 0.2, 115},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.c.younger(tc.age, tc.part); math.Abs(got-tc.want) > 1e-9 {
				t.Errorf("%s: %f, want %f", tc.reason, got, tc.want)
			}
		})
	}
}
