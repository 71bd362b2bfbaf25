package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// TestTargetConfig: what the user wrote, in the engine's words.
func TestTargetConfig(t *testing.T) {
	cases := map[string]struct {
		reason  string
		scaling v1alpha1.ScalingSpec
		commit  time.Duration
		want    target.Config
	}{
		"None":     {"Manual needs no target", v1alpha1.ScalingSpec{}, 0, target.Config{}},
		"Messages": {"a target of another kind", v1alpha1.ScalingSpec{LagTarget: &v1alpha1.LagTarget{MessagesPerReplica: 5}}, 0, target.Config{}},
		"Least": {"what is left out has the engine's defaults", v1alpha1.ScalingSpec{LagTarget: &v1alpha1.LagTarget{Seconds: 60}}, 0,
			target.Config{Target: time.Minute, CommitInterval: time.Second}},
		"All": {"all that there is", v1alpha1.ScalingSpec{
			LagTarget: &v1alpha1.LagTarget{Seconds: 5}, Risk: 5, Prefer: v1alpha1.PreferFreshness, CapacityHint: 420,
		}, 3 * time.Second,
			target.Config{Target: 5 * time.Second, Risk: 0.05, Prefer: target.Freshness, Hint: 420, CommitInterval: 3 * time.Second}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			group, _, _, _, _ := healthy()
			group.Spec.Scaling = tc.scaling
			if tc.commit > 0 {
				group.Spec.Consumer.Commit = &v1alpha1.CommitSpec{Interval: v1alpha1.Duration{Duration: tc.commit}}
			}
			if diff := cmp.Diff(tc.want, (&KafkaConsumerGroupReconciler{}).scaleConfig(group).Target); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func podReady(name, ip string, at time.Time) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: ip,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at)}},
	}}
}

func assigned(topic string, partitions ...int32) (all []kafka.TopicPartition) {
	for _, p := range partitions {
		all = append(all, kafka.TopicPartition{Topic: topic, Partition: p})
	}
	return all
}

// TestTargetObservation: what the engine is told of two topics and three members.
func TestTargetObservation(t *testing.T) {
	group, _, seen, _, _ := healthy()
	group.Spec.Scaling = v1alpha1.ScalingSpec{LagTarget: &v1alpha1.LagTarget{Seconds: 60}}
	appended := kafka.AppendTime{At: noon.Add(-40 * time.Second)}
	seen.sample.Topics = []kafka.TopicSample{
		{Name: "orders", Partitions: []kafka.PartitionSample{
			{Committed: 70, End: 100, Appended: appended}, {Partition: 1, Committed: 50, End: 50},
		}},
		{Name: "returns", Partitions: []kafka.PartitionSample{{Committed: kafka.NoOffset, Start: 10, End: 30}}},
	}
	seen.sample.Members = []kafka.Member{
		{ClientID: "orders-a", Assigned: assigned("orders", 0)},
		{ClientID: "orders-b"},
		{ClientID: "orders-c", Assigned: append(assigned("orders", 1, 7), assigned("elsewhere", 0)...)},
	}
	seen.pods = []corev1.Pod{podReady("orders-a", "", noon.Add(-time.Minute)), podReady("orders-b", "", noon.Add(-time.Hour)), podReady("orders-c", "", noon.Add(-time.Hour)), notReady()}
	seen.lag = lag.Of(seen.sample, kafka.InitialEarliest)
	known := func(perSecond float64) lag.Rate { return lag.Rate{PerSecond: perSecond, Known: true} }
	first := &seen.lag.Topics[0].Partitions[0]
	first.Produced, first.Consumed = known(12), known(7)
	seen.lag.Topics[0].Partitions[1].Produced = known(3)

	r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}
	got := r.scaleObservation(group, seen, nil, &memory{})
	want := target.Observation{Ready: 3, Steady: true, Topics: topicsKey(seen.lag), Partitions: []target.Partition{
		{Lag: 30, Age: 40 * time.Second, End: 100, Committed: 70, Produced: 12, Consumed: 7, Rates: true, Owner: 1},
		{End: 50, Committed: 50, Produced: 3, Owner: 0},
		{Topic: 1, Lag: 20, End: 30, Committed: 10, Owner: layout.Nobody},
	}}
	if diff := cmp.Diff(want, got.Target); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"orders", "returns"}, got.Topics); diff != "" || !got.At.Equal(noon) {
		t.Errorf("at %s, topics -want +got:\n%s", got.At, diff)
	}
	for name, change := range map[string]func(*groupSnapshot){
		"Moving":     func(s *groupSnapshot) { s.sample.State = kafka.StatePreparingRebalance },
		"Empty":      func(s *groupSnapshot) { s.sample.State = kafka.StateEmpty },
		"NotAllowed": func(s *groupSnapshot) { s.sample.StateErr = errBoom },
	} {
		other := seen
		change(&other)
		if r.scaleObservation(group, other, nil, &memory{}).Target.Steady {
			t.Errorf("%s: steady, want that it isn't", name)
		}
	}
}

