package producerpolicy

import (
	"cmp"
	"slices"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// maxFindings is how many findings a status holds: 64 of some 400 bytes are 26 kB.
const maxFindings = 64

// Summarise is what of sorted findings is in a status, and how many there are of
// each severity. Where there is no room for all, every rule has its first one
// before any has its second: a thousand topics with one fault hide no other fault.
func Summarise(findings []Finding) ([]Finding, v1alpha1.FindingCounts) {
	var counts v1alpha1.FindingCounts
	of := map[v1alpha1.FindingSeverity]*int32{
		v1alpha1.SeverityError: &counts.Errors, v1alpha1.SeverityUnknown: &counts.Unknown,
		v1alpha1.SeverityWarning: &counts.Warnings, v1alpha1.SeverityInfo: &counts.Infos,
	}
	for _, f := range findings {
		*of[f.Severity]++
	}
	return firstOfEach(findings), counts
}

// firstOfEach keeps their order.
func firstOfEach(findings []Finding) []Finding {
	if len(findings) <= maxFindings {
		return findings
	}
	type place struct{ turn, index int }
	places, turns := make([]place, len(findings)), make(map[[2]string]int)
	for i, f := range findings {
		kind := [2]string{string(f.Severity), f.Rule}
		places[i] = place{turns[kind], i}
		turns[kind]++
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(a.index, b.index)) })
	places = places[:maxFindings]
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.index, b.index) })
	kept := make([]Finding, 0, maxFindings)
	for _, p := range places {
		kept = append(kept, findings[p.index])
	}
	return kept
}
