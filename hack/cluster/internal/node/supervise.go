//go:build linux

package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

const (
	// pollInterval is how often a component that starts is asked for its health.
	pollInterval = 100 * time.Millisecond
	// restartDelay keeps a component that fails at once from filling its log.
	restartDelay = time.Second
)

// What an Event can tell.
const (
	EventJoined  = "joined"
	EventStarted = "started"
	EventHealthy = "healthy"
	EventExited  = "exited"
	EventFailed  = "failed"
)

// Event tells the launcher what happened.
type Event struct {
	// Kind is one of the constants above.
	Kind string
	// Component it happened to; empty for the node as a whole.
	Component string
	// Detail says how it ended.
	Detail string
}

// supervisor starts components in order and starts those again that end.
type supervisor struct {
	config  Config
	checker *Checker
	report  func(Event)
	healthy map[string]chan struct{} // closed when the component was healthy for the first time
}

func newSupervisor(config Config, components []Component, report func(Event)) (*supervisor, error) {
	checker, err := NewChecker(config.PKI())
	if err != nil {
		return nil, err
	}
	s := &supervisor{config: config, checker: checker, report: report, healthy: map[string]chan struct{}{}}
	for _, component := range components {
		s.healthy[component.Name] = make(chan struct{})
	}
	return s, nil
}

// run returns when ctx ends and every component with it.
func (s *supervisor) run(ctx context.Context, components []Component) {
	var all sync.WaitGroup
	for _, component := range components {
		all.Go(func() { s.keepRunning(ctx, component) })
	}
	all.Wait()
}

func (s *supervisor) keepRunning(ctx context.Context, component Component) {
	for _, name := range component.After {
		select {
		case <-s.healthy[name]:
		case <-ctx.Done():
			return
		}
	}
	for ctx.Err() == nil {
		err := s.runOnce(ctx, component)
		if err == nil && component.Once {
			s.markHealthy(component.Name)
			return
		}
		s.report(Event{Kind: EventExited, Component: component.Name, Detail: fmt.Sprint(err)})
		pause(ctx, restartDelay)
	}
}

// runOnce returns how the component ended.
func (s *supervisor) runOnce(ctx context.Context, component Component) error {
	log, err := os.OpenFile(s.config.Log(component.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the component has its own handle
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{ExecVerb, s.config.Cgroup, component.Name, "--"}, component.Command...)...)
	cmd.Env = append(s.config.Tools.Environment(), "HOME="+s.config.State)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.report(Event{Kind: EventStarted, Component: component.Name})
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	if !component.Once {
		watch.Go(func() { s.awaitHealth(ctx, component) })
	}
	return cmd.Wait()
}

func (s *supervisor) awaitHealth(ctx context.Context, component Component) {
	for ctx.Err() == nil {
		if s.checker.Check(ctx, component.Health) == nil {
			s.markHealthy(component.Name)
			return
		}
		pause(ctx, pollInterval)
	}
}

func (s *supervisor) markHealthy(name string) {
	select {
	case <-s.healthy[name]: // it was restarted
	default:
		close(s.healthy[name])
	}
	s.report(Event{Kind: EventHealthy, Component: name})
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
