package producerpolicy

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// update writes what is made anew over what was expected: go test ./internal/producerpolicy -update.
var update = flag.Bool("update", false, "write golden files and the rules of docs/producer-policy.md anew")

const (
	page       = "../../docs/producer-policy.md"
	rulesBegin = "<!-- rules: made by go test ./internal/producerpolicy -update -->\n"
	rulesEnd   = "<!-- end of rules -->\n"
	pitfalls   = 25
)

// TestEveryRuleIsDocumented: the page has the rules as they are.
func TestEveryRuleIsDocumented(t *testing.T) {
	ids := make(map[string]bool)
	for _, rule := range Rules {
		if ids[rule.ID] || rule.ID == "" || rule.Harm == "" || rule.Fix == "" || rule.check == nil || rank(rule.Severity) < 0 {
			t.Errorf("%q is there twice, or lacks something", rule.ID)
		}
		ids[rule.ID] = true
	}
	want := manual()
	before, rest, begins := strings.Cut(readPage(t), rulesBegin)
	got, after, ends := strings.Cut(rest, rulesEnd)
	switch {
	case !begins || !ends:
		t.Fatalf("%s has not the lines %q and %q", page, rulesBegin, rulesEnd)
	case got != want && *update:
		if err := os.WriteFile(page, []byte(before+rulesBegin+want+rulesEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
	case got != want:
		t.Errorf("%s has other rules: go test ./internal/producerpolicy -update", page)
	}
}

// TestEveryPitfallIsDocumented: with the rules that guard against it, or why there is none.
func TestEveryPitfallIsDocumented(t *testing.T) {
	lines := strings.Split(readPage(t), "\n")
	for n := 1; n <= pitfalls; n++ {
		i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, fmt.Sprintf("| P%d |", n)) })
		if i < 0 {
			t.Errorf("no row of P%d", n)
			continue
		}
		guards := slices.DeleteFunc(slices.Clone(Rules), func(r Rule) bool { return !slices.Contains(r.Pitfalls, n) })
		if len(guards) == 0 && !strings.Contains(lines[i], "no rule:") {
			t.Errorf("P%d has no rule and no reason: %s", n, lines[i])
		}
		for _, rule := range guards {
			if !strings.Contains(lines[i], "`"+rule.ID+"`") {
				t.Errorf("P%d without %s: %s", n, rule.ID, lines[i])
			}
		}
	}
}

func readPage(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// manual is the rules as a linter's manual has them.
func manual() string {
	var b strings.Builder
	for _, rule := range Rules {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n%s\n\nFix: %s.\n", rule.ID, facetsOf(rule), rule.Harm, rule.Fix)
	}
	return b.String() + "\n"
}

// facetsOf is how bad it gets, for whom, and against what it guards.
func facetsOf(rule Rule) string {
	facets := []string{"**" + string(rule.Severity) + "**"}
	if rule.Refuses {
		facets = append(facets, "the client refuses it")
	}
	facets = append(facets, clientWords(rule.Clients))
	for _, n := range rule.Pitfalls {
		facets = append(facets, fmt.Sprintf("P%d", n))
	}
	return strings.Join(facets, " · ")
}

func clientWords(clients []v1alpha1.ProducerClient) string {
	if clients == nil {
		return "all clients"
	}
	var words []string
	for _, c := range clients {
		words = append(words, string(c))
	}
	return strings.Join(words, ", ")
}
