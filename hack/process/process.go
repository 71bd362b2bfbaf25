// Package process runs a server as a child that ends with this process, and
// keeps what it writes in a file.
package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Process is a child that was started.
type Process struct {
	command *exec.Cmd
	log     string
	ended   chan struct{} // closed when it has ended
	err     error         // how; only after ended
}

// As are the attributes of a short-lived command run by a user, nil for this
// process's own. It is a process group of its own and ends with this process.
func As(credential *syscall.Credential) *syscall.SysProcAttr {
	return attributes(Options{Credential: credential})
}

// Options say how a child runs.
type Options struct {
	// Log is the file that its output is appended to.
	Log string
	// Credential is whose process it is. Nil: this one's user.
	Credential *syscall.Credential
	// Death is what the kernel sends it, on Linux, when this process ends in
	// any way. Default SIGKILL.
	Death syscall.Signal
}

// Start runs the command until it ends by itself, by us, or with us. It is a
// process group of its own: a Ctrl-C is for us, who end it.
//
// The kernel ends a child when the thread that started it does: the goroutine
// keeps its thread for as long as the child runs.
func Start(command *exec.Cmd, options Options) (*Process, error) {
	file, err := os.OpenFile(options.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the log: %w", err)
	}
	defer func() { _ = file.Close() }() // the process has its own
	command.Stdout, command.Stderr = file, file
	command.SysProcAttr = attributes(options)
	p := &Process{command: command, log: options.Log, ended: make(chan struct{})}
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

// Signal sends it to the process, which may have ended.
func (p *Process) Signal(signal syscall.Signal) { _ = syscall.Kill(p.command.Process.Pid, signal) }

// Stop sends the signal and waits for the end, or kills the process group when
// ctx is done first.
func (p *Process) Stop(ctx context.Context, signal syscall.Signal) error {
	p.Signal(signal)
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("it had to be killed: %w", ctx.Err())
	}
}

// Kill ends the process group at once and waits for that.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL) // it may have ended
	<-p.ended
}

// Failure is an error with the last lines of the log once the process has
// ended, nil while it runs.
func (p *Process) Failure() error {
	select {
	case <-p.ended:
	default:
		return nil
	}
	return fmt.Errorf("the process has ended (%w):\n%s", p.err, p.LastSaid())
}

// LastSaid are the last lines that the process wrote.
func (p *Process) LastSaid() []byte {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	return LastLines(text, 20)
}

// LastLines are the last lines of what a program said.
func LastLines(text []byte, most int) []byte {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-most):], []byte("\n"))
}
