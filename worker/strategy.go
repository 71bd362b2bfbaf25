package worker

import (
	"fmt"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/worker/internal/assign"
)

// memory is what this member was given last, by whichever strategy: the step
// from range to stable then moves no more than one from stable. sarama calls
// strategies from one goroutine at a time.
type memory struct{ claims assign.Claims }

// stableStrategy is a planner of ours as sarama wants it. Members send their
// claims when they join; the assignment needs no data of its own.
type stableStrategy struct {
	name   string
	plan   func([]assign.Member, map[string][]int32) assign.Plan
	memory *memory
}

// Name is how members agree on it.
func (s *stableStrategy) Name() string { return s.name }

// Plan divides the partitions; the leader calls it.
func (s *stableStrategy) Plan(joined map[string]sarama.ConsumerGroupMemberMetadata, topics map[string][]int32) (sarama.BalanceStrategyPlan, error) {
	members := make([]assign.Member, 0, len(joined))
	for id, sent := range joined {
		members = append(members, assign.Member{ID: id, Topics: sent.Topics, Claims: assign.Decode(sent.UserData)})
	}
	return sarama.BalanceStrategyPlan(s.plan(members, topics)), nil
}

// AssignmentData is none.
func (s *stableStrategy) AssignmentData(string, map[string][]int32, int32) ([]byte, error) {
	return nil, nil
}

// SubscriptionUserData is what the leader learns of this member.
func (s *stableStrategy) SubscriptionUserData([]string) ([]byte, error) {
	claims, err := s.memory.claims.Encode()
	if err != nil {
		return nil, fmt.Errorf("encode the claims of this member: %w", err)
	}
	return claims, nil
}

// observed has the memory see every assignment that the strategy makes, and
// keeps the strategy's data its own. sarama sends the data of the last
// assignment with every strategy that has none to send: what one's own strategy
// left would reach the leader as data of sticky, which fails on what it can't
// read, and no member would be assigned anything.
func observed(strategy sarama.BalanceStrategy, memory *memory) sarama.BalanceStrategy {
	return &observedStrategy{BalanceStrategy: strategy, memory: memory}
}

type observedStrategy struct {
	sarama.BalanceStrategy
	memory *memory
	// data is what the strategy's last assignment carried.
	data []byte
}

// OnAssignment sees what this member was given.
func (o *observedStrategy) OnAssignment(given *sarama.ConsumerGroupMemberAssignment, generation int32) {
	o.memory.claims = o.memory.claims.Next(given.Topics, generation)
	o.data = given.UserData
	if inner, ok := o.BalanceStrategy.(sarama.OnAssignmentBalanceStrategy); ok {
		inner.OnAssignment(given, generation)
	}
}

// SubscriptionUserData is the strategy's own, or its last assignment's.
func (o *observedStrategy) SubscriptionUserData(topics []string) ([]byte, error) {
	if inner, ok := o.BalanceStrategy.(sarama.SubscriptionUserDataBalanceStrategy); ok {
		return inner.SubscriptionUserData(topics) //nolint:wrapcheck // sarama logs it and names the strategy
	}
	return o.data, nil
}
