package apache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a JVM that runs, with what it writes in a file.
type process struct {
	command *exec.Cmd
	log     string
	ended   chan struct{} // closed when it has ended
	err     error         // how; only after ended
}

// start runs the command until it ends by itself, by us, or with us. It is a
// process group of its own: a Ctrl-C is for us, who end it.
//
// The kernel ends a child when the thread that started it does: the goroutine
// keeps its thread for as long as the child runs.
func start(command *exec.Cmd, log string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the log: %w", err)
	}
	defer func() { _ = file.Close() }() // the process has its own
	command.Stdout, command.Stderr = file, file
	command.SysProcAttr = endsWithUs()
	p := &process{command: command, log: log, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			p.err = command.Wait()
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	return p, nil
}

// kill ends it at once and waits for that.
func (p *process) kill() {
	_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL) // it may have ended
	<-p.ended
}

// stop lets it end in its own way, or kills it when ctx is done first.
func (p *process) stop(ctx context.Context) error {
	_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("it had to be killed: %w", ctx.Err())
	}
}

// failure is an error with the last lines of the log once it has ended, nil
// while it runs.
func (p *process) failure() error {
	select {
	case <-p.ended:
	default:
		return nil
	}
	text, err := os.ReadFile(p.log)
	if err != nil {
		return errors.Join(errors.New("the process has ended"), err)
	}
	return fmt.Errorf("the process has ended (%w):\n%s", p.err, lastLines(text, 20))
}
