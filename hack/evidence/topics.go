package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// partitions is how many a topic has, led by the same broker.
	partitions = 3
	// patience is how long the cluster may take to do what it was asked.
	patience  = time.Minute
	lookEvery = 100 * time.Millisecond
)

// placement is a topic's replicas, the leader first, and its settings.
type placement struct {
	replicas []int32
	settings map[string]string
}

// safe is a topic as Lossless needs it.
func safe() placement {
	return placement{replicas: []int32{0, 1, 2}, settings: map[string]string{"min.insync.replicas": "2"}}
}

// with is the placement with another setting.
func (p placement) with(name, value string) placement {
	settings := map[string]string{name: value}
	for n, v := range p.settings {
		if n != name {
			settings[n] = v
		}
	}
	return placement{slices.Clone(p.replicas), settings}
}

// create makes a topic, and returns when its leaders are known.
func (s *stand) create(ctx context.Context, topic string, place placement) error {
	made := kmsg.NewCreateTopicsRequestTopic()
	made.Topic, made.NumPartitions, made.ReplicationFactor = topic, -1, -1
	for partition := range int32(partitions) {
		made.ReplicaAssignment = append(made.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{
			Partition: partition, Replicas: place.replicas,
		})
	}
	for name, value := range place.settings {
		made.Configs = append(made.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: name, Value: &value})
	}
	request := kmsg.NewCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{made}, int32(patience.Milliseconds())
	response, err := request.RequestWith(ctx, s.client)
	if err == nil {
		err = kerr.ErrorForCode(response.Topics[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("create topic %q: %w", topic, err)
	}
	return s.await(ctx, topic, "all in sync", func(p kadm.PartitionDetail) bool {
		return p.Leader == place.replicas[0] && len(p.ISR) == len(place.replicas)
	})
}

// await returns when something is true of each partition of the topic.
func (s *stand) await(ctx context.Context, topic, what string, is func(kadm.PartitionDetail) bool) error {
	err := until(ctx, func(ctx context.Context) error {
		topics, err := s.admin.ListTopics(ctx, topic)
		if err != nil {
			return fmt.Errorf("list the topic: %w", err)
		}
		details := topics[topic].Partitions
		if len(details) != partitions {
			return errors.New("its partitions are not known")
		}
		for _, p := range details {
			if !is(p) {
				return fmt.Errorf("partition %d has leader %d, in sync %v", p.Partition, p.Leader, p.ISR)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("wait for topic %q, %s: %w", topic, what, err)
	}
	return nil
}

// until tries until it succeeds.
func until(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}
