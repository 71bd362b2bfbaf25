package controllers

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func markedDeployment(mark string, replicas int32) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{UID: "d", Generation: 3, ResourceVersion: "7"}, Spec: appsv1.DeploymentSpec{Replicas: &replicas}}
	if mark != "" {
		d.Annotations = map[string]string{stoppedForAnnotation: mark}
	}
	return d
}

// TestToldByCache: the status of the cache says who has the group only where the
// Deployment does not say otherwise, and where it has workers or is stopped for that reset.
func TestToldByCache(t *testing.T) {
	active, left := &v1alpha1.ActiveReset{Name: "a", UID: "1"}, &v1alpha1.UnfinishedReset{Name: "b", UID: "2"}
	cases := map[string]struct {
		reason     string
		active     *v1alpha1.ActiveReset
		unfinished *v1alpha1.UnfinishedReset
		deployment *appsv1.Deployment
		present    int32
		want       bool
	}{
		"Working":        {"it has workers, and gets other ones", nil, nil, markedDeployment("", 3), 3, true},
		"AtZero":         {"the first worker is about to start", nil, nil, markedDeployment("", 0), 0, false},
		"ToldToStop":     {"another manager has set 0, and this one remembers 3", nil, nil, markedDeployment("", 0), 3, false},
		"Stopped":        {"stopped for the reset that has the group", active, nil, markedDeployment("a/1", 0), 0, true},
		"Claimed":        {"the claim is newer than the cache", nil, nil, markedDeployment("a/1", 0), 3, false},
		"ClaimedByOther": {"another claim is", active, nil, markedDeployment("c/3", 0), 0, false},
		"Granted":        {"nothing is stopped yet", active, nil, markedDeployment("", 3), 3, false},
		"Unfinished":     {"stopped for what a reset left", nil, left, markedDeployment("b/2", 0), 0, true},
		"Missing":        {"no Deployment", nil, nil, nil, 3, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status := v1alpha1.KafkaConsumerGroupStatus{ActiveReset: tc.active, UnfinishedReset: tc.unfinished}
			if got := toldByCache(status, tc.deployment, tc.present); got != tc.want {
				t.Errorf("%s: %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
}

// TestMark: the mark is that of the claim that is in the status already. One that is
// about to be written would change nothing on a Deployment that is decided on after it.
func TestMark(t *testing.T) {
	first, second := &v1alpha1.ActiveReset{Name: "a", UID: "1"}, &v1alpha1.ActiveReset{Name: "b", UID: "2"}
	left := &v1alpha1.UnfinishedReset{Name: "l", UID: "9"}
	cases := map[string]struct {
		seen     resetSeen
		decision resetDecision
		want     string
	}{
		"Held":       {resetSeen{active: first}, resetDecision{stops: "a", active: first}, "a/1"},
		"Granted":    {resetSeen{}, resetDecision{active: first, granted: true}, ""},
		"ToTheNext":  {resetSeen{active: first}, resetDecision{stops: "b", active: second, granted: true}, "a/1"},
		"Released":   {resetSeen{active: first}, resetDecision{released: first}, ""},
		"Unfinished": {resetSeen{unfinished: left}, resetDecision{stops: "l", unfinished: left}, "l/9"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{}}}
			if tc.decision.mark(d, tc.seen); markOf(d) != tc.want {
				t.Errorf("the mark is %q, want %q", markOf(d), tc.want)
			}
		})
	}
}

// TestBaseline: another status is no other Deployment; another spec, mark or object is.
func TestBaseline(t *testing.T) {
	base := baselineFor(markedDeployment("a/1", 0))
	for want, changes := range map[bool][]func(*appsv1.Deployment){
		true: {
			func(d *appsv1.Deployment) { d.ResourceVersion, d.Status.Replicas = "8", 4 },
			func(d *appsv1.Deployment) { d.Annotations["example.com/noted"] = "now" },
		},
		false: {
			func(d *appsv1.Deployment) { d.Generation++ },
			func(d *appsv1.Deployment) { d.UID = "other" },
			func(d *appsv1.Deployment) { delete(d.Annotations, stoppedForAnnotation) },
			func(d *appsv1.Deployment) { d.DeletionTimestamp = &metav1.Time{} },
		},
	} {
		for i, change := range changes {
			now := markedDeployment("a/1", 0)
			if change(now); now.DeletionTimestamp != nil {
				*now.DeletionTimestamp = metav1.Now()
			}
			if got := base.still(now); got != want {
				t.Errorf("change %d: still the same: %t, want %t", i, got, want)
			}
		}
	}
}

// TestBaselineAfterOurOwnApply: where the cache shows what our last apply replaced,
// the next is decided on what it made.
func TestBaselineAfterOurOwnApply(t *testing.T) {
	m, made := &memory{}, baseline{uid: "d", generation: 4, version: "9"}
	m.applied = applied{uid: "d", generation: 4, before: "7", made: made}
	if got := baselineOf(groupSnapshot{deployment: markedDeployment("", 0)}, m); got != made {
		t.Errorf("%+v, want %+v", got, made)
	}
	if got := baselineOf(groupSnapshot{}, m); got.version != noVersion {
		t.Errorf("without a Deployment: %+v", got)
	}
}
