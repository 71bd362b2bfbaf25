package resetplan

import (
	"testing"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestZeroIsAnOffset: only what is negative is none.
func TestZeroIsAnOffset(t *testing.T) {
	cases := map[string]v1alpha1.ResetTarget{
		"ToCurrent": toCurrent, "FromGroup": fromGroup, "DateTime": atNoon, "RollbackOf": rollbackOf, "Earliest": earliest,
	}
	for name, target := range cases {
		t.Run(name, func(t *testing.T) {
			s := survey(part(0, 0, 500, atTime(0), source(0)))
			_, rows, problems := Make(request(spec(target), s, saved(0, 0, "")))
			if got := rowTexts(rows); problems != nil || len(got) != 1 || got[0] != "orders-0 Commit 0 -> 0 (0) [0,500]" {
				t.Errorf("%v, %v", got, problems)
			}
		})
	}
}
