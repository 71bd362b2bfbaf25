package controllers

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// TestCatchUpOf: when a backlog has a time of its own.
func TestCatchUpOf(t *testing.T) {
	reset := activeOf(resetIn("", "a", 0))
	since := noon.Add(-10 * time.Minute)
	last := &v1alpha1.CatchUpStatus{Reset: "reset-z", Since: metav1.NewTime(since), Replicas: 3}
	fresh := &v1alpha1.CatchUpStatus{Reset: reset.Name, Since: metav1.NewTime(noon), Replicas: 5}
	cases := map[string]struct {
		reason string
		limit  time.Duration
		mode   v1alpha1.ScalingMode
		d      decision
		last   *v1alpha1.CatchUpStatus
		oldest time.Duration // age of the oldest message that waits
		at     time.Time
		want   *v1alpha1.CatchUpStatus
	}{
		"NotSet":       {"the lag target counts all of it", 0, v1alpha1.ScalingAuto, decision{reset: resetDecision{released: reset}}, nil, time.Hour, noon, nil},
		"Manual":       {"the count is set by hand", time.Hour, v1alpha1.ScalingManual, decision{reset: resetDecision{released: reset}}, nil, time.Hour, noon, nil},
		"Begins":       {"when a reset gives the group back", time.Hour, v1alpha1.ScalingAuto, decision{reset: resetDecision{released: reset}}, last, time.Hour, noon, fresh},
		"StoppedAgain": {"the next reset has the group", time.Hour, v1alpha1.ScalingAuto, decision{reset: resetDecision{stops: "reset-b"}}, last, time.Hour, noon, nil},
		"GoesOn":       {"a message of before waits still", time.Hour, v1alpha1.ScalingAuto, decision{}, last, time.Hour, noon, last},
		"LagUnknown":   {"nobody knows whether it is worked off", time.Hour, v1alpha1.ScalingAuto, decision{unknown: &unknown{}}, last, time.Minute, noon, last},
		"OldSample":    {"a sample from before it began says nothing of it", time.Hour, v1alpha1.ScalingAuto, decision{}, last, 0, since, last},
		"WorkedOff":    {"what waits is younger", time.Hour, v1alpha1.ScalingAuto, decision{}, last, time.Minute, noon, nil},
		"Over":         {"its time has passed", 10 * time.Minute, v1alpha1.ScalingAuto, decision{}, last, time.Hour, noon, nil},
		"Never":        {"there was no reset", time.Hour, v1alpha1.ScalingAuto, decision{}, nil, time.Hour, noon, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			group, _, seen, _, _ := healthy()
			group.Spec.Scaling.CatchUp.Duration, group.Spec.Scaling.Mode = tc.limit, tc.mode
			seen.resets.catchUp = tc.last
			seen.lag = lag.Group{At: tc.at, Topics: []lag.Topic{{Partitions: []lag.Partition{{Messages: 10, Behind: lag.Age{Duration: tc.oldest, Known: true}}}}}}
			if tc.oldest == 0 {
				seen.lag.Topics[0].Partitions[0].Messages = 0
			}
			if got := catchUpOf(group, seen, tc.d); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%s: %+v, want %+v", tc.reason, got, tc.want)
			}
		})
	}
}

// TestBacklog: the partitions on which something waits that was there at the time, with all that is behind it.
func TestBacklog(t *testing.T) {
	age := func(d time.Duration, atLeast bool) lag.Age {
		return lag.Age{Duration: d, AtLeast: atLeast, Known: true}
	}
	l := lag.Group{At: noon, Topics: []lag.Topic{{Partitions: []lag.Partition{
		{Messages: 1, Behind: age(time.Hour, false)},    // waits since before
		{Messages: 10, Behind: age(time.Minute, false)}, // younger
		{Messages: 100, Behind: age(time.Minute, true)}, // may be older
		{Messages: 1000}, // age not known
		{Messages: 10_000, Behind: age(time.Hour, false), Err: errBoom}, // lag not known
	}}, {Partitions: []lag.Partition{{Messages: 100_000, Behind: age(10*time.Minute, false)}}}}} // just then
	if got := backlogOf(l, noon.Add(-10*time.Minute)); got != 101_101 {
		t.Errorf("%d messages, want 101,101", got)
	}
}

