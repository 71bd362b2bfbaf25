package worker

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
)

// sarama asks a strategy for each thing that it can do: one that is told of
// must still do all of it.
func TestNoticingKeepsWhatAStrategyCanDo(t *testing.T) {
	inner := sarama.NewBalanceStrategyCooperativeSticky()
	var told map[string][]int32
	var in int32
	all := noticing([]sarama.BalanceStrategy{inner, sarama.NewBalanceStrategyRange()}, func(assigned map[string][]int32, generation int32) {
		told, in = assigned, generation
	})
	outer := all[0]
	before := subscriptionOf(t, outer)
	given := map[string][]int32{"t": {1, 2}}
	outer.(sarama.OnAssignmentBalanceStrategy).OnAssignment(&sarama.ConsumerGroupMemberAssignment{Topics: given}, 7)
	if diff := cmp.Diff(given, told); diff != "" || in != 7 {
		t.Errorf("told of generation %d, -want +got:\n%s", in, diff)
	}
	if cmp.Equal(before, subscriptionOf(t, outer)) || !cmp.Equal(subscriptionOf(t, inner), subscriptionOf(t, outer)) {
		t.Error("the strategy itself has not learnt of its assignment, or does not tell the others")
	}
	if outer.Name() != inner.Name() || !cooperative(outer) {
		t.Errorf("%q has become %q, cooperative: %t", inner.Name(), outer.Name(), cooperative(outer))
	}
	if _, ok := all[1].(sarama.OnAssignmentBalanceStrategy); ok || cooperative(all[1]) {
		t.Error("an eager strategy has become another: Setup sees all that it assigns")
	}
}

func subscriptionOf(t *testing.T, strategy sarama.BalanceStrategy) []byte {
	t.Helper()
	data, err := strategy.(sarama.SubscriptionUserDataBalanceStrategy).SubscriptionUserData([]string{"t"})
	if err != nil {
		t.Fatal(err)
	}
	return data
}
