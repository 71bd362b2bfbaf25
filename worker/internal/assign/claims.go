package assign

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Claims are what a member was given last.
type Claims struct {
	Generation int32
	// Since is the generation from which on the member has been given each
	// partition without a break.
	Since map[kafka.TopicPartition]int32
}

// Next are the claims after another assignment. A generation below the last one
// is that of a group that was deleted and began again: nothing is older than it.
func (c Claims) Next(topics map[string][]int32, generation int32) Claims {
	next := Claims{Generation: generation, Since: make(map[kafka.TopicPartition]int32)}
	for topic, partitions := range topics {
		for _, number := range partitions {
			partition := kafka.TopicPartition{Topic: topic, Partition: number}
			since, held := c.Since[partition]
			if !held {
				since = generation
			}
			next.Since[partition] = min(since, generation)
		}
	}
	return next
}

// wire is how claims travel, 3 to 6 bytes for a partition, as in
// {"generation":7,"held":{"orders":{"3":[0,1,2],"7":[5]}}}: partitions 0 to 2
// of orders are held since generation 3, partition 5 since generation 7.
type wire struct {
	Generation int32                        `json:"generation"`
	Held       map[string]map[int32][]int32 `json:"held"`
}

// Encode is what a member sends when it joins.
func (c Claims) Encode() ([]byte, error) {
	held := make(map[string]map[int32][]int32)
	for partition, since := range c.Since {
		if held[partition.Topic] == nil {
			held[partition.Topic] = make(map[int32][]int32)
		}
		held[partition.Topic][since] = append(held[partition.Topic][since], partition.Partition)
	}
	for _, bySince := range held {
		for _, partitions := range bySince {
			slices.Sort(partitions)
		}
	}
	return json.Marshal(wire{Generation: c.Generation, Held: held}) //nolint:wrapcheck // numbers and strings always encode
}

// Decode reads what a member sent. What can't be read is no claim: an error
// would keep the whole group from being assigned for the sake of one member.
func Decode(data []byte) Claims {
	var sent wire
	if json.Unmarshal(data, &sent) != nil {
		return Claims{}
	}
	claims := Claims{Generation: sent.Generation, Since: make(map[kafka.TopicPartition]int32)}
	for topic, bySince := range sent.Held {
		for since, partitions := range bySince {
			for _, number := range partitions {
				claims.hold(kafka.TopicPartition{Topic: topic, Partition: number}, since)
			}
		}
	}
	return claims
}

// hold keeps the older of two entries, so that the order doesn't matter.
func (c Claims) hold(partition kafka.TopicPartition, since int32) {
	before, twice := c.Since[partition]
	if !twice {
		before = math.MaxInt32
	}
	c.Since[partition] = min(before, since, c.Generation)
}
