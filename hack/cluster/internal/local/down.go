//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/node"
)

// endTimeout bounds the wait for killed processes, which takes under a second.
const endTimeout = 30 * time.Second

// Down ends the cluster, whatever is left of it, and removes everything that belonged to it but the compiled programs.
func (c *Cluster) Down(ctx context.Context) error {
	if err := requireRoot(); err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	started := time.Now()
	if err := c.clean(ctx); err != nil {
		return fmt.Errorf("end cluster %s: %w", clusterName, err)
	}
	c.say("cluster %s is gone after %.1f s", clusterName, time.Since(started).Seconds())
	return nil
}

// clean relies on nothing but the names of the cluster's control groups, link and folders: it works after any process
// was killed at any time. Mounts, network namespaces and iptables rules go with the node's first process.
func (c *Cluster) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	if err := c.endProcesses(ctx); err != nil {
		return err
	}
	if err := node.DisconnectHost(); err != nil {
		return err
	}
	if err := c.removeGroups(ctx); err != nil {
		return err
	}
	for _, folder := range []string{stateFolder, runFolder} {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("remove a folder of the cluster: %w", err)
		}
	}
	return nil
}

func (c *Cluster) endProcesses(ctx context.Context) error {
	for {
		left, err := c.groups.Kill()
		if err != nil || left == 0 {
			return err
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("wait for %d processes to end: %w", left, err)
		}
	}
}

// removeGroups tries again for a moment: the kernel frees a group a little after its last process.
func (c *Cluster) removeGroups(ctx context.Context) error {
	for {
		err := c.groups.Remove()
		if !errors.Is(err, syscall.EBUSY) {
			return err
		}
		if wait(ctx, 20*time.Millisecond) != nil {
			return err
		}
	}
}
