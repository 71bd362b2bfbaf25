package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	events := `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"{\"Action\":\"fail\"}"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"skip","Package":"p","Test":"TestC"}
not an event
{"Action":"pass","Package":"p"}
`
	path := filepath.Join(t.TempDir(), "events.json")
	if err := os.WriteFile(path, []byte(events), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := count(path)
	if err != nil || r.passed != 1 || r.failed != 1 || r.skipped != 1 {
		t.Errorf("count = %+v, %v; want one of each, packages and output left out", r, err)
	}
}

func TestSummarise(t *testing.T) {
	cases := map[string]struct {
		reason  string
		results []result
		fails   bool
		last    string
	}{
		"AllPassed": {"nothing failed", []result{{passed: 3}, {passed: 2, skipped: 1}}, false, "total: 5 passed, 0 failed, 1 skipped"},
		"OneFailed": {"a failed test fails the run", []result{{passed: 3}, {failed: 1}}, true, "total: 3 passed, 1 failed, 0 skipped"},
		"NotBuilt":  {"a tier that did not build has counts of zero and still fails", []result{{err: errors.New("build failed")}}, true, "total: 0 passed, 0 failed, 0 skipped"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := summarise(&out, tc.results)
			if (err != nil) != tc.fails || !strings.HasSuffix(out.String(), tc.last+"\n") {
				t.Errorf("%s: error %v, output:\n%s", tc.reason, err, out.String())
			}
		})
	}
}

// TestUnavailable: what a user's machine may skip, CI may not.
func TestUnavailable(t *testing.T) {
	t.Setenv("CI", "")
	if r := unavailable("no root"); r.err != nil || r.skipped != 1 {
		t.Errorf("on a user's machine: %+v, want a skip", r)
	}
	t.Setenv("CI", "true")
	if r := unavailable("no root"); r.err == nil || r.failed != 1 {
		t.Errorf("in CI: %+v, want a failure", r)
	}
}
