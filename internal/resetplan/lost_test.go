package resetplan

import (
	"slices"
	"testing"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestLost_A9: nothing is held against another log under the same name.
func TestLost_A9(t *testing.T) {
	of := func(topic string, partition int32, life byte) v1alpha1.SavedOffset {
		return v1alpha1.SavedOffset{Topic: topic, Partition: partition, TopicID: idOfLife(life), Offset: new(int64(3))}
	}
	unnamed := of("orders", 0, 1)
	unnamed.TopicID = ""
	s := kafka.Survey{Topics: []kafka.SurveyedTopic{
		{Name: "anew", ID: kafka.TopicID{2}, Partitions: make([]kafka.SurveyedPartition, 2)},
		{Name: "old", Partitions: make([]kafka.SurveyedPartition, 1)}, // the brokers tell no ids
		{Name: "orders", ID: kafka.TopicID{1}, Partitions: make([]kafka.SurveyedPartition, 2)},
	}}
	cases := map[string]struct {
		reason string
		write  v1alpha1.SavedOffset
		lost   bool
	}{
		"Same":      {"the topic that was planned", of("orders", 1, 1), false},
		"Anew":      {"another life of it", of("anew", 0, 1), true},
		"Deleted":   {"no such topic any more, or none of the group's", of("gone", 0, 1), true},
		"Fewer":     {"partitions never get fewer but in another life", of("orders", 2, 1), true},
		"NoIDs":     {"nothing says that it is another", of("old", 0, 1), false},
		"NoIDsThen": {"nothing said which it was", unnamed, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			lost, kept := Lost([]v1alpha1.SavedOffset{tc.write}, s)
			if found := slices.Contains(lost, tc.write); found != tc.lost || len(lost)+len(kept) != 1 {
				t.Errorf("%s: lost %v, kept %v", tc.reason, lost, kept)
			}
		})
	}
}
