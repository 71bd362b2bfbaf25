package screen

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/hack/demo/internal/report"
)

func view() View {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	v := View{
		Phase: "replaying", Elapsed: 75 * time.Second, Length: 5 * time.Minute, Partitions: 12,
		WhyAge:   9 * time.Second,
		Why:      "6: 12 partitions, lag 4,100 at 750 a replica needs 6",
		Produced: 20000, Handled: 15900, Redelivered: 7,
		Series: report.Series{{}, {Arrivals: 200, Lag: 2000, Ready: 1, Desired: 3}, {Arrivals: 400, Lag: 4000, Ready: 4, Desired: 6}},
	}
	for n := range 6 {
		v.Events = append(v.Events, Event{At: at.Add(time.Duration(n) * time.Second), Reason: "Scaled", Note: fmt.Sprintf("note %d", n)})
	}
	return v
}

func TestViewOnATerminal(t *testing.T) {
	want := `
  [##########------------------------------]  1:15 of 5:00  replaying

  arrivals      400/s               ▄█
  lag         4,000                 ▄█
  replicas      4/6 of 12 useful    ▁▃
  handled    15,900 of 20,000 produced, 7 redelivered

  why       6: 12 partitions, lag 4,100 at 750 a replica needs 6  (9 s ago)

  03:04:06  Scaled note 1
  03:04:07  Scaled note 2
  03:04:08  Scaled note 3
  03:04:09  Scaled note 4
  03:04:10  Scaled note 5`
	if diff := cmp.Diff(want, strings.Join(view().Lines(), "\n")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestViewInALine(t *testing.T) {
	v := view()
	v.Problem = "the numbers are old: no answer"
	want := "  1:15  arrivals  400/s  lag  4,000  replicas   4/6 of 12  handled 15,900 of 20,000" +
		" | 9 s ago: 6: 12 partitions, lag 4,100 at 750 a replica needs 6 | the numbers are old: no answer"
	if diff := cmp.Diff(want, v.Line()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAnEmptyViewCanBeShown(t *testing.T) {
	if lines := (View{}).Lines(); len(lines) == 0 {
		t.Error("no lines")
	}
}

func TestAViewIsDrawnOverTheOneBefore(t *testing.T) {
	var out strings.Builder
	terminal := &Terminal{out: &out}
	terminal.Draw([]string{"a", "b"})
	terminal.Draw([]string{"c"})
	terminal.Print("below")
	terminal.Draw([]string{"d"})
	want := "\x1b[2Ka\n\x1b[2Kb\n\x1b[J" + "\x1b[2A\x1b[2Kc\n\x1b[J" + "below\n" + "\x1b[2Kd\n\x1b[J"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestALineThatWouldWrapIsCut(t *testing.T) {
	for width, want := range map[int]string{5: "▁▂▃▄▅", 4: "▁▂▃…"} {
		if got := cut("▁▂▃▄▅", width); got != want {
			t.Errorf("cut to %d: %q, want %q", width, got, want)
		}
	}
}

func TestStepWhereNoTerminalIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	terminal, broken := New(file), errors.New("broken")
	err = terminal.Step("do it", func(progress io.Writer) error {
		_, _ = io.WriteString(progress, "half\nand ")
		_, _ = io.WriteString(progress, "half\nrest")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := terminal.Step("fail", func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a step that failed returned %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`[0-9.]+ s\n`).ReplaceAllString(string(text), "N s\n")
	want := fmt.Sprintf("  ✓ %-56s    N s\n", "do it") + fmt.Sprintf("  ✗ %-56s    N s\n", "fail")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestProgressIsShownInWholeLinesOnceAStepTakesLong(t *testing.T) {
	var shown []string
	progress := &lines{held: true, show: func(line string) { shown = append(shown, line) }}
	write := func(text string) { _, _ = io.WriteString(progress, text) } // never fails
	write("one\ntw")
	if len(shown) > 0 {
		t.Errorf("shown at once: %q", shown)
	}
	progress.release()
	write("o\nthree\nrest")
	progress.end()
	write("\nlate\n")
	if diff := cmp.Diff([]string{"one", "two", "three"}, shown); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
