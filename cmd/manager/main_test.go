package main

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// TestFlagsAreDocumented: each flag has its line with its default, and no line is of none.
func TestFlagsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/manager.md")
	if err != nil {
		t.Fatal(err)
	}
	var o options
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	o.addFlags(flags)
	documented := strings.Count(string(page), "\n| `--")
	flags.VisitAll(func(f *flag.Flag) {
		documented--
		_, line, found := strings.Cut(string(page), "\n| `--"+f.Name+"` | ")
		line, _, _ = strings.Cut(line, "\n")
		if value := f.DefValue; !found || (value != "" && !strings.Contains(line, "`"+value+"`")) {
			t.Errorf("docs/manager.md has no line of --%s with its default %q: %q", f.Name, value, line)
		}
	})
	if documented != 0 {
		t.Errorf("docs/manager.md has %d lines too many", documented)
	}
}
