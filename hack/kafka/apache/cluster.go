package apache

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/lagrange-operator/lagrange/hack/process"
)

const (
	readyTimeout = 3 * time.Minute
	stopTimeout  = 30 * time.Second
)

// Cluster is a running Apache Kafka. Its methods are for one caller at a time,
// except Tool and Begin.
type Cluster struct {
	// ID is the cluster id that the brokers report.
	ID string

	options    Options // resolved
	ports      ports
	java, jars string
	dir        string
	nodes      []*process.Process // nil where one is stopped
}

// Start starts a cluster and returns when every broker answers and knows all
// others. ctx bounds the start only; what was started runs until Close.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	c := &Cluster{ID: newID()}
	if err := c.start(ctx, options); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, options Options) error {
	var err error
	if c.options, err = options.resolved(&c.ports); err != nil {
		return err
	}
	if c.java, c.jars, err = ensure(ctx, c.options.Progress); err != nil {
		return err
	}
	if err := c.makeDir(); err != nil {
		return err
	}
	c.nodes = make([]*process.Process, c.options.Brokers)
	return c.begin(ctx)
}

// newID is a random id in the form of Kafka's own.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f           // so that it doesn't begin with a dash, which would look like a flag
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func (c *Cluster) makeDir() error {
	if c.dir = c.options.Dir; c.dir != "" {
		return os.MkdirAll(c.dir, 0o755)
	}
	var err error
	if c.dir, err = os.MkdirTemp("", "lagrange-kafka-"); err != nil {
		return fmt.Errorf("make a folder for Kafka's data: %w", err)
	}
	return nil
}

func (c *Cluster) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := c.format(ctx); err != nil {
		return err
	}
	for node := range c.nodes {
		if err := c.launch(node); err != nil {
			return err
		}
	}
	if err := c.awaitReady(ctx); err != nil {
		return err
	}
	return c.createTopics(ctx)
}

// format writes each node's properties and prepares its storage.
func (c *Cluster) format(ctx context.Context) error {
	failures := make([]error, len(c.nodes))
	var formatting sync.WaitGroup
	for node := range c.nodes {
		formatting.Go(func() { failures[node] = c.formatNode(ctx, node) })
	}
	formatting.Wait()
	return errors.Join(failures...)
}

func (c *Cluster) formatNode(ctx context.Context, node int) error {
	if err := os.MkdirAll(c.folder(node), 0o755); err != nil {
		return fmt.Errorf("make the folder of node %d: %w", node, err)
	}
	properties := render(c.options.properties(node, c.folder(node)))
	if err := os.WriteFile(c.propertiesFile(node), []byte(properties), 0o600); err != nil {
		return fmt.Errorf("write the properties of node %d: %w", node, err)
	}
	args := []string{"format", "--cluster-id", c.ID, "--config", c.propertiesFile(node)}
	for _, user := range c.options.Users {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, user.Name, user.Password))
		}
	}
	if _, err := c.Tool(ctx, "kafka.tools.StorageTool", args...); err != nil {
		return fmt.Errorf("format the storage of node %d: %w", node, err)
	}
	return nil
}

func (c *Cluster) folder(node int) string { return filepath.Join(c.dir, fmt.Sprintf("node-%d", node)) }

func (c *Cluster) logFile(node int) string { return filepath.Join(c.folder(node), "log") }

func (c *Cluster) propertiesFile(node int) string {
	return filepath.Join(c.folder(node), "server.properties")
}

func (c *Cluster) launch(node int) error {
	command := c.javaCommand(context.Background(), []string{"-Xmx" + c.options.Heap, "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.showDateTime=true"},
		"kafka.Kafka", c.propertiesFile(node))
	started, err := process.Start(command, process.Options{Log: c.logFile(node)})
	if err != nil {
		return fmt.Errorf("start node %d: %w", node, err)
	}
	c.nodes[node] = started
	return nil
}

// Stop lets a broker hand over its partitions and end.
func (c *Cluster) Stop(node int) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := c.nodes[node].Stop(ctx, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop node %d: %w", node, err)
	}
	c.nodes[node] = nil
	return nil
}

// Kill ends a broker at once, as a crash would.
func (c *Cluster) Kill(node int) {
	c.nodes[node].Kill()
	c.nodes[node] = nil
}

// StartAgain starts a broker that was stopped or killed, and returns when all
// brokers that run know each other.
func (c *Cluster) StartAgain(ctx context.Context, node int) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := c.launch(node); err != nil {
		return err
	}
	return c.awaitReady(ctx)
}

// Close kills every node and removes the folder if it is a temporary one.
func (c *Cluster) Close() error {
	for _, node := range c.nodes {
		if node != nil {
			node.Kill()
		}
	}
	clear(c.nodes)
	if err := c.ports.release(); err != nil {
		return fmt.Errorf("give back the ports: %w", err)
	}
	if c.options.Dir != "" || c.dir == "" {
		return nil
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("remove Kafka's data: %w", err)
	}
	return nil
}

// Servers are the addresses that clients of the listener of this name are told,
// one for each broker.
func (c *Cluster) Servers(listener string) []string { return c.listener(listener).Advertise }

// Listening are the addresses that the listener of this name listens on, one for
// each broker.
func (c *Cluster) Listening(listener string) []string { return c.listener(listener).Listen }

func (c *Cluster) listener(name string) Listener {
	i := slices.IndexFunc(c.options.Listeners, func(l Listener) bool { return l.Name == name })
	if i < 0 {
		return Listener{}
	}
	return c.options.Listeners[i]
}

// BootstrapServers are the addresses of the first listener.
func (c *Cluster) BootstrapServers() []string { return c.Servers(c.options.Listeners[0].Name) }

// Admin are loopback addresses in plain text at which all is allowed.
func (c *Cluster) Admin() []string { return c.Servers(adminListener) }