// TestTargetNotObserved: it costs nothing where it isn't used, and is not guessed where lag is unknown.
func TestTargetNotObserved(t *testing.T) {
	cases := map[string]func(*v1alpha1.KafkaConsumerGroup, *groupSnapshot){
		"Messages": func(g *v1alpha1.KafkaConsumerGroup, _ *groupSnapshot) {
			g.Spec.Scaling.LagTarget = &v1alpha1.LagTarget{MessagesPerReplica: 100}
		},
		"LagUnknown": func(_ *v1alpha1.KafkaConsumerGroup, s *groupSnapshot) {
			s.lag.Topics = append(s.lag.Topics, lag.Topic{Name: "gone", Err: errBoom})
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			group, _, seen, _, _ := healthy()
			group.Spec.Scaling.LagTarget = &v1alpha1.LagTarget{Seconds: 60}
			change(group, &seen)
			r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}
			if diff := cmp.Diff(target.Observation{}, r.scaleObservation(group, seen, nil, &memory{}).Target); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestByLeaving: those that a smaller Deployment ends first come last.
func TestByLeaving(t *testing.T) {
	some := assigned("orders", 1)
	_, _, seen, _, _ := healthy()
	seen.pods = []corev1.Pod{
		podReady("w-new", "", noon.Add(-time.Minute)), podReady("w-old", "", noon.Add(-time.Hour)),
		podReady("w-twin", "", noon.Add(-time.Hour)), podReady("w-address", "10.0.0.7", noon.Add(-2*time.Hour)), podReady("w-bare", "10.0.0.8", noon.Add(-3*time.Hour)), notReady(),
	}
	seen.sample.Members = []kafka.Member{
		{ID: "sarama", Host: "/10.0.0.7", Assigned: some}, {ID: "bare", Host: "10.0.0.8", Assigned: some}, {ClientID: "w-gone", Assigned: some},
		{ClientID: "w-idle"}, {ClientID: "w-new", Assigned: some}, {ClientID: "w-old", Assigned: some}, {ClientID: "w-twin", Assigned: some},
	}
	var got []string
	for _, m := range byLeaving(seen) {
		got = append(got, m.ID+m.ClientID)
	}
	if diff := cmp.Diff([]string{"bare", "sarama", "w-old", "w-twin", "w-new", "w-gone"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDecideRemembersTarget: the memory of a group keeps what the target has learned, a new one begins anew.
func TestDecideRemembersTarget(t *testing.T) {
	group, _, seen, _, _ := healthy()
	group.Spec.Scaling = v1alpha1.ScalingSpec{Mode: v1alpha1.ScalingAuto, MinReplicas: 1, LagTarget: &v1alpha1.LagTarget{Seconds: 60}, CapacityHint: 10}
	seen.sample.Members = []kafka.Member{{ClientID: "orders-a", Assigned: assigned("orders", 0)}}
	seen.deployment.UID = "live" // and not what was applied: one worker, by the default of a Deployment
	r, m := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}, &memory{}
	look := func(at time.Duration, end int64, m *memory) autoscale.Decision {
		seen.now, seen.sample.At = noon.Add(at), noon.Add(at)
		seen.sample.Topics[0].Partitions[0] = kafka.PartitionSample{Committed: 100, End: end}
		seen.lag = lag.Of(seen.sample, kafka.InitialEarliest)
		return r.decide(group, seen, m).scale
	}
	const held = "1: 1 partition, held until rates are known, the target is 60 s"
	if d := look(0, 5349, m); d.Message != held {
		t.Errorf("at first %q, want %q", d.Message, held)
	}
	if d := look(5*time.Second, 5399, m); d.Message == held {
		t.Errorf("after a second look: %q, want rates", d.Message)
	}
	if d := look(10*time.Second, 5449, &memory{}); d.Message != held {
		t.Errorf("after a restart %q, want %q", d.Message, held)
	}
}

func inSecondsOf(group *v1alpha1.KafkaConsumerGroup) {
	group.Spec.Scaling.LagTarget = &v1alpha1.LagTarget{Seconds: 60}
}

// TestTargetConditionsGo: with another kind of lag target nothing finds them any more.
func TestTargetConditionsGo(t *testing.T) {
	group, before, seen, d, done := healthy()
	inSecondsOf(group)
	r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}
	before = r.statusOf(group, before, seen, d, done)
	group.Spec.Scaling.LagTarget = &v1alpha1.LagTarget{MessagesPerReplica: 1000}
	after := r.statusOf(group, before, seen, d, done)
	for _, kind := range []string{v1alpha1.ConditionSkewDetected, v1alpha1.ConditionScaleUpIneffective} {
		if was, is := meta.FindStatusCondition(before.Conditions, kind), meta.FindStatusCondition(after.Conditions, kind); was == nil || is != nil {
			t.Errorf("%s was %+v and is %+v", kind, was, is)
		}
	}
}
