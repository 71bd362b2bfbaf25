//go:build linux

package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/cgroups"
)

// Verbs by which the program calls itself inside the node.
const (
	// FirstVerb runs the first process of the node's namespaces.
	FirstVerb = "node-first"
	// SuperviseVerb runs the process that starts the components.
	SuperviseVerb = "node-supervise"
	// ExecVerb joins a control group and becomes another program.
	ExecVerb = "node-exec"

	// SupervisorGroup is the control group of the first process and the supervisor.
	SupervisorGroup = "supervisor"
)

// Files that a launcher hands to its node, by number.
const (
	connectedFile = 3
	eventsFile    = 4
)

// Launched is a node as its launcher sees it.
type Launched struct {
	// PID of the node's first process; the node ends with it.
	PID int
	// Events ends when the node does.
	Events <-chan Event

	connected *os.File
}

// Connected tells the node that its link to the host is there.
func (l *Launched) Connected() error {
	if _, err := l.connected.Write([]byte{1}); err != nil {
		return fmt.Errorf("tell the node that it is connected: %w", err)
	}
	return l.connected.Close()
}

// Launch starts a node in namespaces of its own, from the configuration saved in the file path. The node outlives the
// caller, except before Connected: a node whose launcher dies earlier ends.
func Launch(config Config, path string) (*Launched, error) {
	log, err := os.OpenFile(config.Log("node"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the node's log: %w", err)
	}
	defer log.Close() //nolint:errcheck // the node has its own handle
	connectedRead, connectedWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe to the node: %w", err)
	}
	defer connectedRead.Close() //nolint:errcheck // the node has its own handle
	eventsRead, eventsWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe from the node: %w", err)
	}
	defer eventsWrite.Close() //nolint:errcheck // the node has its own handle
	cmd := exec.Command("/proc/self/exe", FirstVerb, path)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{connectedRead, eventsWrite}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET,
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	events := make(chan Event)
	go func() {
		readEvents(eventsRead, events)
		_ = cmd.Wait() // the log has how it ended
	}()
	return &Launched{PID: cmd.Process.Pid, Events: events, connected: connectedWrite}, nil
}

func readEvents(from io.ReadCloser, events chan<- Event) {
	defer close(events)
	defer from.Close() //nolint:errcheck // opened for reading only
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		var event Event
		if err := json.Unmarshal(lines.Bytes(), &event); err == nil {
			events <- event
		}
	}
}

// First is the first process of the node: it starts the supervisor and collects every process that loses its parent,
// until the supervisor ends.
func First(path string) error {
	keepFromChildren()
	config, err := Load(path)
	if err != nil {
		return err
	}
	if err := join(config.Cgroup, SupervisorGroup); err != nil {
		return err
	}
	if err := prepareMounts(config); err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", SuperviseVerb, path)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(connectedFile, "connected"), os.NewFile(eventsFile, "events")}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	for {
		ended, err := syscall.Wait4(-1, nil, 0, nil)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("wait for a process: %w", err)
		}
		if ended == cmd.Process.Pid {
			return errors.New("the supervisor ended")
		}
	}
}

// Supervise runs the node's components until the node ends.
func Supervise(path string) error {
	keepFromChildren()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := Load(path)
	if err != nil {
		return err
	}
	report := reporter(os.NewFile(eventsFile, "events"))
	report(Event{Kind: EventJoined})
	if err := superviseConnected(ctx, config, path, report); err != nil {
		report(Event{Kind: EventFailed, Detail: err.Error()})
		return err
	}
	return nil
}

func superviseConnected(ctx context.Context, config Config, path string, report func(Event)) error {
	if err := awaitConnection(); err != nil {
		return err
	}
	if err := prepareNetwork(); err != nil {
		return err
	}
	config.Snapshotter = snapshotter(config.State)
	if err := errors.Join(config.Save(path), config.WriteFiles()); err != nil {
		return err
	}
	components, err := config.Components()
	if err != nil {
		return err
	}
	supervisor, err := newSupervisor(config, components, report)
	if err != nil {
		return err
	}
	supervisor.run(ctx, components)
	return nil
}

// keepFromChildren keeps the launcher's pipes out of programs that are not told of them.
func keepFromChildren() {
	syscall.CloseOnExec(connectedFile)
	syscall.CloseOnExec(eventsFile)
}

// awaitConnection fails when the launcher died before it connected the node.
func awaitConnection() error {
	connected := os.NewFile(connectedFile, "connected")
	defer connected.Close() //nolint:errcheck // opened for reading only
	if _, err := io.ReadFull(connected, make([]byte, 1)); err != nil {
		return fmt.Errorf("the launcher ended before the node was connected: %w", err)
	}
	return nil
}

// reporter writes events for a launcher that may be gone, and to the node's log.
func reporter(events *os.File) func(Event) {
	var one sync.Mutex
	return func(event Event) {
		one.Lock()
		defer one.Unlock()
		line, err := json.Marshal(event)
		if err != nil {
			return // an Event of strings always has JSON
		}
		line = append(line, '\n')
		_, _ = os.Stdout.Write(line)
		_, _ = events.Write(line)
	}
}

// Exec joins a control group and becomes the command.
func Exec(tree, group string, command []string) error {
	if err := join(tree, group); err != nil {
		return err
	}
	if err := syscall.Exec(command[0], command, os.Environ()); err != nil {
		return fmt.Errorf("start %q: %w", command[0], err)
	}
	return nil
}

func join(tree, group string) error {
	groups, err := cgroups.Open(tree)
	if err != nil {
		return err
	}
	return groups.Join(group)
}
