package controllers

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

const (
	// leaveTime is what a worker may need to commit and to leave the group, after
	// the messages in hand.
	leaveTime = 5 * time.Second
	// shortestSession and longestSession are what a broker accepts by default.
	shortestSession = 6 * time.Second
	longestSession  = 30 * time.Minute
)

// settingsWarnings are settings that the API server takes and that will hurt.
func settingsWarnings(spec v1alpha1.KafkaConsumerGroupSpec) []string {
	var warnings []string
	for _, warning := range []string{graceWarning(spec), sessionWarning(spec.Consumer), instanceWarning(spec.Workload)} {
		if warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return warnings
}

func graceWarning(spec v1alpha1.KafkaConsumerGroupSpec) string {
	grace := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if seconds := spec.Workload.Template.Spec.TerminationGracePeriodSeconds; seconds != nil {
		grace = *seconds
	}
	longest := spec.Consumer.MaxProcessingTime.Duration
	if (longest + leaveTime).Seconds() <= float64(grace) {
		return ""
	}
	return fmt.Sprintf("workload.template.spec.terminationGracePeriodSeconds is %d, and a worker being stopped may need consumer.maxProcessingTime %s "+
		"and %s to commit and leave: it may be killed in the middle of a message, which is then handled again", grace, longest, leaveTime)
}

// sessionWarning is no rule of admission: the brokers' limits are settings of theirs.
func sessionWarning(consumer v1alpha1.ConsumerSpec) string {
	timeout := consumer.SessionTimeout.Duration
	if timeout == 0 || (timeout >= shortestSession && timeout <= longestSession) {
		return ""
	}
	return fmt.Sprintf("consumer.sessionTimeout is %s: brokers let no worker join with less than group.min.session.timeout.ms (6s by default) "+
		"or more than group.max.session.timeout.ms (30m by default)", timeout)
}

// instanceWarning: a static member does not leave when it stops, and a
// Deployment's pods don't come back under their names.
func instanceWarning(workload v1alpha1.Workload) string {
	static := func(e corev1.EnvVar) bool { return e.Name == workerconfig.EnvInstanceID }
	for _, c := range workload.Template.Spec.Containers {
		if c.Name == workerconfig.ContainerName && slices.ContainsFunc(c.Env, static) {
			return "workload.template sets " + workerconfig.EnvInstanceID + ", which is for StatefulSets: the partitions of a pod that is gone wait " +
				"for consumer.sessionTimeout, and two pods with one id throw each other out of the group. Remove it"
		}
	}
	return ""
}
