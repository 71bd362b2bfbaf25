package controllers

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// isReady tells whether the pod serves.
func isReady(pod *corev1.Pod) bool {
	_, ready := podReadySince(pod)
	return ready
}

func podReadySince(pod *corev1.Pod) (time.Time, bool) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.DeletionTimestamp.IsZero() {
			return c.LastTransitionTime.Time, true
		}
	}
	return time.Time{}, false
}

// hasEnded: none of the pod's containers runs, nor will again. An evicted pod is
// there like this until somebody removes it.
func hasEnded(pod *corev1.Pod) bool {
	if pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
		return false
	}
	return !slices.ContainsFunc(slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses), func(c corev1.ContainerStatus) bool {
		return c.State.Running != nil
	})
}

// readySince is when the first of the pods that are ready now became so.
func readySince(pods []corev1.Pod) (time.Time, bool) {
	var earliest time.Time
	for i := range pods {
		since, ready := podReadySince(&pods[i])
		if ready && (earliest.IsZero() || since.Before(earliest)) {
			earliest = since
		}
	}
	return earliest, !earliest.IsZero()
}

// firstProblem is why a pod isn't ready, of the first pod that says so.
func firstProblem(pods []corev1.Pod) string {
	for i := range pods {
		if problem := podProblem(&pods[i]); problem != "" {
			return problem
		}
	}
	return ""
}

// podProblem says in one sentence why a pod doesn't become ready, "" when
// nothing is known against it. The words are the same for the same problem: a
// container that alternates between two states of one trouble has one sentence.
func podProblem(pod *corev1.Pod) string {
	if isReady(pod) || !pod.DeletionTimestamp.IsZero() {
		return ""
	}
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if problem := containerProblem(status); problem != "" {
			return problem
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "a pod can't be scheduled: " + c.Message
		}
	}
	return ""
}

func containerProblem(status corev1.ContainerStatus) string {
	waiting, last := status.State.Waiting, status.LastTerminationState.Terminated
	switch {
	case waiting != nil && (waiting.Reason == "ErrImagePull" || waiting.Reason == "ImagePullBackOff" || waiting.Reason == "ErrImageNeverPull" || waiting.Reason == "InvalidImageName"):
		return fmt.Sprintf("container %q: image %q can't be pulled", status.Name, status.Image)
	case last != nil && status.RestartCount > 0:
		return fmt.Sprintf("container %q keeps ending: %s, exit code %d", status.Name, last.Reason, last.ExitCode)
	case status.State.Running != nil && !status.Ready:
		return fmt.Sprintf("container %q runs and is not ready (see its readiness probe and log)", status.Name)
	case waiting != nil && waiting.Reason != "ContainerCreating" && waiting.Reason != "PodInitializing":
		return fmt.Sprintf("container %q: %s: %s", status.Name, waiting.Reason, waiting.Message)
	}
	return ""
}
