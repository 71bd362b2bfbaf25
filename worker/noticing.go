package worker

import (
	"slices"

	"github.com/IBM/sarama"
)

// lateClaims is told of each assignment, and of its generation.
type lateClaims func(assigned map[string][]int32, generation int32)

// noticing has lateClaims told by those strategies that keep claims over a
// rebalance. With the others Setup is called after each one.
func noticing(strategies []sarama.BalanceStrategy, tell lateClaims) []sarama.BalanceStrategy {
	var all []sarama.BalanceStrategy
	for _, strategy := range strategies {
		if keeping, ok := strategy.(sarama.RebalanceProtocolBalanceStrategy); ok && cooperative(strategy) {
			strategy = notice(keeping, tell)
		}
		all = append(all, strategy)
	}
	return all
}

// notice keeps what the strategy can do: sarama asks for each method by itself.
func notice(strategy sarama.RebalanceProtocolBalanceStrategy, tell lateClaims) sarama.BalanceStrategy {
	told := noticed{strategy, tell}
	if source, ok := strategy.(sarama.SubscriptionUserDataBalanceStrategy); ok {
		return noticedWithUserData{told, source}
	}
	return told
}

type noticed struct {
	sarama.RebalanceProtocolBalanceStrategy
	tell lateClaims
}

// OnAssignment implements sarama.OnAssignmentBalanceStrategy.
func (n noticed) OnAssignment(assignment *sarama.ConsumerGroupMemberAssignment, generation int32) {
	if inner, ok := n.RebalanceProtocolBalanceStrategy.(sarama.OnAssignmentBalanceStrategy); ok {
		inner.OnAssignment(assignment, generation)
	}
	n.tell(assignment.Topics, generation)
}

type noticedWithUserData struct {
	noticed
	source sarama.SubscriptionUserDataBalanceStrategy
}

// SubscriptionUserData implements sarama.SubscriptionUserDataBalanceStrategy.
func (n noticedWithUserData) SubscriptionUserData(topics []string) ([]byte, error) {
	return n.source.SubscriptionUserData(topics) //nolint:wrapcheck // sarama is the caller, and logs it
}

// cooperative asks as sarama does: a strategy that says nothing is eager.
func cooperative(strategy sarama.BalanceStrategy) bool {
	protocols, ok := strategy.(sarama.RebalanceProtocolBalanceStrategy)
	return ok && slices.Contains(protocols.SupportedProtocols(), sarama.RebalanceProtocolCooperative)
}
