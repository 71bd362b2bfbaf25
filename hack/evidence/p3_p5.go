package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

// minISR: the leader is alone in sync, takes messages, and loses its disk.
func minISR() experiment {
	return experiment{
		Pitfall: "P3", Rule: "min-isr-too-low",
		Faults: "nothing of the leader's reaches its followers until they are out of sync; messages go on; " +
			"then it is killed (`kill -9`) and comes back without its disk",
		Flagged:  arm{Settings: "`min.insync.replicas=1`", policy: lossless(), place: safe().with("min.insync.replicas", "1")},
		Lossless: arm{policy: lossless(), place: safe()},
		load:     load{rate: 500, keys: 400, bytes: 200},
		harm:     losing,
		fault:    loseLoneLeader,
	}
}

func loseLoneLeader(ctx context.Context, s *scene) error {
	say("  no follower reaches broker 0")
	s.replication[0].hold("")
	if err := s.inSync(ctx, 1, s.topics...); err != nil {
		return err
	}
	if err := s.acknowledgeMore(ctx, 200, s.books[flagged]); err != nil {
		return fmt.Errorf("wait for messages that the leader alone has: %w", err)
	}
	s.kill(0)
	if err := s.ledByAnother(ctx, 0, s.topics[safest]); err != nil {
		return err
	}
	return s.loseDisk(0)
}

// oneReplica: a broker takes with it what no other has.
func oneReplica() experiment {
	place := placement{replicas: []int32{0}, settings: map[string]string{"min.insync.replicas": "1"}}
	return experiment{
		Pitfall: "P5", Rule: "replication-too-low",
		Faults:   "the leader is killed (`kill -9`) and comes back without its disk",
		Flagged:  arm{Settings: "one replica, `min.insync.replicas=1`", policy: lossless(), place: place},
		Lossless: arm{policy: lossless(), place: safe()},
		load:     load{rate: 500, keys: 400, bytes: 200},
		harm:     losing,
		fault: func(ctx context.Context, s *scene) error {
			s.kill(0)
			if err := s.ledByAnother(ctx, 0, s.topics[safest]); err != nil {
				return err
			}
			return s.loseDisk(0)
		},
	}
}

// uncleanElection: both replicas that have a message die, one after the other,
// and the third, which is behind, becomes the leader.
func uncleanElection() experiment {
	return experiment{
		Pitfall: "P5", Rule: "unclean-election",
		Faults: "one follower falls behind; the other is killed (`kill -9`) and comes back without reaching the leader; then the leader is killed",
		Flagged: arm{Settings: "`unclean.leader.election.enable=true`", policy: lossless(),
			place: safe().with("unclean.leader.election.enable", "true")},
		Lossless: arm{policy: lossless(), place: safe()},
		load:     load{rate: 500, keys: 400, bytes: 200},
		harm:     losing,
		fault:    loseBothInSync,
	}
}

func loseBothInSync(ctx context.Context, s *scene) error {
	say("  broker 1 doesn't reach broker 0")
	s.replication[0].hold("broker-1-")
	if err := s.inSync(ctx, 2, s.topics...); err != nil {
		return err
	}
	if err := s.acknowledgeMore(ctx, 200, s.books...); err != nil {
		return fmt.Errorf("wait for messages that two brokers have: %w", err)
	}
	s.kill(2)
	if err := s.inSync(ctx, 1, s.topics...); err != nil {
		return err
	}
	say("  nobody reaches broker 0; broker 2 is started again")
	s.replication[0].hold("")
	s.dead = nil
	if err := s.kafka.StartAgain(ctx, 2); err != nil {
		return err
	}
	s.kill(0)
	return s.ledByAnother(ctx, 0, s.topics[flagged])
}

// inSync returns once so many replicas are.
func (s *scene) inSync(ctx context.Context, many int, topics ...string) error {
	for _, topic := range topics {
		what := fmt.Sprintf("%d replicas in sync", many)
		if err := s.await(ctx, topic, what, func(p kadm.PartitionDetail) bool { return len(p.ISR) == many }); err != nil {
			return err
		}
	}
	return nil
}