// TestScaleOfResets: what the scaler is told.
func TestScaleOfResets(t *testing.T) {
	readyFor := func(age time.Duration) corev1.Pod {
		return corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon.Add(-age))}}}}
	}
	evicted := corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed}}
	catchUp := &v1alpha1.CatchUpStatus{Since: metav1.NewTime(noon.Add(-10 * time.Minute)), Replicas: 3}
	known := lag.Rate{PerSecond: 300, Known: true}
	cases := map[string]struct {
		reason     string
		d          resetDecision
		pods       []corev1.Pod
		rates      [2]lag.Rate
		present    int32
		replicas   int32
		stops      string
		backlog    int64
		perReplica float64
	}{
		"Nothing":     {"no reset, no backlog", resetDecision{}, []corev1.Pod{readyFor(time.Hour)}, [2]lag.Rate{known, known}, 4, 4, "", 0, 0},
		"Stops":       {"by name", resetDecision{stops: "reset-a"}, nil, [2]lag.Rate{}, 4, 4, "reset-a", 0, 0},
		"Resumes":     {"from the count of before", resetDecision{released: &v1alpha1.ActiveReset{Replicas: 5}}, nil, [2]lag.Rate{}, 0, 5, "", 0, 0},
		"ResumesOnce": {"what was started since is the present count", resetDecision{released: &v1alpha1.ActiveReset{Replicas: 5}}, nil, [2]lag.Rate{}, 6, 6, "", 0, 0},
		"Measured":    {"all have worked long enough; one that was evicted counts for nothing", resetDecision{catchUp: catchUp}, []corev1.Pod{readyFor(time.Hour), readyFor(2 * time.Minute), evicted}, [2]lag.Rate{known, known}, 2, 2, "", 5249, 150},
		"TooNew":      {"one has just come", resetDecision{catchUp: catchUp}, []corev1.Pod{readyFor(time.Hour), readyFor(time.Minute)}, [2]lag.Rate{known, known}, 2, 2, "", 5249, 0},
		"NotReady":    {"one does not work", resetDecision{catchUp: catchUp}, []corev1.Pod{readyFor(time.Hour), notReady()}, [2]lag.Rate{known, known}, 2, 2, "", 5249, 0},
		"NoRate":      {"what is consumed is not known", resetDecision{catchUp: catchUp}, []corev1.Pod{readyFor(time.Hour)}, [2]lag.Rate{known, {}}, 1, 1, "", 5249, 0},
		"NoProduced":  {"nor could be said what comes meanwhile", resetDecision{catchUp: catchUp}, []corev1.Pod{readyFor(time.Hour)}, [2]lag.Rate{{}, known}, 1, 1, "", 5249, 0},
		"NoPods":      {"nobody works", resetDecision{catchUp: catchUp}, nil, [2]lag.Rate{known, known}, 1, 1, "", 5249, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			group, _, seen, _, _ := healthy()
			group.Spec.Scaling.CatchUp.Duration = time.Hour
			seen.pods = tc.pods
			seen.lag.Topics[0].Partitions[0].Produced, seen.lag.Topics[0].Partitions[0].Consumed = tc.rates[0], tc.rates[1]
			c, o := autoscale.Config{}, autoscale.Observation{Exists: true, Replicas: tc.present, Sampled: true, Lag: 5249}
			tc.d.scale(&c, &o, group, seen)
			if c.Reset != tc.stops || o.Replicas != tc.replicas || o.Backlog != tc.backlog || o.PerReplica != tc.perReplica {
				t.Errorf("%s:\n got %+v\n    %+v\nwant %q, %d, %d, %g", tc.reason, c, o, tc.stops, tc.replicas, tc.backlog, tc.perReplica)
			}
			if want := noon.Add(50 * time.Minute); tc.d.catchUp != nil && (!c.CatchUp.Until.Equal(want) || c.CatchUp.Replicas != 3) {
				t.Errorf("%s: %+v, want until %s from 3", tc.reason, c.CatchUp, want)
			}
		})
	}
}
