package controllers

import (
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

var statusWrites = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "lagrange_status_writes_total",
	Help: "Status writes, by whether something changed or only numbers were refreshed.",
}, []string{"kind"})

func init() { metrics.Registry.MustRegister(statusWrites) }

// The metrics of a group, read at the scrape from the sample that decision and
// status were last given, or a newer one.
var (
	descLag       = groupDesc("lag_messages", "Lag in messages over the partitions that are known; absent while none is.")
	descBehind    = groupDesc("lag_seconds", "Age of the oldest message that is not consumed; absent while not known.")
	descAtLeast   = groupDesc("lag_seconds_at_least", "1 if the message is older than lag_seconds says, which is then all that is known.")
	descUnknown   = groupDesc("lag_unknown", "Number of partitions and topics whose lag is unknown; 1 while nothing is known.")
	descProduced  = groupDesc("produced_per_second", "Messages a second written to the group's topics, over the last minute or so; absent while not known.")
	descConsumed  = groupDesc("consumed_per_second", "Messages a second that the group commits, over the last minute or so; absent while not known.")
	descHealth    = groupDesc("partitions", "Partitions by verdict; verdicts that no partition has are left out.", "health")
	descStuck     = groupDesc("stuck_partitions", "Partitions that are Stalled or Stopped; 0 for a group that is meant to have no workers.")
	descSampledAt = groupDesc("sample_timestamp_seconds", "When the sample in use was taken.")
	descDesired   = groupDesc("desired_replicas", "Workers asked for.")
	descAvailable = groupDesc("available_replicas", "Workers available.")
	descUseful    = groupDesc("useful_members", "Members that the assignor gives a partition; 0 while not known.")
	descMembers   = groupDesc("members", "Members of the consumer group.")
	descKept      = groupDesc("kept_offsets", "Committed offsets that are kept while the group has no members, since Kafka removes them after a time; 0 for none.")
	descExpires   = groupDesc("kept_offsets_expire_timestamp_seconds", "From when on Kafka may remove those that are kept; absent while not known.")
	descNotBack   = groupDesc("offsets_not_restored", "1 while offsets that Kafka has removed could not be committed again, without which no worker starts.")

	descPartitionLag    = groupDesc("partition_lag_messages", "Lag of one partition in messages.", "topic", "partition")
	descPartitionBehind = groupDesc("partition_lag_seconds", "Age of the oldest message of the partition that is not consumed.", "topic", "partition")
	descLeftOut         = prometheus.NewDesc("lagrange_partition_series_left_out", "Partitions without series of their own, as the bound was reached.", nil, nil)
)

func groupDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("lagrange_group_"+name, help, append([]string{"namespace", "name"}, labels...), nil)
}

// groupNumbers are the numbers of a group that its last report made; all else
// comes from the newest view at the time of the scrape.
type groupNumbers struct {
	desired, available, useful, stuck float64
	// kept is how many offsets are kept, and expires from when on they are needed, nil while not known.
	kept    float64
	expires *metav1.Time
	// notRestored tells that they are, and could not be committed again.
	notRestored bool
	// unknown tells that the lag could decide nothing, otherCluster that it is
	// that of another cluster than the group's.
	unknown, otherCluster bool
}

func numbersOf(seen groupSnapshot, d decision, s v1alpha1.KafkaConsumerGroupStatus) groupNumbers {
	n := groupNumbers{
		desired: float64(s.DesiredReplicas), available: float64(s.AvailableReplicas), useful: float64(d.scale.Useful),
		unknown: d.unknown != nil, otherCluster: seen.cluster.changed != nil,
	}
	if s.DesiredReplicas > 0 {
		n.stuck = float64(len(seen.lag.Stuck()))
	}
	if s.KeptOffsets != nil {
		n.kept, n.expires = float64(s.KeptOffsets.Offsets.Count), s.KeptOffsets.ExpiresAt
	}
	n.notRestored = s.RestoredOffsets != nil && s.RestoredOffsets.Failed != ""
	return n
}

func (o *ownerView) setNumbers(n groupNumbers) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reported = &n
}

// Metrics are the metrics of all groups of a reconciler.
type Metrics struct {
	// Groups is whose groups they are.
	Groups *KafkaConsumerGroupReconciler
	// Partitions is how many partitions have series of their own; 0 for none.
	Partitions int
}

