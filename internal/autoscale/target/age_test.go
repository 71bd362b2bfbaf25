package target

import (
	"math"
	"slices"
	"testing"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// crewOf has one partition for each owner, of one topic.
func crewOf(owners []int, perReplica float64, lag, age, arriving []float64) crew {
	members := slices.Max(owners) + 1
	return crew{assignor: layout.CooperativeSticky, topics: make([]int, len(owners)), owners: owners, byMember: byMember(owners, members),
		arriving: arriving, lag: lag, age: age, perReplica: perReplica, pause: 5, hot: make([]bool, len(owners))}
}

// TestAfter: what waits and how old its eldest is, worked out by hand.
func TestAfter(t *testing.T) {
	cases := map[string]struct {
		reason         string
		g              crew
		paused         []bool
		span           float64
		wantLag, wants []float64 // lag and age
	}{
		"KeptUp":      {"100 a second of 200", crewOf([]int{0}, 200, []float64{0}, []float64{0}, []float64{100}), nil, 10, []float64{0}, []float64{0}},
		"FallsBehind": {"1,000 arrive, 500 are served: what arrived from second 5 on waits", crewOf([]int{0}, 50, []float64{0}, []float64{0}, []float64{100}), nil, 10, []float64{500}, []float64{5}},
		"Backlog":     {"of 1,000 that waited up to 40 s, 500 are served: the eldest left were 20 s old", crewOf([]int{0}, 50, []float64{1000}, []float64{40}, []float64{0}), nil, 10, []float64{500}, []float64{30}},
		"WorkedOff":   {"the backlog is served and all that arrived", crewOf([]int{0}, 200, []float64{1000}, []float64{40}, []float64{100}), nil, 10, []float64{0}, []float64{0}},
		"PastBacklog": {"1,500 of 2,000 served, 1,000 had waited: 500 of what arrived since are left, from second 5 on",
			crewOf([]int{0}, 150, []float64{1000}, []float64{40}, []float64{100}), nil, 10, []float64{500}, []float64{5}},
		"Shared":  {"the small one gets its 100, the large one the rest of 1,000", crewOf([]int{0, 0}, 100, []float64{0, 0}, []float64{0, 0}, []float64{10, 190}), nil, 10, []float64{0, 1000}, []float64{0, 10 - 900.0/190}},
		"Paused":  {"half of the time nobody reads it", crewOf([]int{0, 1}, 100, []float64{0, 0}, []float64{0, 0}, []float64{100, 100}), []bool{true, false}, 10, []float64{500, 0}, []float64{5, 0}},
		"Nobodys": {"it only waits", crewOf([]int{layout.Nobody, 0}, 100, []float64{50, 0}, []float64{3, 0}, []float64{10, 10}), nil, 10, []float64{150, 0}, []float64{13, 0}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := tc.g.after(tc.span, tc.paused)
			if !near(got.lag, tc.wantLag) || !near(got.age, tc.wants) {
				t.Errorf("%s: lag %v and age %v, want %v and %v", tc.reason, got.lag, got.age, tc.wantLag, tc.wants)
			}
		})
	}
}

func near(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
}

// TestDealtPauses: a cooperative assignor stops what moves, an eager one all.
func TestDealtPauses(t *testing.T) {
	g := crewOf([]int{0, 0, 1, 1}, 100, make([]float64, 4), make([]float64, 4), make([]float64, 4))
	after, paused := g.dealt(4)
	if !slices.Equal(after.owners, []int{0, 2, 1, 3}) || !slices.Equal(paused, []bool{false, true, false, true}) {
		t.Errorf("%v, %v", after.owners, paused)
	}
	g.assignor = layout.Sticky
	if _, paused = g.dealt(4); slices.Contains(paused, false) {
		t.Errorf("an eager one pauses %v", paused)
	}
	if _, paused = g.dealt(2); slices.Contains(paused, true) {
		t.Errorf("nothing moves, and %v pause", paused)
	}
}
