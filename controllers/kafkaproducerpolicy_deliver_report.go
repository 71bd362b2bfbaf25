package controllers

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// podReports is what pods say of their producers; Reports is one.
type podReports interface {
	// Of is what the container of the pod said; false while it has not been asked.
	Of(pod *corev1.Pod, container string) (producerReport, bool)
}

// reportWorkload is of a workload that was given what it wants: how far its pods
// have it, and what they say. last is what was reported of it last.
func reportWorkload(rolls rollout, wants *delivery, pods []*corev1.Pod, reports podReports, last v1alpha1.ProducerWorkload) workloadResult {
	said := sayings(wants, pods, reports)
	one := judgeWorkload(rolls, wants, said, pods)
	if said.pending && rolls.done && slices.Contains(saidLast, last.State) {
		one = result(last.State, last.Message)
		said.applied = min(int(last.Applied), said.pods)
	}
	one.Pods, one.Applied = int32(said.pods), int32(said.applied)
	if !rolls.done {
		one.Pods = max(one.Pods, rolls.pods) // those from before have no label
	}
	return one
}

// saidLast are the states that stay while a pod is being asked: neither a restart
// of the manager nor one more pod is news.
var saidLast = []v1alpha1.ProducerWorkloadState{
	v1alpha1.WorkloadApplied, v1alpha1.WorkloadDrifted, v1alpha1.WorkloadNotReporting, v1alpha1.WorkloadRolling,
}

// podSayings is what the pods say that have what the workload was given last.
type podSayings struct {
	pods, ready, applied int
	// pending: one of them is being asked for the first time.
	pending bool
	// other is the first that runs something else, silent the first that said nothing.
	other, silent string
}

func sayings(wants *delivery, pods []*corev1.Pod, reports podReports) podSayings {
	var s podSayings
	for _, pod := range pods {
		if pod.DeletionTimestamp.IsZero() && !hasEnded(pod) && producerConfigMap(pod.Spec) == wants.configMap.Name {
			s.pods++
			s.take(pod, wants, reports)
		}
	}
	if s.pods > 0 && s.ready == 0 {
		s.silent = "none of its pods is ready"
	}
	return s
}

// take takes in what a pod says. One that is not ready is not asked, and none where
// no client of the policy would have an answer.
func (s *podSayings) take(pod *corev1.Pod, wants *delivery, reports podReports) {
	if !isReady(pod) {
		return
	}
	s.ready++
	if wants.reported == "" {
		return
	}
	said, asked := reports.Of(pod, wants.container.name)
	switch {
	case !asked:
		s.pending, s.silent = true, first(s.silent, fmt.Sprintf("pod %q has not said yet what it runs", pod.Name))
	case said.err != nil:
		s.silent = first(s.silent, fmt.Sprintf("pod %q %s", pod.Name, said.err))
	case said.hash == wants.reported:
		s.applied++
	case said.hash == "":
		s.silent = first(s.silent, fmt.Sprintf("pod %q says that it runs no settings of the policy", pod.Name))
	case said.hash == workerconfig.HashNotInForce:
		s.other = first(s.other, fmt.Sprintf("pod %q has read the settings and runs others", pod.Name))
	default:
		s.other = first(s.other, fmt.Sprintf("pod %q runs settings of hash %s, and was given %s", pod.Name, said.hash, wants.reported))
	}
}

// first of two, in the order of names: the same problem has the same words.
func first(a, b string) string {
	if a == "" || b < a {
		return b
	}
	return a
}

// judgeWorkload tells the state. One without pods runs nothing else.
func judgeWorkload(rolls rollout, wants *delivery, said podSayings, pods []*corev1.Pod) workloadResult {
	switch {
	case !rolls.done:
		return result(v1alpha1.WorkloadRolling, whyRolling(rolls, pods))
	case wants.reported == "":
		return result(v1alpha1.WorkloadNotReporting, "only producers on the Go runtime report what they run, and the policy has no client sarama")
	case said.other != "":
		return result(v1alpha1.WorkloadDrifted, said.other)
	case said.silent != "":
		return result(v1alpha1.WorkloadNotReporting, said.silent)
	}
	return result(v1alpha1.WorkloadApplied, "")
}

func whyRolling(rolls rollout, pods []*corev1.Pod) string {
	problem := ""
	for _, pod := range pods {
		if trouble := podProblem(pod); trouble != "" {
			problem = first(problem, trouble)
		}
	}
	if problem != "" {
		return rolls.why + ": " + problem
	}
	return rolls.why
}
