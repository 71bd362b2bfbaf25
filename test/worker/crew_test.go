package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

// The ends of Run that a schedule may lead to, as exit codes.
const (
	exitFailed     = 1
	exitHandler    = 11
	exitOutOfRange = 12
)

func exitCode(err error) int {
	var handler *worker.HandlerError
	var outOfRange *worker.OffsetOutOfRangeError
	switch {
	case errors.As(err, &handler):
		return exitHandler
	case errors.As(err, &outOfRange):
		return exitOutOfRange
	case err != nil:
		return exitFailed
	}
	return 0
}

// mate is a worker of the crew.
type mate struct {
	hand
	cancel  func()    // nil for a process
	process *exec.Cmd // nil in this process
	frozen  bool
	killed  bool
	stopped bool
	// killedAt is when it was killed.
	killedAt time.Time
	ended    chan struct{}
	code     int
}

func (m *mate) alive() bool {
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// crew are the workers of a schedule.
type crew struct {
	t        *testing.T
	settings settings
	record   *record
	listener net.Listener
	joined   int
	mates    []*mate // those that have not ended
	gone     []*mate
	free     []string // the names of static members that are gone
}

func newCrew(t *testing.T, s settings, r *record) *crew {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, "listen", err)
	c := &crew{t: t, settings: s, record: r, listener: listener}
	var serving sync.WaitGroup
	serving.Go(func() { r.listen(listener, &serving) })
	t.Cleanup(func() {
		c.endAll()
		_ = listener.Close()
		serving.Wait()
	})
	return c
}

func (c *crew) hire(process bool) {
	h := hand{name: fmt.Sprintf("%s-%d", c.settings.Group, c.joined), number: c.joined, settings: c.settings, tell: c.record}
	c.joined++
	if len(c.free) > 0 {
		h.name, c.free = c.free[0], c.free[1:]
	}
	m := &mate{hand: h, ended: make(chan struct{})}
	if process {
		c.spawn(m)
	} else {
		c.start(m)
	}
	c.mates = append(c.mates, m)
}

// start runs a worker in this process. Its goroutines have its name.
func (c *crew) start(m *mate) {
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go pprof.Do(ctx, pprof.Labels("worker", m.id()), func(ctx context.Context) {
		err := m.run(ctx)
		m.code = exitCode(err)
		if err != nil {
			c.record.logged(m.id(), fmt.Sprintf("Run: %v\n", err))
		}
		pprof.SetGoroutineLabels(context.Background())
		close(m.ended)
	})
}

func (c *crew) spawn(m *mate) {
	raw, err := json.Marshal(described{m.name, m.number, m.settings, c.listener.Addr().String()})
	must(c.t, "describe a worker", err)
	m.process = exec.Command(os.Args[0])
	m.process.Env = append(os.Environ(), beWorker+"="+string(raw))
	var said strings.Builder
	m.process.Stderr = &said
	must(c.t, "start a worker", m.process.Start())
	go func() {
		_ = m.process.Wait() // the code says it
		m.code = m.process.ProcessState.ExitCode()
		if said.Len() > 0 {
			c.record.problem(m.id() + " wrote: " + said.String())
		}
		close(m.ended)
	}()
}

// stop tells a worker to end, once: a second signal would end it at once.
func (m *mate) stop() {
	if m.stopped {
		return
	}
	m.stopped = true
	if m.cancel != nil {
		m.cancel()
		return
	}
	m.signal(syscall.SIGTERM)
	m.signal(syscall.SIGCONT)
}

// signal fails where the process has just ended by itself.
func (m *mate) signal(which os.Signal) { _ = m.process.Process.Signal(which) }

func (m *mate) kill() {
	m.killed, m.killedAt = true, time.Now()
	m.signal(syscall.SIGKILL)
	<-m.ended
}

// tend takes note of workers that have ended. It returns those that a person or
// a supervisor has to deal with.
func (c *crew) tend() (failed []*mate) {
	var alive []*mate
	for _, m := range c.mates {
		if m.alive() {
			alive = append(alive, m)
			continue
		}
		c.gone = append(c.gone, m)
		if c.settings.Static {
			c.free = append(c.free, m.name)
		}
		switch {
		case m.killed, m.stopped && m.process != nil && m.code == -1 && !c.record.knows(m.id()): // ended before it could listen
		case m.code == exitHandler && !c.settings.Bury, m.code == exitOutOfRange && c.settings.OutOfRange == worker.RangeFail:
			failed = append(failed, m)
		case m.code != 0 || !m.stopped:
			c.record.problem(fmt.Sprintf("%s ended with code %d, told to stop: %t", m.id(), m.code, m.stopped))
			failed = append(failed, m)
		}
	}
	c.mates = alive
	return failed
}

// endAll is for the end of a test, whatever became of it.
func (c *crew) endAll() {
	for _, m := range c.mates {
		m.stop()
		if m.process != nil && c.t.Failed() {
			m.kill()
		}
	}
	for _, m := range c.mates {
		select {
		case <-m.ended:
		case <-time.After(patience):
			c.t.Errorf("%s does not end", m.name)
			if m.process != nil {
				m.kill()
			}
		}
	}
}

// ticker is a goroutine of sarama's metrics that is begun once in a process.
const ticker = "go-metrics.(*meterArbiter).tick"

// leftBehind is what goroutines of a worker that has ended are still there.
func (m *mate) leftBehind() string {
	var all strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		panic(err)
	}
	var found strings.Builder
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, fmt.Sprintf("%q:%q", "worker", m.id())) && !strings.Contains(stack, ticker) {
			found.WriteString(stack + "\n\n")
		}
	}
	return found.String()
}
