// Package existing uses a cluster that somebody else runs.
package existing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// timeout bounds a question to the cluster.
const timeout = 10 * time.Second

// Cluster is a cluster that is there already.
type Cluster struct {
	settings Settings
	out      io.Writer
}

// Settings say where the cluster is; they come from environment variables.
type Settings struct {
	// Kubeconfig is the path of its kubeconfig file, from KUBECONFIG.
	Kubeconfig string
	// Registry is where images are pushed and the cluster pulls them, host/prefix, from IMAGE_REGISTRY.
	Registry string
	// BrokerHost is the address at which pods reach this host, from BROKER_HOST.
	BrokerHost string
}

// New returns the cluster of these settings; out receives progress.
func New(settings Settings, out io.Writer) (*Cluster, error) {
	if settings.Kubeconfig == "" {
		return nil, errors.New("CLUSTER=existing needs KUBECONFIG, the path of the cluster's kubeconfig file")
	}
	return &Cluster{settings: settings, out: out}, nil
}

// Kubeconfig is the path of the kubeconfig file that was given.
func (c *Cluster) Kubeconfig() string { return c.settings.Kubeconfig }

// Up checks that the cluster answers.
func (c *Cluster) Up(ctx context.Context, _, _ bool) error { return c.Status(ctx, c.out) }

// Down leaves the cluster alone.
func (c *Cluster) Down(context.Context) error {
	_, err := fmt.Fprintln(c.out, "the existing cluster is left as it is")
	return err
}

// Status writes the cluster's version, or returns an error when it does not answer.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.settings.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig of the existing cluster: %w", err)
	}
	config.Timeout = timeout
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("use kubeconfig %q: %w", c.settings.Kubeconfig, err)
	}
	if _, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		return fmt.Errorf("the existing cluster %s is not ready: %w", config.Host, err)
	}
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("ask the existing cluster %s for its version: %w", config.Host, err)
	}
	_, err = fmt.Fprintf(out, "existing cluster %s is ready, Kubernetes %s\n  kubeconfig: %s\n", config.Host, version.GitVersion, c.settings.Kubeconfig)
	return err
}

// Restart is not offered: the components are somebody else's.
func (c *Cluster) Restart(context.Context, string) error {
	return errors.New("components cannot be restarted with CLUSTER=existing")
}

// HostAddress is the address at which pods reach this host, which only its user knows.
func (c *Cluster) HostAddress(context.Context) (string, error) {
	if c.settings.BrokerHost == "" {
		return "", errors.New("CLUSTER=existing needs BROKER_HOST, the address at which the cluster's pods reach this host")
	}
	return c.settings.BrokerHost, nil
}
