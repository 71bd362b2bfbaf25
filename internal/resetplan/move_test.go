package resetplan

import (
	"math"
	"testing"
)

func TestPlusNeverWrapsAround(t *testing.T) {
	cases := map[string]struct{ a, b, want int64 }{
		"Sum":    {40, -60, -20},
		"Top":    {math.MaxInt64 - 1, 1, math.MaxInt64},
		"Over":   {math.MaxInt64, 1, math.MaxInt64},
		"Far":    {5, math.MaxInt64, math.MaxInt64},
		"Bottom": {math.MinInt64 + 1, -1, math.MinInt64},
		"Under":  {math.MinInt64, -1, math.MinInt64},
		"Deep":   {-5, math.MinInt64, math.MinInt64},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := plus(tc.a, tc.b); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}
