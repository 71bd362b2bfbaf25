// Package kind runs the cluster with kind and Docker, for machines that cannot run the local one.
package kind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const clusterName = "lagrange"

// Cluster is the kind cluster named lagrange.
type Cluster struct {
	kubeconfig string
	out        io.Writer
}

// New returns the kind cluster, running or not. Its kubeconfig file is in the folder cache; out receives progress.
func New(cache string, out io.Writer) *Cluster {
	return &Cluster{kubeconfig: filepath.Join(cache, "kind.kubeconfig"), out: out}
}

// Kubeconfig is the path of the administrator's kubeconfig file.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig }

// Image is the name by which pods refer to a loaded image: the one it was built with.
func (c *Cluster) Image(name string) (string, error) { return name, nil }

// Up creates the cluster; with reuse a running one is good too. With keep, kind retains the nodes of a failed start.
func (c *Cluster) Up(ctx context.Context, reuse, keep bool) error {
	running, err := c.running(ctx)
	if err != nil {
		return err
	}
	if running && !reuse {
		return fmt.Errorf("cluster %s is already running (kubeconfig %s); use it with up --reuse or end it with down", clusterName, c.kubeconfig)
	}
	if running {
		err = c.run(ctx, "kind", "export", "kubeconfig", "--name", clusterName, "--kubeconfig", c.kubeconfig)
	} else {
		err = c.create(ctx, keep)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "cluster %s is ready\n  kubeconfig: %s\n  end it with: CLUSTER=kind go run ./hack/cluster down\n", clusterName, c.kubeconfig)
	return err
}

func (c *Cluster) create(ctx context.Context, keep bool) error {
	if err := os.MkdirAll(filepath.Dir(c.kubeconfig), 0o755); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	arguments := []string{"create", "cluster", "--name", clusterName, "--kubeconfig", c.kubeconfig, "--wait", "3m"}
	if keep {
		arguments = append(arguments, "--retain")
	}
	return c.run(ctx, "kind", arguments...)
}

// Down deletes the cluster; one that does not exist is fine.
func (c *Cluster) Down(ctx context.Context) error {
	if err := c.run(ctx, "kind", "delete", "cluster", "--name", clusterName, "--kubeconfig", c.kubeconfig); err != nil {
		return err
	}
	if err := os.Remove(c.kubeconfig); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the kubeconfig: %w", err)
	}
	return nil
}

// Status returns an error unless the cluster runs.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	running, err := c.running(ctx)
	if err != nil {
		return err
	}
	if !running {
		return fmt.Errorf("cluster %s is not running; start it with: CLUSTER=kind go run ./hack/cluster up", clusterName)
	}
	_, err = fmt.Fprintf(out, "cluster %s runs in kind\nkubeconfig: %s\n", clusterName, c.kubeconfig)
	return err
}

// Load copies image archives into the cluster's node.
func (c *Cluster) Load(ctx context.Context, archives []string) error {
	for _, archive := range archives {
		if err := c.run(ctx, "kind", "load", "image-archive", archive, "--name", clusterName); err != nil {
			return err
		}
	}
	return nil
}

// Restart is not offered: kind's components are pods of its node.
func (c *Cluster) Restart(context.Context, string) error {
	return errors.New("components cannot be restarted with CLUSTER=kind")
}

// HostAddress is the address of the host on the network of kind's containers.
func (c *Cluster) HostAddress(ctx context.Context) (string, error) {
	output, err := c.output(ctx, "docker", "network", "inspect", "kind", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}")
	if err != nil {
		return "", err
	}
	for _, field := range strings.Fields(output) {
		if address := net.ParseIP(field); address != nil && address.To4() != nil {
			return field, nil
		}
	}
	return "", fmt.Errorf("network \"kind\" of Docker has no IPv4 gateway, only %q", strings.TrimSpace(output))
}

func (c *Cluster) running(ctx context.Context) (bool, error) {
	output, err := c.output(ctx, "kind", "get", "clusters")
	return slices.Contains(strings.Fields(output), clusterName), err
}

func (c *Cluster) run(ctx context.Context, program string, arguments ...string) error {
	cmd, err := command(ctx, program, arguments)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = c.out, c.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", program, strings.Join(arguments, " "), err)
	}
	return nil
}

func (c *Cluster) output(ctx context.Context, program string, arguments ...string) (string, error) {
	cmd, err := command(ctx, program, arguments)
	if err != nil {
		return "", err
	}
	var failure bytes.Buffer
	cmd.Stderr = &failure
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err, strings.TrimSpace(failure.String()))
	}
	return string(output), nil
}

func command(ctx context.Context, program string, arguments []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("CLUSTER=kind needs %q on the search path; "+
			"unset CLUSTER for a cluster without Docker, or use CLUSTER=existing KUBECONFIG=path: %w", program, err)
	}
	return exec.CommandContext(ctx, path, arguments...), nil
}
