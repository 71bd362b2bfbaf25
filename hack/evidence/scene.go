package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// scene is one round of an experiment, and what may happen in it.
type scene struct {
	*stand
	// topics and books are of each arm.
	topics []string
	books  []*ledger
	load   load
	dead   []int // brokers that were killed and not started again
}

// underWay returns once all programs have had messages acknowledged.
func (s *scene) underWay(ctx context.Context) error {
	if err := s.acknowledgeMore(ctx, 200, s.books...); err != nil {
		return fmt.Errorf("wait for the programs: %w", err)
	}
	return nil
}

// acknowledgeMore returns once that many more are acknowledged of each.
func (s *scene) acknowledgeMore(ctx context.Context, more int, books ...*ledger) error {
	for _, book := range books {
		_, before := book.progress()
		err := until(ctx, func(context.Context) error {
			sent, now := book.progress()
			if now < before+more {
				return fmt.Errorf("%d sent, %d acknowledged", sent, now)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// breathe lets time go by.
func (s *scene) breathe(ctx context.Context, pause time.Duration) {
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}

// kill ends a broker with SIGKILL.
func (s *scene) kill(node int) {
	say("  kill -9 broker %d", node)
	s.kafka.Kill(node)
	s.dead = append(s.dead, node)
}

// again starts all that were killed.
func (s *scene) again(ctx context.Context) error {
	for len(s.dead) > 0 {
		say("  broker %d is started again", s.dead[0])
		if err := s.kafka.StartAgain(ctx, s.dead[0]); err != nil {
			return err
		}
		s.dead = s.dead[1:]
	}
	for _, topic := range s.topics {
		if err := s.await(ctx, topic, "all in sync again", func(p kadm.PartitionDetail) bool {
			return p.Leader >= 0 && len(p.ISR) == len(p.Replicas)
		}); err != nil {
			return err
		}
	}
	return nil
}

// ledByAnother returns once another broker leads.
func (s *scene) ledByAnother(ctx context.Context, node int, topics ...string) error {
	for _, topic := range topics {
		if err := s.await(ctx, topic, "led by another broker", func(p kadm.PartitionDetail) bool {
			return p.Leader >= 0 && p.Leader != int32(node)
		}); err != nil {
			return err
		}
	}
	return nil
}

// loseDisk removes what a dead broker has of all topics, as if it came back
// with an empty disk.
func (s *scene) loseDisk(node int) error {
	say("  broker %d loses what it has on disk of all topics", node)
	for _, topic := range s.topics {
		folders, err := filepath.Glob(filepath.Join(s.dir, "kafka", fmt.Sprintf("node-%d", node), "data", topic+"-*"))
		if err != nil || len(folders) == 0 {
			return errors.Join(fmt.Errorf("broker %d has nothing of topic %q", node, topic), err)
		}
		for _, folder := range folders {
			if err := os.RemoveAll(folder); err != nil {
				return fmt.Errorf("lose a disk: %w", err)
			}
		}
	}
	return nil
}

// calm ends what the proxies do.
func (s *scene) calm() {
	for node := range brokers {
		s.clients[node].release()
		s.clients[node].disturb(nil)
		s.replication[node].release()
	}
}

// delete removes the topics, which would otherwise cost the brokers time.
func (s *scene) delete(ctx context.Context) error {
	if _, err := s.admin.DeleteTopics(ctx, s.topics...); err != nil {
		return fmt.Errorf("delete topics: %w", err)
	}
	return nil
}
