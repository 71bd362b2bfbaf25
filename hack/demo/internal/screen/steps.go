package screen

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// patience is how long a step may take before lines of its progress are
// written where they can't be drawn over.
const patience = 20 * time.Second

// Step runs one step and shows it as one line with the time it took. What the
// step writes to progress is shown while it runs, in lines that stay only if it
// takes long.
func (t *Terminal) Step(name string, run func(progress io.Writer) error) error {
	started := time.Now()
	t.drawn = 0 // what is there stays
	if t.Live() {
		t.Draw([]string{"  … " + name})
	}
	progress := &lines{show: func(line string) { t.progress(name, line) }}
	if !t.Live() {
		progress.held = true
		defer time.AfterFunc(patience, progress.release).Stop()
	}
	err := run(progress)
	progress.end()
	sign := "✓"
	if err != nil {
		sign = "✗"
	}
	line := fmt.Sprintf("  %s %-56s %6.1f s", sign, name, time.Since(started).Seconds())
	if t.Live() {
		t.Draw([]string{line})
		t.drawn = 0
		return err
	}
	t.Print("%s", line)
	return err
}

// progress is drawn over by what follows on a terminal; elsewhere it stays.
func (t *Terminal) progress(step, line string) {
	line = strings.TrimSpace(line)
	switch {
	case line == "":
	case t.Live():
		t.Draw([]string{"  … " + step + ": " + line})
	default:
		t.Print("      %s", line)
	}
}

// lines calls show with each whole line that is written, once it is released.
type lines struct {
	mutex sync.Mutex
	rest  []byte
	held  bool
	show  func(line string)
}

// Write implements io.Writer.
func (l *lines) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.rest = append(l.rest, text...)
	l.showWhole()
	return len(text), nil
}

func (l *lines) release() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.held = false
	l.showWhole()
}

// end holds for good: nothing is shown of a step that is over.
func (l *lines) end() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.held = true
}

func (l *lines) showWhole() {
	for !l.held {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return
		}
		l.show(string(line))
		l.rest = rest
	}
}
