//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// lockName is an abstract Unix socket: one process at a time can have it, it ends with that process however that ends,
// and no file stays behind.
const lockName = "@lagrange-cluster"

// lock lets one up or down at a time touch the cluster. It waits for another one until ctx ends.
func (c *Cluster) lock(ctx context.Context) (unlock func(), err error) {
	said := false
	for {
		socket, err := net.Listen("unix", lockName)
		if err == nil {
			return func() { _ = socket.Close() }, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("lock cluster %s: %w", clusterName, err)
		}
		if !said {
			c.say("waiting for another up or down of cluster %s", clusterName)
			said = true
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return nil, fmt.Errorf("wait for another up or down of cluster %s: %w", clusterName, err)
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
