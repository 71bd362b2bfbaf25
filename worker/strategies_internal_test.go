package worker

import (
	"slices"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
)

func TestStrategiesOffered(t *testing.T) {
	own := sarama.NewBalanceStrategyRoundRobin()
	cases := map[string]struct {
		reason string
		config Config
		want   []string
	}{
		"Range": {
			reason: "the wanted one first, and every other one",
			config: Config{Assignment: Range},
			want:   []string{"range", "roundrobin", "sticky", stableName, stableConsistentName, "cooperative-sticky"},
		},
		"StableConsistent": {
			reason: "the same ones, whatever is wanted",
			config: Config{Assignment: StableConsistent},
			want:   []string{stableConsistentName, "range", "roundrobin", "sticky", stableName, "cooperative-sticky"},
		},
		"CooperativeSticky": {
			reason: "beside an eager one it would be eager",
			config: Config{Assignment: CooperativeSticky}, want: []string{"cooperative-sticky"},
		},
		"OnesOwn": {
			reason: "first, and one name once", config: Config{Strategy: own, Assignment: Stable},
			want: []string{"roundrobin", stableName, "range", "sticky", stableConsistentName, "cooperative-sticky"},
		},
		"OnesOwnCooperative": {
			reason: "one's own that is cooperative is alone, too",
			config: Config{Strategy: sarama.NewBalanceStrategyCooperativeSticky(), Assignment: Range},
			want:   []string{"cooperative-sticky"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			list := strategies(tc.config)
			if diff := cmp.Diff(tc.want, names(list)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if got, want := slices.ContainsFunc(list, cooperative), tc.config.cooperates(); got != want {
				t.Errorf("offered as cooperative: %t, want %t", got, want)
			}
			kafka := sarama.NewConfig()
			kafka.Version, kafka.Consumer.Group.Rebalance.GroupStrategies = sarama.V3_6_0_0, list
			if err := kafka.Validate(); err != nil {
				t.Errorf("sarama refuses the list: %v", err)
			}
		})
	}
}

func names(list []sarama.BalanceStrategy) []string {
	var names []string
	for _, strategy := range list {
		names = append(names, strategy.Name())
	}
	return names
}

// sarama gives a strategy the data of its last assignment back, which sticky is
// sticky by, but gives it to every other strategy as well.
func TestAStrategysDataIsItsOwn(t *testing.T) {
	own := struct{ sarama.BalanceStrategy }{sarama.NewBalanceStrategyRoundRobin()}
	list := strategies(Config{Strategy: own, Assignment: Sticky})
	assigned := func(strategy sarama.BalanceStrategy, data string) {
		observer, ok := strategy.(sarama.OnAssignmentBalanceStrategy)
		if !ok {
			t.Fatalf("%s is not told of its assignments", strategy.Name())
		}
		observer.OnAssignment(&sarama.ConsumerGroupMemberAssignment{UserData: []byte(data)}, 1)
	}
	assigned(list[0], "one's own")
	if sent := userData(t, list[1]); sent != "" {
		t.Errorf("sticky sends %q", sent)
	}
	assigned(list[1], "sticky's")
	if sent := userData(t, list[1]); sent != "sticky's" {
		t.Errorf("sticky sends %q", sent)
	}
	if sent := userData(t, list[0]); sent != "one's own" {
		t.Errorf("one's own strategy sends %q", sent)
	}
}

// Strategies keep state: two Runs of one process must not share it.
func TestEachRunHasItsOwnStrategies(t *testing.T) {
	first, second := strategies(Config{Assignment: Stable}), strategies(Config{Assignment: Stable})
	given := &sarama.ConsumerGroupMemberAssignment{Topics: map[string][]int32{"orders": {1}}}
	first[0].(sarama.OnAssignmentBalanceStrategy).OnAssignment(given, 3)
	if sent := userData(t, first[0]); sent != `{"generation":3,"held":{"orders":{"3":[1]}}}` {
		t.Errorf("the first sends %s", sent)
	}
	if sent := userData(t, second[0]); sent != `{"generation":0,"held":{}}` {
		t.Errorf("the second sends %s", sent)
	}
}

func userData(t *testing.T, strategy sarama.BalanceStrategy) string {
	t.Helper()
	sent, err := strategy.(sarama.SubscriptionUserDataBalanceStrategy).SubscriptionUserData([]string{"orders"})
	if err != nil {
		t.Fatal(err)
	}
	return string(sent)
}
