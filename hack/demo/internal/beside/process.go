package beside

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
)

const (
	startTimeout  = 30 * time.Second
	answerTimeout = 5 * time.Second
)

// Process is a running Serve of another process.
type Process struct {
	// Control is the address at which it answers.
	Control string
	// started is nil for a process found by its address.
	started *started
}

type started struct {
	command  *exec.Cmd
	lifeline io.Closer
	ended    chan struct{}
	log      string
}

// Start runs the command, which calls Serve with its standard input and output,
// and waits until all works. What it writes to standard error is kept in the
// file log. Unless it is to stay, it ends with this process, however that ends.
func Start(ctx context.Context, command *exec.Cmd, log string, stay bool) (*Process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("keep the broker's log: %w", err)
	}
	defer func() { _ = file.Close() }() // the process has its own
	command.Stderr = file
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is for the demo
	s := &started{command: command, ended: make(chan struct{}), log: log}
	if !stay {
		if s.lifeline, err = command.StdinPipe(); err != nil {
			return nil, fmt.Errorf("start the broker: %w", err)
		}
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	control, err := firstLine(ctx, output)
	go s.wait()
	process := &Process{Control: control, started: s}
	if err != nil {
		process.kill()
		return nil, fmt.Errorf("start the broker: %w", cmp.Or(s.lastWords(), err))
	}
	return process, nil
}

func firstLine(ctx context.Context, output io.Reader) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() { // ends with the process that writes
		line, err := bufio.NewReader(output).ReadString('\n')
		read <- result{strings.TrimSpace(line), err}
	}()
	select {
	case got := <-read:
		return got.line, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s *started) wait() {
	_ = s.command.Wait() // what went wrong is in the log
	close(s.ended)
}

// lastWords are the end of the log, as an error; nil if nothing was said.
func (s *started) lastWords() error {
	<-s.ended
	log, err := os.ReadFile(s.log)
	if err != nil {
		return fmt.Errorf("read the broker's log: %w", err)
	}
	words := strings.TrimSpace(string(log[max(0, len(log)-1000):]))
	if words == "" {
		return nil
	}
	return errors.New(words)
}

// Counts asks the tally. The error names what the process said last if it ended.
func (p *Process) Counts(ctx context.Context) (tally.Counts, error) {
	var counts tally.Counts
	body, err := p.ask(ctx, http.MethodGet, "/counts")
	if err != nil {
		return counts, err
	}
	if err := json.Unmarshal(body, &counts); err != nil {
		return counts, fmt.Errorf("read the tally's answer: %w", err)
	}
	return counts, nil
}

// Stop ends the process and waits for that if it was started here.
func (p *Process) Stop(ctx context.Context) error {
	_, err := p.ask(ctx, http.MethodPost, "/stop")
	if p.started == nil {
		return err
	}
	select {
	case <-p.started.ended:
		return nil
	case <-time.After(answerTimeout):
		p.kill()
		return err
	}
}

func (p *Process) kill() {
	_ = p.started.command.Process.Kill() // it may have ended
	<-p.started.ended
}

func (p *Process) ask(ctx context.Context, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+p.Control+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the process beside the cluster: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask the process beside the cluster: %w", err), p.Ended())
	}
	defer func() { _ = response.Body.Close() }() // read already
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return body, nil
}

// Ended is an error with what the process said last once it has ended, nil
// while it runs.
func (p *Process) Ended() error {
	if p.started == nil {
		return nil
	}
	select {
	case <-p.started.ended:
		return errors.Join(errors.New("the broker's process ended"), p.started.lastWords())
	default:
		return nil
	}
}