// Describe tells that the series are found at each scrape.
func (m Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		descLag, descBehind, descAtLeast, descUnknown, descProduced, descConsumed, descHealth, descStuck,
		descSampledAt, descDesired, descAvailable, descUseful, descMembers,
		descKept, descExpires, descNotBack, descPartitionLag, descPartitionBehind, descLeftOut,
	} {
		out <- desc
	}
}

// Collect sends the present values, groups in order, so that the partitions
// within the bound are the same from scrape to scrape.
func (m Metrics) Collect(out chan<- prometheus.Metric) {
	left, leftOut := m.Partitions, 0
	all := m.Groups.views.all()
	for _, owner := range slices.Sorted(maps.Keys(all)) {
		good, latest, numbers := all[owner].read()
		if numbers == nil {
			continue
		}
		key := keyOf(owner)
		g := groupMetrics{out: out, labels: []string{key.Namespace, key.Name}}
		g.numbers(*numbers, latest)
		if good.sample.At.IsZero() || numbers.otherCluster {
			continue
		}
		g.sample(good)
		if m.Partitions > 0 {
			left, leftOut = g.partitions(good.lag, left, leftOut)
		}
	}
	if m.Partitions > 0 {
		out <- prometheus.MustNewConstMetric(descLeftOut, prometheus.GaugeValue, float64(leftOut))
	}
}

// groupMetrics sends the metrics of one group.
type groupMetrics struct {
	out    chan<- prometheus.Metric
	labels []string
}

func (g groupMetrics) send(desc *prometheus.Desc, value float64, labels ...string) {
	g.out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append(slices.Clone(g.labels), labels...)...)
}

// numbers sends what the last report made. The number of unknowns is that of
// the newest view; a lag that could decide nothing has at least one.
func (g groupMetrics) numbers(n groupNumbers, latest view) {
	g.send(descDesired, n.desired)
	g.send(descAvailable, n.available)
	g.send(descUseful, n.useful)
	g.send(descStuck, n.stuck)
	g.send(descKept, n.kept)
	if n.expires != nil {
		g.send(descExpires, float64(n.expires.Unix()))
	}
	g.send(descNotBack, number(n.notRestored))
	_, unknown := latest.lag.Known()
	if n.unknown {
		unknown = max(unknown, 1)
	}
	g.send(descUnknown, float64(unknown))
}

// sample sends what the last sample that a broker gave tells, with its time: it
// stays while no broker answers.
func (g groupMetrics) sample(v view) {
	g.send(descSampledAt, float64(v.sample.At.UnixMilli())/1000)
	if messages, _ := v.lag.Known(); anyKnown(v.lag) {
		g.send(descLag, float64(messages))
	}
	if age := v.lag.Behind(); age.Known {
		g.send(descBehind, age.Duration.Seconds())
		g.send(descAtLeast, number(age.AtLeast))
	}
	produced, consumed := v.lag.Rates()
	if produced.Known {
		g.send(descProduced, produced.PerSecond)
	}
	if consumed.Known {
		g.send(descConsumed, consumed.PerSecond)
	}
	if v.sample.StateErr == nil {
		g.send(descMembers, float64(len(v.sample.Members)))
	}
	for health, count := range countHealth(v.lag) {
		g.send(descHealth, float64(count), health)
	}
}

// anyKnown tells whether the lag of at least one partition is known. The sum
// over none is 0, which would look like a group that has caught up.
func anyKnown(l lag.Group) bool {
	return slices.ContainsFunc(l.Topics, func(t lag.Topic) bool {
		return slices.ContainsFunc(t.Partitions, func(p lag.Partition) bool { return p.Err == nil })
	})
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func countHealth(l lag.Group) map[string]int {
	counts := map[string]int{}
	for _, t := range l.Topics {
		for i := range t.Partitions {
			health := string(t.Partitions[i].Health)
			if health == "" || t.Partitions[i].Err != nil {
				health = "Unknown"
			}
			counts[health]++
		}
	}
	return counts
}

// partitions sends series of single partitions while there is room.
func (g groupMetrics) partitions(l lag.Group, left, leftOut int) (int, int) {
	for _, t := range l.Topics {
		for _, p := range t.Partitions {
			switch {
			case p.Err != nil:
			case left == 0:
				leftOut++
			default:
				left--
				g.partition(p)
			}
		}
	}
	return left, leftOut
}

func (g groupMetrics) partition(p lag.Partition) {
	labels := []string{p.Topic, strconv.Itoa(int(p.Partition))}
	g.send(descPartitionLag, float64(p.Messages), labels...)
	if p.Behind.Known {
		g.send(descPartitionBehind, p.Behind.Duration.Seconds(), labels...)
	}
}
