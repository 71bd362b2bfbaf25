//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/node"
)

const (
	// endPatience is how long a component may take to end in order before it is killed.
	endPatience    = 5 * time.Second
	restartTimeout = 2 * time.Minute
)

// Status writes a table of the components and returns an error unless everything works.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	if err := c.requireRunning(); err != nil {
		return err
	}
	config, err := node.Load(configFile)
	if err != nil {
		return err
	}
	components, err := config.Components()
	if err != nil {
		return err
	}
	checker, err := node.NewChecker(config.PKI())
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "COMPONENT\tPID\tHEALTHY")
	var failures []error
	for _, component := range components {
		if component.Once {
			continue
		}
		row, err := c.statusOf(ctx, checker, component)
		failures = append(failures, err)
		_, _ = fmt.Fprintln(table, row)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	nodeErr := nodeReady(ctx)
	_, _ = fmt.Fprintf(out, "\nnode ready: %t\nkubeconfig: %s\n", nodeErr == nil, kubeconfig)
	return errors.Join(append(failures, nodeErr)...)
}

func (c *Cluster) statusOf(ctx context.Context, checker *node.Checker, component node.Component) (row string, err error) {
	pid, err := c.pidOf(component.Name)
	if err != nil {
		return component.Name + "\t-\tno", err
	}
	if err := checker.Check(ctx, component.Health); err != nil {
		return fmt.Sprintf("%s\t%d\tno", component.Name, pid), fmt.Errorf("%s is not healthy: %w", component.Name, err)
	}
	return fmt.Sprintf("%s\t%d\tyes", component.Name, pid), nil
}

// Restart ends one component in order, which the supervisor then starts again, and returns when the new one is healthy.
func (c *Cluster) Restart(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, restartTimeout)
	defer cancel()
	component, config, err := c.component(name)
	if err != nil {
		return err
	}
	old, err := c.pidOf(name)
	if err != nil {
		return err
	}
	if err := end(ctx, old); err != nil {
		return fmt.Errorf("end %s: %w", name, err)
	}
	checker, err := node.NewChecker(config.PKI())
	if err != nil {
		return err
	}
	for {
		pid, err := c.pidOf(name)
		if err == nil && pid != old && checker.Check(ctx, component.Health) == nil {
			c.say("%s was restarted: process %d is now %d", name, old, pid)
			return nil
		}
		if err := wait(ctx, pollInterval); err != nil {
			return explain(config, name, err)
		}
	}
}

func (c *Cluster) component(name string) (node.Component, node.Config, error) {
	if err := c.requireRunning(); err != nil {
		return node.Component{}, node.Config{}, err
	}
	config, err := node.Load(configFile)
	if err != nil {
		return node.Component{}, node.Config{}, err
	}
	components, err := config.Components()
	if err != nil {
		return node.Component{}, node.Config{}, err
	}
	var names []string
	for _, component := range components {
		if component.Name == name && !component.Once {
			return component, config, nil
		}
		if !component.Once {
			names = append(names, component.Name)
		}
	}
	return node.Component{}, node.Config{}, fmt.Errorf("no component %q; there are %s", name, strings.Join(names, ", "))
}

// end asks the process to end, and kills it when it does not.
func end(ctx context.Context, pid int) error {
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	patience, cancel := context.WithTimeout(ctx, endPatience)
	defer cancel()
	for syscall.Kill(pid, 0) == nil {
		if wait(patience, 20*time.Millisecond) != nil {
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return nil
}

// pidOf finds a component by its control group and parent: containerd's group has the processes of containers too.
func (c *Cluster) pidOf(name string) (int, error) {
	first, err := c.groups.Processes(node.SupervisorGroup)
	if err != nil {
		return 0, err
	}
	candidates, err := c.groups.Processes(name)
	if err != nil {
		return 0, err
	}
	supervisor := childOf(first, first)
	if pid := childOf(candidates, []int{supervisor}); pid != 0 {
		return pid, nil
	}
	return 0, fmt.Errorf("%s is not running", name)
}

// childOf returns the first of candidates that has one of parents as its parent, or 0.
func childOf(candidates, parents []int) int {
	for _, candidate := range candidates {
		if parent := parentOf(candidate); parent != 0 && slices.Contains(parents, parent) {
			return candidate
		}
	}
	return 0
}

// parentOf returns 0 for a process that is gone. The line is "12 (name with ) and spaces) S 1 ...".
func parentOf(pid int) int {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}
