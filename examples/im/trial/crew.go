package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lagrange-operator/lagrange/hack/process"
)

const (
	// sessionTimeout is the shortest that brokers allow.
	sessionTimeout = 6 * time.Second
	stopTimeout    = time.Minute
)

// crew are the workers, each a process of this program.
type crew struct {
	program   string
	arguments []string
	folder    string
	members   []*member
	hired     int
}

type member struct {
	name string
	port *process.Port
	*process.Process
}

func (r *round) newCrew(dsn string) (*crew, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	c := &crew{program: program, folder: r.folder, arguments: []string{
		"worker", "--brokers", strings.Join(r.servers.kafka.BootstrapServers(), ","), "--dsn", dsn,
		"--topic", r.name, "--group", r.name, "--session-timeout", sessionTimeout.String(),
	}}
	return c, c.fill(r.Workers)
}

// fill starts workers until there are so many.
func (c *crew) fill(count int) error {
	for len(c.members) < count {
		c.hired++
		hired, err := c.hire(fmt.Sprintf("worker-%d", c.hired))
		if err != nil {
			return err
		}
		c.members = append(c.members, hired)
	}
	return nil
}

func (c *crew) hire(name string) (*member, error) {
	port, err := process.Reserve("127.0.0.1")
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	command := exec.Command(c.program, append(c.arguments, "--name", name, "--listen", port.Address)...)
	started, err := process.Start(command, process.Options{Log: filepath.Join(c.folder, name+".log")})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, errors.Join(err, port.Close()))
	}
	return &member{name: name, port: port, Process: started}, nil
}

// failure is that of a worker that has ended by itself.
func (c *crew) failure() error {
	for _, m := range c.members {
		if err := m.Failure(); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// dismiss ends a worker with a signal, and waits for the end.
func (c *crew) dismiss(ctx context.Context, m *member, signal syscall.Signal) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	c.members = slices.DeleteFunc(c.members, func(other *member) bool { return other == m })
	if err := errors.Join(m.Stop(ctx, signal), m.port.Close()); err != nil {
		return fmt.Errorf("stop %s: %w", m.name, err)
	}
	return nil
}

// stop lets all workers finish what they have in hand.
func (c *crew) stop(ctx context.Context) error { return c.dismissAll(ctx, syscall.SIGTERM) }

// close kills whoever is left.
func (c *crew) close() error { return c.dismissAll(context.Background(), syscall.SIGKILL) }

func (c *crew) dismissAll(ctx context.Context, signal syscall.Signal) error {
	var failures []error
	for _, m := range slices.Clone(c.members) {
		failures = append(failures, c.dismiss(ctx, m, signal))
	}
	return errors.Join(failures...)
}
