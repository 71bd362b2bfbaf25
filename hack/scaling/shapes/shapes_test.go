package shapes

import (
	"slices"
	"testing"

	"github.com/lagrange-operator/lagrange/hack/scaling/traces"
)

// TestShapes holds each shape to an hour or two, and to what nine workers handle.
func TestShapes(t *testing.T) {
	for seed := range uint64(20) {
		for _, s := range All(seed) {
			if n := len(s.PerSecond); n < 3600 || n > 2*3600+1000 {
				t.Errorf("%s of seed %d is %d s long", s.Name, seed, n)
			}
			if most := slices.Max(s.PerSecond); most > 12*Mu || slices.Min(s.PerSecond) < 0 {
				t.Errorf("%s of seed %d has up to %g messages/s", s.Name, seed, most)
			}
		}
	}
}

func TestSeeds(t *testing.T) {
	for i, s := range All(1) {
		if !slices.Equal(s.PerSecond, All(1)[i].PerSecond) {
			t.Errorf("%s is not the same twice", s.Name)
		}
		if slices.Equal(s.PerSecond, All(2)[i].PerSecond) {
			t.Errorf("%s is the same with another seed", s.Name)
		}
	}
}

func TestRamp(t *testing.T) {
	rates := All(1)[1].PerSecond
	peak := slices.Index(rates, high)
	if low != rates[0] || low != rates[len(rates)-1] || peak < 0 || rates[peak-1500] > low+1 {
		t.Errorf("starts at %g, ends at %g, has its peak at %d", rates[0], rates[len(rates)-1], peak)
	}
}

func TestSilence(t *testing.T) {
	all := All(1)
	s := all[len(all)-1]
	silent := 0
	for _, rate := range s.PerSecond {
		if rate == 0 {
			silent++
		}
	}
	if s.Class != traces.Sparse || *s.Min != 0 || silent*2 < len(s.PerSecond) {
		t.Errorf("%d of %d seconds are silent: %s, at least %d", silent, len(s.PerSecond), s.Class, *s.Min)
	}
}
