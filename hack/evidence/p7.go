package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// retriesReorder: several batches of a partition are refused, and are tried
// again in another order.
func retriesReorder() experiment {
	careful := lossless()
	careful.Clients = []v1alpha1.ProducerClient{v1alpha1.ClientJava}
	careful.Batch.Bytes = 1000 // about four messages, so that batches are many
	risky := careful
	risky.Idempotence, risky.MaxInFlight = new(false), 5
	one := risky
	one.MaxInFlight = 1
	return experiment{
		Pitfall: "P7", Rule: "retries-reorder",
		Faults:   "the leader is moved four times, as by a planned restart",
		Flagged:  arm{Settings: "`idempotence: false`, `maxInFlight: 5`, with Java", policy: risky, place: safe(), run: kafkasOwn},
		Lossless: arm{Settings: "with Java", policy: careful, place: safe(), run: kafkasOwn},
		Control:  &arm{Settings: "`idempotence: false`, `maxInFlight: 1`, with Java", policy: one, place: safe(), run: kafkasOwn},
		load:     load{rate: 1000, keys: 20, bytes: 200},
		harm:     reordering,
		fault: func(ctx context.Context, s *scene) error {
			for _, node := range []int32{1, 0, 1, 0} {
				if err := s.lead(ctx, node); err != nil {
					return err
				}
				s.breathe(ctx, time.Second)
			}
			return nil
		},
	}
}

// lead has the broker lead all topics.
func (s *scene) lead(ctx context.Context, node int32) error {
	say("  broker %d becomes the leader", node)
	replicas := append([]int32{node}, slices.DeleteFunc([]int32{0, 1, 2}, func(n int32) bool { return n == node })...)
	var assignment kadm.AlterPartitionAssignmentsReq
	var set kadm.TopicsSet
	for _, topic := range s.topics {
		for partition := range int32(partitions) {
			assignment.Assign(topic, partition, replicas)
			set.Add(topic, partition)
		}
	}
	if _, err := s.admin.AlterPartitionAssignments(ctx, assignment); err != nil {
		return fmt.Errorf("order the replicas anew: %w", err)
	}
	for _, topic := range s.topics {
		err := s.await(ctx, topic, "its replicas in another order", func(p kadm.PartitionDetail) bool { return p.Replicas[0] == node })
		if err != nil {
			return err
		}
	}
	if _, err := s.admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, set); err != nil {
		return fmt.Errorf("elect leaders: %w", err)
	}
	for _, topic := range s.topics {
		if err := s.await(ctx, topic, "its new leader", func(p kadm.PartitionDetail) bool { return p.Leader == node }); err != nil {
			return err
		}
	}
	return nil
}
