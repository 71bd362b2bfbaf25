package landau

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seed is the first one that was tried, and docs print the same.
const seed = 1

var seeded = sync.OnceValue(func() []Row { return Rows(seed) })

// Both the published run and ours are one random walk for each delta, so neither is
// the true mean. tolerance is twice the standard deviation of one walk, over 24 seeds
// and of the algorithm that varies most: a small delta forgets its start slowly, so
// that 501 measurements are worth few. The published values are at most 2.1 standard
// deviations from the mean of the 24 seeds, but for three scores below 0.005 (MBFP and
// WFD at delta 10, WFD at 20: up to 4.2, which is one consumer in five measurements).
var tolerance = map[int]struct{ score, rscore, consumers float64 }{
	5:  {0.028, 0.094, 0.072},
	10: {0.018, 0.050, 0.055},
	15: {0.012, 0.035, 0.036},
	20: {0.005, 0.021, 0.020},
	25: {0.007, 0.020, 0.024},
}

func TestOurPackingComesToThePublishedFigures(t *testing.T) {
	rows := seeded()
	if len(rows) != len(Published) {
		t.Fatalf("%d rows, %d are published", len(rows), len(Published))
	}
	for i, got := range rows {
		want, within := Published[i], tolerance[got.Delta]
		if got.Delta != want.Delta || got.Algorithm != want.Algorithm {
			t.Fatalf("row %d is %s at %d, want %s at %d", i, got.Algorithm, got.Delta, want.Algorithm, want.Delta)
		}
		near(t, want, "CBS", got.CBS, want.CBS, within.score)
		near(t, want, "Rscore", got.Rscore, want.Rscore, within.rscore*want.Rscore)
		near(t, want, "consumers", got.Consumers, want.Consumers, within.consumers*want.Consumers)
	}
}

// What one walk's total speed does to both algorithms alike drops out of their ratio,
// so that it is nearer: 62, 54, 50, 46 and 43 % less are published, one walk has a
// standard deviation of 0.7 of a point.
func TestModifiedWorstFitSparesTheRebalancesThatArePublished(t *testing.T) {
	ours, published := cuts(seeded()), cuts(Published)
	for delta, want := range published {
		if math.Abs(ours[delta]-want) > 0.02 {
			t.Errorf("delta %d: MWF cuts BFD's Rscore by %.3f, published %.3f", delta, ours[delta], want)
		}
	}
}

func TestRowsAreTheSameForASeed(t *testing.T) {
	few := func(seed uint64) []Row {
		return compare(15, walk(rand.New(rand.NewPCG(seed, 15)), 15)[:20])
	}
	if d := cmp.Diff(few(7), few(7)); d != "" {
		t.Error(d)
	}
	if cmp.Equal(few(7), few(8)) {
		t.Error("another seed is the same walk")
	}
}

func near(t *testing.T, row Row, name string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s at delta %d: %s %.4f, published %.4f, which is further than %.4f", row.Algorithm, row.Delta, name, got, want, within)
	}
}

// cuts is by how much MWF's Rscore is below BFD's, for each delta.
func cuts(rows []Row) map[int]float64 {
	byName := map[string]map[int]float64{"BFD": {}, "MWF": {}}
	for _, r := range rows {
		if of := byName[r.Algorithm]; of != nil {
			of[r.Delta] = r.Rscore
		}
	}
	cut := map[int]float64{}
	for delta, bfd := range byName["BFD"] {
		cut[delta] = 1 - byName["MWF"][delta]/bfd
	}
	return cut
}
