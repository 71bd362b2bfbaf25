// Package stack brings up what a demo shows: a cluster with Lagrange in it and
// one consumer group, and takes it down again. It uses the commands that a user
// would use: go build, the cluster program and kubectl.
package stack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// Namespace is where the group and its workers are.
	Namespace = "lagrange-demo"
	// Group is the name of the object in config/samples.
	Group = "orders"
	// GroupID is the consumer group that it states.
	GroupID = "orders-worker"
	// Topic is what that group consumes.
	Topic = "orders"

	system = "lagrange-system"
	// endTimeout is how long a told program may take to end; the cluster
	// program cleans up in that time.
	endTimeout = 30 * time.Second
)

// Stack is a cluster and what is in it.
type Stack struct {
	root string
	// kubectl and kubeconfig are known once the cluster is up.
	kubectl, kubeconfig string
	// Own is true once Up has started the cluster, rather than found it running.
	Own bool
	// installed is true once this stack has put Lagrange where it was not before.
	installed bool
	// began is what was brought up last.
	began stage
}

// stage is how far a stack has come.
type stage int

const (
	beganNothing stage = iota
	beganManager
	beganGroup
)

// New is the stack of the checkout that the working directory is in.
func New(ctx context.Context) (*Stack, error) {
	output, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return nil, fmt.Errorf("find the checkout (run this inside it): %w", err)
	}
	return &Stack{root: filepath.Dir(strings.TrimSpace(string(output)))}, nil
}

// Path is a path in the checkout.
func (s *Stack) Path(parts ...string) string {
	return filepath.Join(append([]string{s.root}, parts...)...)
}

// Kubeconfig is the path of the cluster's kubeconfig file.
func (s *Stack) Kubeconfig() string { return s.kubeconfig }

// run runs a program in the checkout; what it writes goes to progress, and its
// end to the error if it fails.
func (s *Stack) run(ctx context.Context, progress io.Writer, environment []string, program string, arguments ...string) error {
	command := s.command(ctx, environment, program, arguments...)
	var said bytes.Buffer
	command.Stdout = io.MultiWriter(&said, progress)
	command.Stderr = command.Stdout
	return failed(command.Run(), program, arguments, said.String())
}

// output is what a program writes to its standard output, without white space
// around it.
func (s *Stack) output(ctx context.Context, program string, arguments ...string) (string, error) {
	command := s.command(ctx, nil, program, arguments...)
	var said bytes.Buffer
	command.Stderr = &said
	output, err := command.Output()
	return strings.TrimSpace(string(output)), failed(err, program, arguments, said.String())
}

// command is told to end, rather than killed, when the context is done. It has
// a process group of its own: Ctrl-C is for the demo, which ends one after another.
func (s *Stack) command(ctx context.Context, environment []string, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = s.root
	command.Env = append(os.Environ(), environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = endTimeout
	return command
}

func failed(err error, program string, arguments []string, said string) error {
	if err == nil {
		return nil
	}
	return &commandError{
		command: strings.Join(append([]string{filepath.Base(program)}, arguments...), " "),
		said:    lastLines(said, 12), err: err,
	}
}

// commandError is a program that failed and what it said last.
type commandError struct {
	command, said string
	err           error
}

// Error implements error.
func (e *commandError) Error() string {
	if e.said == "" {
		return fmt.Sprintf("%s: %v", e.command, e.err)
	}
	return fmt.Sprintf("%s: %v\n%s", e.command, e.err, e.said)
}

// Unwrap implements errors.Unwrap.
func (e *commandError) Unwrap() error { return e.err }

func lastLines(text string, most int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
