package worker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/worker/internal/assign"
)

// The names under which members agree on an assignment of ours. They are for
// good: members of two names in one group divide by what else both offer.
const (
	stableName           = "lagrange-stable"
	stableConsistentName = "lagrange-stable-consistent"
)

// strategies offers the wanted assignment first and every other one after it.
// The coordinator takes the one that all members offer and most put first: the
// wanted one as soon as all want it, and until then something that all know. So
// a rollout that changes the assignment locks nobody out; and one's own
// strategy, offered alone, would keep new members out until the last old one is
// gone, which a rollout that waits for the new ones never reaches.
//
// A cooperative member gives up only what moves, and sarama is one only if it
// offers nothing that is eager. So a cooperative strategy is offered alone; the
// eager members offer sarama's as their last, and take part in it eagerly as
// long as a cooperative member is there (KIP-429 provides for that mixture).
//
// What is returned remembers its assignments: it is for one Run.
func strategies(config Config) []sarama.BalanceStrategy {
	switch {
	case !config.cooperates():
		return eagerStrategies(config.Strategy, config.Assignment)
	case config.Strategy != nil:
		return []sarama.BalanceStrategy{config.Strategy}
	default:
		return []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	}
}

func eagerStrategies(own sarama.BalanceStrategy, preferred Assignment) []sarama.BalanceStrategy {
	memory := &memory{}
	known := map[Assignment]sarama.BalanceStrategy{
		Range:             sarama.NewBalanceStrategyRange(),
		RoundRobin:        sarama.NewBalanceStrategyRoundRobin(),
		Sticky:            sarama.NewBalanceStrategySticky(),
		Stable:            &stableStrategy{name: stableName, plan: assign.Stable, memory: memory},
		StableConsistent:  &stableStrategy{name: stableConsistentName, plan: assign.StableConsistent, memory: memory},
		CooperativeSticky: sarama.NewBalanceStrategyCooperativeSticky(),
	}
	var list []sarama.BalanceStrategy
	if own != nil {
		list = append(list, own)
	}
	for _, assignment := range []Assignment{preferred, Range, RoundRobin, Sticky, Stable, StableConsistent, CooperativeSticky} {
		if strategy := known[assignment]; strategy != nil && !offers(list, strategy.Name()) {
			list = append(list, strategy)
		}
	}
	for i, strategy := range list {
		list[i] = observed(strategy, memory)
	}
	return list
}

func offers(list []sarama.BalanceStrategy, name string) bool {
	return slices.ContainsFunc(list, func(other sarama.BalanceStrategy) bool { return other.Name() == name })
}

// strategyProblem is what the broker would refuse, or sarama only when Run starts.
func (c Config) strategyProblem() error {
	if c.Strategy != nil && c.Strategy.Name() == "" {
		return errors.New("strategy: it has no name")
	}
	version, err := parseVersion(cmp.Or(c.KafkaVersion, DefaultKafkaVersion))
	if err == nil && c.cooperates() && !version.IsAtLeast(sarama.V2_4_0_0) {
		return fmt.Errorf("kafkaVersion %q: a cooperative assignment needs 2.4.0 or newer", c.KafkaVersion)
	}
	return nil
}

func (c Config) cooperates() bool {
	if c.Strategy != nil {
		return cooperative(c.Strategy)
	}
	return c.Assignment == CooperativeSticky
}
