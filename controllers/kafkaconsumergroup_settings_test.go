package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func TestSettingsWarnings(t *testing.T) {
	withEnv := func(container, name string) corev1.PodSpec {
		return corev1.PodSpec{Containers: []corev1.Container{{Name: container, Env: []corev1.EnvVar{{Name: name, Value: "a"}}}}}
	}
	cases := map[string]struct {
		reason   string
		consumer v1alpha1.ConsumerSpec
		pod      corev1.PodSpec
		words    []string // of the one warning; nil for none
	}{
		"Defaults": {reason: "10 s and 5 s fit into 30", consumer: v1alpha1.ConsumerSpec{MaxProcessingTime: seconds(10), SessionTimeout: seconds(10)}},
		"GraceFits": {
			reason:   "exactly",
			consumer: v1alpha1.ConsumerSpec{MaxProcessingTime: seconds(25)},
		},
		"GraceShort": {
			reason:   "no time left to commit",
			consumer: v1alpha1.ConsumerSpec{MaxProcessingTime: seconds(26)},
			words:    []string{"terminationGracePeriodSeconds is 30", "maxProcessingTime 26s", "5s to commit"},
		},
		"GraceOwn": {
			reason:   "the pod's own grace period counts",
			consumer: v1alpha1.ConsumerSpec{MaxProcessingTime: seconds(10)}, pod: corev1.PodSpec{TerminationGracePeriodSeconds: ptr.To(int64(14))},
			words: []string{"terminationGracePeriodSeconds is 14"},
		},
		"SessionShort": {
			reason:   "a broker of today refuses it",
			consumer: v1alpha1.ConsumerSpec{SessionTimeout: seconds(5)},
			words:    []string{"consumer.sessionTimeout is 5s", "group.min.session.timeout.ms (6s"},
		},
		"SessionShortest": {reason: "the brokers' default limit", consumer: v1alpha1.ConsumerSpec{SessionTimeout: seconds(6)}},
		"SessionLongest":  {reason: "the brokers' default limit", consumer: v1alpha1.ConsumerSpec{SessionTimeout: seconds(1800)}},
		"SessionLong": {
			reason:   "a broker refuses it",
			consumer: v1alpha1.ConsumerSpec{SessionTimeout: seconds(1801)},
			words:    []string{"consumer.sessionTimeout is 30m1s", "group.max.session.timeout.ms (30m"},
		},
		"StaticMember":   {reason: "pods of a Deployment don't come back", pod: withEnv("worker", "LAGRANGE_INSTANCE_ID"), words: []string{"LAGRANGE_INSTANCE_ID", "StatefulSets"}},
		"AnotherSetting": {reason: "nothing to do with it", pod: withEnv("worker", "MINE")},
		"AnotherOne":     {reason: "not the worker", pod: withEnv("proxy", "LAGRANGE_INSTANCE_ID")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var spec v1alpha1.KafkaConsumerGroupSpec
			spec.Consumer, spec.Workload.Template.Spec = tc.consumer, tc.pod
			warnings := settingsWarnings(spec)
			if len(warnings) != min(1, len(tc.words)) {
				t.Fatalf("%s: %q", tc.reason, warnings)
			}
			for _, word := range tc.words {
				if !strings.Contains(warnings[0], word) {
					t.Errorf("%s: %q lacks %q", tc.reason, warnings[0], word)
				}
			}
		})
	}
}
