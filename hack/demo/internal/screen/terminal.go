// Package screen shows a demo to a person: its steps, a view of what happens
// that is drawn anew each second, and plain lines where no terminal is.
package screen

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// plainWidth is what lines are cut to where no terminal has a width.
const plainWidth = 200

// Terminal is where a demo is shown.
type Terminal struct {
	out io.Writer
	// file is nil where nobody watches: in CI, in a pipe.
	file *os.File
	// drawn is how many lines the view has now.
	drawn int
}

// New shows on the file, as a view if it is a terminal and in lines if not.
func New(file *os.File) *Terminal {
	t := &Terminal{out: file}
	if term.IsTerminal(int(file.Fd())) {
		t.file = file
	}
	return t
}

// Live tells whether what was shown can be drawn over.
func (t *Terminal) Live() bool { return t.file != nil }

// Print writes a line below everything before.
func (t *Terminal) Print(format string, values ...any) {
	t.drawn = 0
	_, _ = fmt.Fprintf(t.out, format+"\n", values...) // nobody could be told
}

// Writer is for whoever writes whole lines.
func (t *Terminal) Writer() io.Writer { return t.out }

// Draw replaces the view drawn before.
func (t *Terminal) Draw(lines []string) {
	var text strings.Builder
	if t.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA", t.drawn)
	}
	for _, line := range lines {
		text.WriteString("\x1b[2K" + cut(line, t.width()) + "\n")
	}
	text.WriteString("\x1b[J") // the view before may have been longer
	t.drawn = len(lines)
	_, _ = io.WriteString(t.out, text.String()) // nobody could be told
}

func (t *Terminal) width() int {
	if t.file == nil {
		return plainWidth
	}
	width, _, err := term.GetSize(int(t.file.Fd()))
	if err != nil || width < 1 {
		return plainWidth
	}
	return width
}

// cut shortens a line that would not fit: a line that wraps can't be drawn over.
func cut(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:width-1]) + "…"
}
