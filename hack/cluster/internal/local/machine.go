//go:build linux

package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/checkout"
	"github.com/lagrange-operator/lagrange/hack/cluster/internal/node"
	"github.com/lagrange-operator/lagrange/hack/cluster/internal/packages"
	"github.com/lagrange-operator/lagrange/hack/cluster/internal/programs"
	"github.com/lagrange-operator/lagrange/hack/image/archive"
)

const alternative = "; use CLUSTER=kind (needs Docker) or CLUSTER=existing KUBECONFIG=path"

// checkMachine says in one sentence why this machine cannot run the cluster.
func (c *Cluster) checkMachine() error {
	if err := requireRoot(); err != nil {
		return err
	}
	if err := c.groups.Controllers(); err != nil {
		return fmt.Errorf("%w, which the local cluster needs%s", err, alternative)
	}
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return fmt.Errorf("list this machine's file systems: %w", err)
	}
	if !bytes.Contains(filesystems, []byte("\toverlay\n")) && exec.Command("modprobe", "overlay").Run() != nil {
		return errors.New("this machine's kernel has no overlay file system, which the local cluster needs" + alternative)
	}
	link, err := node.ConflictingLink()
	if err != nil {
		return err
	}
	if link != "" {
		return fmt.Errorf("the local cluster needs the addresses %s, which network device %q uses%s", node.PodRange, link, alternative)
	}
	return nil
}

func requireRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("the local cluster needs root, because it makes control groups and network devices" + alternative)
	}
	return nil
}

// prepare makes available what the node is made of; only the first time takes long.
func (c *Cluster) prepare(ctx context.Context) (node.Config, error) {
	module, err := checkout.Folder(ctx)
	if err != nil {
		return node.Config{}, err
	}
	tools, err := packages.Ensure(ctx, c.cache, c.out)
	if err != nil {
		return node.Config{}, err
	}
	compiled, err := c.builder(module).Ensure(ctx, programs.All())
	if err != nil {
		return node.Config{}, err
	}
	pause, err := c.pauseImage(ctx, module)
	if err != nil {
		return node.Config{}, err
	}
	return node.Config{
		Name: clusterName, State: stateFolder, Run: runFolder, Cgroup: cgroupName,
		Cache: c.cache, Programs: compiled, PauseArchive: pause, Tools: tools,
	}, nil
}

func (c *Cluster) builder(module string) programs.Builder {
	return programs.Builder{Cache: c.cache, Source: filepath.Join(module, "hack/cluster/binaries"), Out: c.out}
}

// pauseImage compiles the program that holds a pod's namespaces and makes an image of it.
func (c *Cluster) pauseImage(ctx context.Context, module string) (string, error) {
	binary := filepath.Join(c.cache, "pause")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./hack/cluster/pause")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the pause program: %w: %s", err, output)
	}
	out := binary + ".tar"
	if _, err := archive.Write(archive.Spec{Name: node.PauseName, Binary: binary, User: "65535"}, out); err != nil {
		return "", err
	}
	return out, nil
}
