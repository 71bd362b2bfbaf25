package kafkaadmin

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// offset is a position as it was read, or why it could not be.
type offset struct {
	at  int64
	err error
}

// share is what one broker leads of the topics of a cycle.
type share []topicShare

// topicShare is what one broker leads of one topic. stable is set when the last
// stable offset is wanted as well.
type topicShare struct {
	log    *topicLog
	ids    []int32
	stable bool
}

// logs are the logs of a cycle's topics, by topic, with the time at which the
// cycle began to read them.
type logs struct {
	book   *logBook
	topics map[string]*topicLog
	began  time.Time
}

// readLogs asks each leader for the ends of the partitions that it leads, and
// for one thing more that is due: log starts, or what the rarer questions need.
// So a cycle costs two requests a broker, three where somebody reads committed
// records, whatever there is to find out.
func (c *client) readLogs(ctx context.Context, known *cluster, subscriptions []interest) logs {
	ctx, cancel := c.step(ctx)
	defer cancel()
	began := time.Now()
	topics := c.book.open(known, began)
	var all sync.WaitGroup
	for leader, led := range known.shares(topics, stableTopics(subscriptions)) {
		all.Go(func() {
			if c.readEnds(ctx, known.brokers[leader], led) {
				c.readMore(ctx, known, known.brokers[leader], led)
			}
		})
	}
	all.Wait()
	return logs{book: c.book, topics: topics, began: began}
}

// stableTopics are those of which some group reads committed records only.
func stableTopics(subscriptions []interest) map[string]bool {
	topics := map[string]bool{}
	for _, s := range subscriptions {
		if s.Isolation != kafka.ReadCommitted {
			continue
		}
		for _, name := range s.Topics {
			topics[name] = true
		}
	}
	return topics
}

// shares lists the partitions by their leader. Those that have none are in no
// share: nobody can be asked.
func (c *cluster) shares(topics map[string]*topicLog, stable map[string]bool) map[int32]share {
	shares := map[int32]share{}
	for name, log := range topics {
		for id, p := range c.topics[name].partitions {
			if p.err != nil {
				continue
			}
			led := shares[p.leader]
			if len(led) == 0 || led[len(led)-1].log != log {
				led = append(led, topicShare{log: log, stable: stable[name]})
			}
			last := &led[len(led)-1]
			last.ids = append(last.ids, int32(id))
			shares[p.leader] = led
		}
	}
	return shares
}

// onlyStable is the share of the topics whose last stable offset is wanted.
func (s share) onlyStable() share {
	var stable share
	for _, t := range s {
		if t.stable {
			stable = append(stable, t)
		}
	}
	return stable
}

// readEnds tells whether the leader answered.
func (c *client) readEnds(ctx context.Context, leader *link, led share) bool {
	var (
		at      = time.Now()
		ends    = c.listOffsets(ctx, leader, led, sarama.OffsetNewest, sarama.ReadUncommitted)
		stables offsetList
	)
	if stable := led.onlyStable(); len(stable) > 0 {
		stables = c.listOffsets(ctx, leader, stable, sarama.OffsetNewest, sarama.ReadCommitted)
	}
	c.book.noteEnds(led, ends, stables, at)
	return ends.err == nil
}

func (b *logBook) noteEnds(led share, ends, stables offsetList, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range led {
		end, last := ends.of(t.log.name, "log end"), stables.of(t.log.name, "last stable offset")
		for _, id := range t.ids {
			var stable *offset
			if t.stable {
				o := last.at(id)
				stable = &o
			}
			t.log.partitions[id].noteEnds(end.at(id), stable, at)
		}
	}
}

// readMore does the one thing that is most due at a leader, if any.
func (c *client) readMore(ctx context.Context, known *cluster, leader *link, led share) {
	now := time.Now()
	if due := c.book.startsDue(led, now); len(due) > 0 {
		c.readStarts(ctx, leader, due)
		return
	}
	if due := c.book.probesDue(led, now); len(due) > 0 {
		c.probe(ctx, leader, due)
		return
	}
	if due := c.book.holdsDue(led, now); len(due) > 0 {
		c.nameHolders(ctx, known, leader, due)
		return
	}
	if due := c.book.looksDue(led, now); len(due.partitions) > 0 {
		c.look(ctx, leader, due)
	}
}

// pick is the part of a share that wanted chooses, most partitions at most. The
// caller holds the lock.
func (s share) pick(most int, wanted func(*partitionLog) bool) share {
	var picked share
	for _, t := range s {
		chosen := topicShare{log: t.log}
		for _, id := range t.ids {
			if most > 0 && wanted(&t.log.partitions[id]) {
				chosen.ids, most = append(chosen.ids, id), most-1
			}
		}
		if len(chosen.ids) > 0 {
			picked = append(picked, chosen)
		}
	}
	return picked
}
