package worker_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// TestDealIsSaramas: range and round-robin deal as sarama's strategies of those names.
func TestDealIsSaramas(t *testing.T) {
	strategies := map[layout.Assignor]sarama.BalanceStrategy{layout.Range: sarama.NewBalanceStrategyRange(), layout.RoundRobin: sarama.NewBalanceStrategyRoundRobin()}
	for assignor, strategy := range strategies {
		for _, counts := range [][]int{{12}, {7, 3}, {1, 1, 1}, {5, 5}} {
			for members := 1; members <= 14; members++ {
				want := dealtBySarama(t, strategy, counts, members)
				if got := assignor.Deal(topics(counts), make([]int, len(want)), members); !slices.Equal(got, want) {
					t.Errorf("%s of %v to %d: %v, sarama has %v", assignor, counts, members, got, want)
				}
			}
		}
	}
}

// dealtBySarama is sarama's plan, in the order of topic and partition.
func dealtBySarama(t *testing.T, strategy sarama.BalanceStrategy, counts []int, members int) []int {
	t.Helper()
	topics, metadata := map[string][]int32{}, map[string]sarama.ConsumerGroupMemberMetadata{}
	var names []string
	for i, n := range counts {
		names = append(names, fmt.Sprintf("t%d", i))
		for p := range n {
			topics[names[i]] = append(topics[names[i]], int32(p))
		}
	}
	for m := range members {
		metadata[fmt.Sprintf("m%02d", m)] = sarama.ConsumerGroupMemberMetadata{Topics: names}
	}
	plan, err := strategy.Plan(metadata, topics)
	if err != nil {
		t.Fatal(err)
	}
	var owners []int
	for i, n := range counts {
		for p := range n {
			for m := range members {
				if slices.Contains(plan[fmt.Sprintf("m%02d", m)][names[i]], int32(p)) {
					owners = append(owners, m)
				}
			}
		}
	}
	return owners
}

// topics is the topic of each partition.
func topics(counts []int) []int {
	var topics []int
	for topic, n := range counts {
		topics = append(topics, slices.Repeat([]int{topic}, n)...)
	}
	return topics
}
