//go:build linux

// Package local runs the cluster on this machine, from compiled programs, without a container engine.
package local

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/cgroups"
	"github.com/lagrange-operator/lagrange/hack/cluster/internal/node"
)

const (
	clusterName = "lagrange"
	stateFolder = "/var/lib/lagrange-cluster"
	runFolder   = "/run/lagrange-cluster"
	cgroupName  = "lagrange-cluster"
	moduleName  = "github.com/lagrange-operator/lagrange"
	configFile  = runFolder + "/node.json"
	kubeconfig  = runFolder + "/kubeconfig"
)

// Cluster is the one local cluster of this machine.
type Cluster struct {
	cache  string
	out    io.Writer
	groups *cgroups.Tree
}

// New returns the cluster of this machine, running or not. Compiled programs are kept in the folder cache; out receives
// progress.
func New(cache string, out io.Writer) (*Cluster, error) {
	groups, err := cgroups.Open(cgroupName)
	if err != nil {
		return nil, err
	}
	return &Cluster{cache: cache, out: out, groups: groups}, nil
}

// Kubeconfig is the path of the administrator's kubeconfig file.
func (c *Cluster) Kubeconfig() string { return kubeconfig }

// HostAddress is the address at which pods reach what listens on this host.
func (c *Cluster) HostAddress(context.Context) (string, error) { return node.HostAddress, nil }

// Image is the name by which pods refer to a loaded image: the one it was built with.
func (c *Cluster) Image(name string) (string, error) { return name, nil }

// Load imports image archives.
func (c *Cluster) Load(ctx context.Context, archives []string) error {
	if err := c.requireRunning(); err != nil {
		return err
	}
	config, err := node.Load(configFile)
	if err != nil {
		return err
	}
	for _, archive := range archives {
		command, err := config.ImportImage(archive)
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Env = config.Tools.Environment()
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("load image archive %q: %w: %s", archive, err, strings.TrimSpace(string(output)))
		}
		c.say("loaded %s", archive)
	}
	return nil
}

// running reports whether the node's processes exist.
func (c *Cluster) running() (bool, error) {
	processes, err := c.groups.Processes(node.SupervisorGroup)
	return len(processes) > 0, err
}

func (c *Cluster) requireRunning() error {
	if err := requireRoot(); err != nil {
		return err
	}
	running, err := c.running()
	if err != nil {
		return err
	}
	if !running {
		return fmt.Errorf("cluster %s is not running; start it with: go run ./hack/cluster up", clusterName)
	}
	return nil
}

func (c *Cluster) say(format string, values ...any) {
	_, _ = fmt.Fprintf(c.out, format+"\n", values...)
}
