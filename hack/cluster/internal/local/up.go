//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/node"
	"github.com/lagrange-operator/lagrange/hack/cluster/internal/pki"
)

// startTimeout bounds a start; on two busy cores it takes about 15 s.
const startTimeout = 3 * time.Minute

// RunningError refuses a second cluster beside a running one.
type RunningError struct{}

// Error names the cluster and where to find it.
func (RunningError) Error() string {
	return fmt.Sprintf("cluster %s is already running (kubeconfig %s); use it with up --reuse or end it with down", clusterName, kubeconfig)
}

// Up starts the cluster and returns when its node is ready. With reuse a running cluster is good too; with keep a cluster
// that failed to start is left for inspection.
func (c *Cluster) Up(ctx context.Context, reuse, keep bool) error {
	if done, err := c.useRunning(ctx, reuse); done || err != nil {
		return err
	}
	if err := c.checkMachine(); err != nil {
		return err
	}
	config, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if done, err := c.useRunning(ctx, reuse); done || err != nil {
		return err
	}
	return c.startOrClean(ctx, config, keep)
}

// useRunning reports whether a cluster runs that may be reused.
func (c *Cluster) useRunning(ctx context.Context, reuse bool) (bool, error) {
	running, err := c.running()
	if err != nil || !running {
		return false, err
	}
	if !reuse {
		return true, RunningError{}
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.awaitNode(ctx); err != nil {
		return true, fmt.Errorf("cluster %s is running but not ready: %w", clusterName, err)
	}
	c.say("cluster %s is already running", clusterName)
	c.sayHowToUse()
	return true, nil
}

func (c *Cluster) startOrClean(ctx context.Context, config node.Config, keep bool) error {
	started := time.Now()
	bounded, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := c.start(bounded, config)
	if err == nil {
		c.say("cluster %s is ready after %.1f s", clusterName, time.Since(started).Seconds())
		c.sayHowToUse()
		return nil
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	err = fmt.Errorf("start cluster %s: %w", clusterName, err)
	if keep {
		c.say("left as it is for inspection; logs are in %s", config.Logs())
		return err
	}
	// An interrupted start is cleaned up too, so the context's end must not stop it.
	return errors.Join(err, c.clean(context.WithoutCancel(ctx)))
}

func (c *Cluster) sayHowToUse() {
	c.say("  kubeconfig: %s", kubeconfig)
	c.say("  end it with: go run ./hack/cluster down")
}

func (c *Cluster) start(ctx context.Context, config node.Config) error {
	if err := c.clean(ctx); err != nil { // an earlier start may have been killed
		return err
	}
	if err := c.groups.Create(node.SupervisorGroup); err != nil {
		return fmt.Errorf("%w%s", err, alternative)
	}
	if err := writeState(config, time.Now()); err != nil {
		return err
	}
	c.say("starting cluster %s", clusterName)
	launched, err := node.Launch(config, configFile)
	if err != nil {
		return err
	}
	if err := c.connect(ctx, launched); err != nil {
		return explain(config, "node", err)
	}
	components, err := config.Components()
	if err != nil {
		return err
	}
	if err := awaitComponents(ctx, config, components, launched.Events); err != nil {
		return err
	}
	if err := c.awaitNode(ctx); err != nil {
		return explain(config, "kubelet", err)
	}
	return nil
}

func writeState(config node.Config, now time.Time) error {
	for _, folder := range []string{config.State, config.Run, config.PKI(), config.Logs()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("make a folder of the cluster: %w", err)
		}
	}
	request := pki.Request{Cluster: config.Name, Node: config.Name, Server: node.Server, Addresses: node.ServingAddresses()}
	if err := pki.Write(config.PKI(), request, now); err != nil {
		return err
	}
	admin, err := os.ReadFile(filepath.Join(config.PKI(), "admin.conf"))
	if err != nil {
		return fmt.Errorf("read the administrator's kubeconfig: %w", err)
	}
	if err := os.WriteFile(kubeconfig, admin, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return config.Save(configFile)
}

// connect waits until the node is in its control groups, so that it is found whatever happens next, and links it to the
// host.
func (c *Cluster) connect(ctx context.Context, launched *node.Launched) error {
	select {
	case event, open := <-launched.Events:
		if !open || event.Kind != node.EventJoined {
			return errors.New("the node ended at its start")
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := node.ConnectHost(launched.PID); err != nil {
		return err
	}
	return launched.Connected()
}
