package worker

import (
	"hash/maphash"
	"sync"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// laneNames names the lanes of a session. Keys are told apart by 64 bits of
// hash: two that share one wait for each other without need, which is rare
// (one in 10^9 for 100,000 keys at once) and harmless.
type laneNames struct {
	mutex  sync.Mutex
	topics map[string]maphash.Seed
	seed   maphash.Seed
}

func newLaneNames() *laneNames {
	return &laneNames{topics: make(map[string]maphash.Seed), seed: maphash.MakeSeed()}
}

// ofKey is the lane of a key of the topic with the seed.
func ofKey(topic maphash.Seed, key []byte) flow.Lane { return named(maphash.Bytes(topic, key)) }

// ofPartition is the lane of a partition's messages without a key.
func (l *laneNames) ofPartition(topic string, partition int32) flow.Lane {
	return named(maphash.Comparable(l.seed, struct {
		topic     string
		partition int32
	}{topic, partition}))
}

// ofTopic is the seed of the topic's keys: equal keys of two topics are not one.
func (l *laneNames) ofTopic(topic string) maphash.Seed {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	seed, known := l.topics[topic]
	if !known {
		seed = maphash.MakeSeed()
		l.topics[topic] = seed
	}
	return seed
}

func named(hash uint64) flow.Lane { return flow.Lane(max(hash, uint64(flow.NoLane)+1)) }
