package kafkaadmin

import "maps"

// wanted names, for each group, the partitions whose committed offsets its
// owners ask for together. What it holds of a group is never changed: it is
// used again in the next cycle, if the same is wanted then.
type wanted map[string]map[string][]int32

func (c *client) wantedBy(subscriptions []interest, cluster *cluster) wanted {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(wanted, len(subscriptions))
	for _, s := range subscriptions {
		others, m := all[s.GroupID], c.remembered(s.GroupID)
		if others != nil || !wantsTheSame(m.wanted, s.Topics, cluster) {
			m.wanted = withTopics(others, s.Topics, cluster)
		}
		all[s.GroupID] = m.wanted
	}
	return all
}

// wantsTheSame compares numbers of partitions only: they have no gaps.
func wantsTheSame(before map[string][]int32, topics []string, cluster *cluster) bool {
	for _, topic := range topics {
		if n := len(before[topic]); n == 0 || n != len(cluster.partitionIDs(topic)) {
			return false
		}
	}
	return before != nil && len(before) == len(topics)
}

// withTopics adds the topics that have partitions to what others want of the group.
func withTopics(others map[string][]int32, topics []string, cluster *cluster) map[string][]int32 {
	all := make(map[string][]int32, len(others)+len(topics))
	maps.Copy(all, others)
	for _, topic := range topics {
		if ids := cluster.partitionIDs(topic); len(ids) > 0 {
			all[topic] = ids
		}
	}
	return all
}
