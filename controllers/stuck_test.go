package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// stuckGroup has n partitions, of which those named are stalled, with lag by number.
func stuckGroup(n int, stalled ...int) lag.Group {
	topic := lag.Topic{Name: "orders"}
	for i := range n {
		topic.Partitions = append(topic.Partitions, lag.Partition{
			TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: int32(i)}, Messages: int64(i), Health: lag.HealthOK, Since: noon,
		})
	}
	for _, i := range stalled {
		topic.Partitions[i].Health = lag.HealthStalled
	}
	return lag.Group{Topics: []lag.Topic{topic}}
}

func numbersFrom(from, to int) []int {
	var numbers []int
	for i := from; i < to; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

func namesOf(partitions []v1alpha1.StuckPartition) []string {
	var names []string
	for _, p := range partitions {
		names = append(names, fmt.Sprintf("%s-%d", p.Topic, p.Partition))
	}
	return names
}

func TestSetStuck(t *testing.T) {
	rewound := stuckGroup(3)
	rewound.Topics[0].Partitions[1].Health = lag.HealthRewound
	named := []v1alpha1.StuckPartition{{Topic: "orders", Partition: 1, Health: "Stalled"}}
	cases := map[string]struct {
		reason  string
		group   lag.Group
		before  []v1alpha1.StuckPartition
		desired int32
		unknown *unknown
		want    []string
	}{
		"None":       {"all is well", stuckGroup(3), named, 1, nil, nil},
		"WorstFirst": {"most lag first", stuckGroup(3, 0, 2), nil, 1, nil, []string{"orders-2", "orders-0"}},
		"NamedFirst": {"what was named stays named beside ten worse ones", stuckGroup(20, numbersFrom(0, 20)...), named, 1, nil,
			[]string{"orders-1", "orders-19", "orders-18", "orders-17", "orders-16", "orders-15", "orders-14", "orders-13", "orders-12", "orders-11"}},
		"Rewound":   {"a replay gets on, however far it has to go", rewound, nil, 1, nil, nil},
		"NoWorkers": {"a group that is meant to have none is not stuck", stuckGroup(3, 0, 1), named, 0, nil, nil},
		"Unknown":   {"not knowing is no recovery", stuckGroup(3), named, 1, &unknown{}, []string{"orders-1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := v1alpha1.KafkaConsumerGroupStatus{DesiredReplicas: tc.desired, StuckPartitions: tc.before}
			setStuck(&s, groupSnapshot{lag: tc.group}, decision{unknown: tc.unknown})
			if diff := cmp.Diff(tc.want, namesOf(s.StuckPartitions)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestStuckEvents(t *testing.T) {
	with := func(numbers ...int) v1alpha1.KafkaConsumerGroupStatus {
		var s v1alpha1.KafkaConsumerGroupStatus
		for _, n := range numbers {
			s.StuckPartitions = append(s.StuckPartitions, v1alpha1.StuckPartition{Topic: "orders", Partition: int32(n), Health: "Stalled", Offset: ptr.To(int64(7)), Owner: "w-0"})
		}
		return s
	}
	other := with(1)
	other.StuckPartitions[0].Owner = "w-1"
	cases := map[string]struct {
		reason        string
		before, after v1alpha1.KafkaConsumerGroupStatus
		want          []string
	}{
		"Same":      {"no change is no event", with(1), with(1), nil},
		"Owner":     {"another owner is no other trouble", with(1), other, nil},
		"Start":     {"one event for all that begin", with(), with(1, 2), []string{`Warning PartitionStuck: work waits and is not done on orders-1 (Stalled at offset 7, of "w-0"), orders-2 (Stalled at offset 7, of "w-0")`}},
		"End":       {"and one for all that end", with(1, 2), with(), []string{`Normal PartitionRecovered: no longer stuck: orders-1 (Stalled at offset 7, of "w-0"), orders-2 (Stalled at offset 7, of "w-0")`}},
		"Both":      {"each in its own", with(1), with(2), []string{`Warning PartitionStuck: work waits and is not done on orders-2 (Stalled at offset 7, of "w-0")`, `Normal PartitionRecovered: no longer stuck: orders-1 (Stalled at offset 7, of "w-0")`}},
		"StillFull": {"a list that is full may hide it: nothing is claimed", with(numbersFrom(0, 10)...), with(numbersFrom(1, 11)...), []string{`Warning PartitionStuck: work waits and is not done on orders-10 (Stalled at offset 7, of "w-0")`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range stuckEvents(tc.before, tc.after) {
				got = append(got, e.kind+" "+e.reason+": "+e.note)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestKafkaWarnings: what the offsets tell is named by partition, and the words
// stay the same while the trouble does.
func TestKafkaWarnings(t *testing.T) {
	anomaly := func(kind lag.Anomaly, n int) lag.Group {
		g := stuckGroup(n)
		for i := range g.Topics[0].Partitions {
			g.Topics[0].Partitions[i].Anomaly = kind
		}
		return g
	}
	open := func(transaction *kafka.Transaction) kafka.GroupSample {
		return kafka.GroupSample{At: noon, Topics: []kafka.TopicSample{{Name: "orders", Partitions: []kafka.PartitionSample{{Partition: 3, Open: transaction}}}}}
	}
	since := func(minutes time.Duration, id string) *kafka.Transaction {
		return &kafka.Transaction{Since: noon.Add(-minutes * time.Minute), ID: id, ProducerID: 4002}
	}
	cases := map[string]struct {
		reason string
		seen   groupSnapshot
		words  []string
	}{
		"None":       {"all is well", groupSnapshot{sample: open(nil)}, nil},
		"ShortOpen":  {"a transaction of the present", groupSnapshot{sample: open(since(1, ""))}, nil},
		"LongOpen":   {"longer than a producer is given by default", groupSnapshot{sample: open(since(2, ""))}, []string{"transaction", "orders-3 by producer 4002"}},
		"NamedOpen":  {"whose it is, where the cluster says it", groupSnapshot{sample: open(since(15, "payments-7"))}, []string{`orders-3 by "payments-7" (producer 4002)`}},
		"AboveEnd":   {"named, not negative", groupSnapshot{lag: anomaly(lag.CommittedAboveEnd, 2)}, []string{"above the log end", "orders-0, orders-1:"}},
		"BelowStart": {"lost to retention", groupSnapshot{lag: anomaly(lag.CommittedBelowStart, 7)}, []string{"retention", "orders-4 and others"}},
		"Foreign":    {"another cluster's offsets say nothing", groupSnapshot{lag: anomaly(lag.CommittedAboveEnd, 1), cluster: clusterSeen{changed: &blocked{}}}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.seen.sampled = true
			got := kafkaWarnings(tc.seen)
			if (len(got) == 1) != (tc.words != nil) {
				t.Fatalf("%s: %q", tc.reason, got)
			}
			for _, w := range tc.words {
				if !strings.Contains(got[0], w) {
					t.Errorf("%s: %q, want %q in it", tc.reason, got[0], w)
				}
			}
		})
	}
}

func TestLagStatus(t *testing.T) {
	rate := func(perSecond float64) lag.Rate { return lag.Rate{PerSecond: perSecond, Known: true} }
	group := func(age lag.Age, produced, consumed lag.Rate) lag.Group {
		g := stuckGroup(1)
		p := &g.Topics[0].Partitions[0]
		p.Messages, p.Behind, p.Produced, p.Consumed = 5249, age, produced, consumed
		return g
	}
	at := metav1.NewTime(noon)
	cases := map[string]struct {
		reason string
		group  lag.Group
		want   v1alpha1.LagStatus
	}{
		"Known": {"two digits of each", group(lag.Age{Duration: 754 * time.Second, Known: true}, rate(4123.4), rate(0.4)),
			v1alpha1.LagStatus{Messages: 5200, Seconds: ptr.To(int64(750)), Behind: "12m", ProducedPerSecond: ptr.To(int64(4100)), ConsumedPerSecond: ptr.To(int64(0)), ObservedAt: at}},
		"AtLeast": {"older than what is remembered", group(lag.Age{Duration: time.Hour, AtLeast: true, Known: true}, lag.Rate{}, rate(3)),
			v1alpha1.LagStatus{Messages: 5200, Seconds: ptr.To(int64(3600)), AtLeast: true, Behind: ">=60m", ConsumedPerSecond: ptr.To(int64(3)), ObservedAt: at}},
		"AtLeastNothing": {"at least no time at all is not known", group(lag.Age{Duration: 300 * time.Millisecond, AtLeast: true, Known: true}, lag.Rate{}, lag.Rate{}),
			v1alpha1.LagStatus{Messages: 5200, ObservedAt: at}},
		"Unknown": {"no number for what is not known", group(lag.Age{}, lag.Rate{}, lag.Rate{}), v1alpha1.LagStatus{Messages: 5200, ObservedAt: at}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, *lagStatus(tc.group, noon)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestSameNumbers: what is not worth a write of its own.
func TestSameNumbers(t *testing.T) {
	status := func(seconds, produced *int64) v1alpha1.KafkaConsumerGroupStatus {
		return v1alpha1.KafkaConsumerGroupStatus{Lag: &v1alpha1.LagStatus{Messages: 100, Seconds: seconds, ProducedPerSecond: produced}}
	}
	n := func(v int64) *int64 { return &v }
	cases := map[string]struct {
		reason        string
		before, after v1alpha1.KafkaConsumerGroupStatus
		same          bool
	}{
		"Older":       {"less than a minute", status(n(30), nil), status(n(89), nil), true},
		"MuchOlder":   {"a minute", status(n(30), nil), status(n(90), nil), false},
		"OldOlder":    {"less than a tenth", status(n(3600), nil), status(n(3900), nil), true},
		"CaughtUp":    {"0 is another state", status(n(5), nil), status(n(0), nil), false},
		"AgeLearned":  {"known at last", status(nil, nil), status(n(5), nil), false},
		"AgeLost":     {"to be learned again", status(n(5), nil), status(nil, nil), true},
		"RateZero":    {"known to be 0 at last", status(nil, nil), status(nil, n(0)), true},
		"RateLearned": {"known at last", status(nil, nil), status(nil, n(7)), false},
		"RateLost":    {"to be learned again", status(nil, n(7)), status(nil, nil), true},
		"RateChanged": {"a number that changed", status(nil, n(7)), status(nil, n(8)), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := sameNumbers(tc.before, tc.after); got != tc.same {
				t.Errorf("%s: %v, want %v", tc.reason, got, tc.same)
			}
		})
	}
}
