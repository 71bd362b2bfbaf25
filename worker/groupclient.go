package worker

import (
	"sync/atomic"

	"github.com/IBM/sarama"
)

// groupClient is what sarama's consumer group has for a client. With
// ReadCommitted sarama reads the group's offsets itself before it calls Setup,
// and after a second it gives up on one that a transaction has not decided on:
// this member would join again and again, and disturb the others, until the
// brokers abort what a crashed member left open. Setup reads them anyway and
// waits, so sarama's own look takes what there is.
type groupClient struct {
	sarama.Client
	config atomic.Pointer[sarama.Config]
}

// Config implements sarama.Client.
func (c *groupClient) Config() *sarama.Config {
	if config := c.config.Load(); config != nil {
		return config
	}
	return c.Client.Config()
}

// leaveOffsetsToSetup is for after the group was made: what fetches messages has
// its configuration by then, and what manages offsets is made anew, and asks for
// its own, in each session.
func (c *groupClient) leaveOffsetsToSetup() {
	config := *c.Client.Config()
	config.Consumer.IsolationLevel = sarama.ReadUncommitted
	c.config.Store(&config)
}
