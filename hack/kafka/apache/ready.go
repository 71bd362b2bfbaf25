package apache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/hack/process"
)

const lookEvery = 100 * time.Millisecond

// awaitReady returns when each broker that runs knows every other.
func (c *Cluster) awaitReady(ctx context.Context) error {
	var running []int
	for node, process := range c.nodes {
		if process != nil {
			running = append(running, node)
		}
	}
	for _, node := range running {
		if err := c.awaitNode(ctx, node, len(running)); err != nil {
			return fmt.Errorf("wait for node %d: %w", node, err)
		}
	}
	return nil
}

func (c *Cluster) awaitNode(ctx context.Context, node, brokers int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Admin()[node]))
	if err != nil {
		return err
	}
	defer client.Close()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if err := c.failure(); err != nil {
			return err
		}
		known, err := knownBrokers(ctx, client)
		if err == nil && known == brokers {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%w; it knows %d of %d brokers", ctx.Err(), known, brokers), err, c.lastSaid())
		}
	}
}

// failure is that of the first broker that has ended by itself: the others wait
// for it in vain.
func (c *Cluster) failure() error {
	for node, process := range c.nodes {
		if process == nil {
			continue
		}
		if err := process.Failure(); err != nil {
			return fmt.Errorf("node %d: %w\nits errors:\n%s", node, err, c.errorsOf(node))
		}
	}
	return nil
}

// lastSaid is what the brokers wrote last, for who asks why they aren't ready.
func (c *Cluster) lastSaid() error {
	var said []error
	for node, process := range c.nodes {
		if process != nil {
			said = append(said, fmt.Errorf("node %d said last:\n%s\nits errors:\n%s", node, process.LastSaid(), c.errorsOf(node)))
		}
	}
	return errors.Join(said...)
}

// errorsOf are the last errors in a node's log. One that fails writes a hundred
// lines about its shutdown after the one that says why.
func (c *Cluster) errorsOf(node int) []byte {
	text, err := os.ReadFile(c.logFile(node))
	if err != nil {
		return []byte(err.Error())
	}
	var complaints []byte
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(" ERROR ")) || bytes.Contains(line, []byte("Exception: ")) {
			complaints = append(complaints, line...)
		}
	}
	return process.LastLines(complaints, 10)
}

// knownBrokers is how many brokers the client's one seed knows.
func knownBrokers(ctx context.Context, client *kgo.Client) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request := kmsg.NewMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{} // of no topic: nil would be of all
	response, err := client.SeedBrokers()[0].Request(ctx, &request)
	if err != nil {
		return 0, err
	}
	return len(response.(*kmsg.MetadataResponse).Brokers), nil
}

func (c *Cluster) createTopics(ctx context.Context) error {
	if len(c.options.Topics) == 0 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Admin()...))
	if err != nil {
		return err
	}
	defer client.Close()
	for _, topic := range c.options.Topics {
		if _, err := kadm.NewClient(client).CreateTopic(ctx, topic.Partitions, -1, nil, topic.Name); err != nil {
			return fmt.Errorf("create topic %q: %w", topic.Name, err)
		}
	}
	return nil
}
