package controllers

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// saidBy are reports by the pods' names; a pod that is not in it was not asked yet.
type saidBy map[string]producerReport

func (s saidBy) Of(pod *corev1.Pod, container string) (producerReport, bool) {
	said, asked := s[pod.Name]
	return said, asked && container == workerconfig.ContainerName
}

func configuredBy(configMap string) corev1.PodSpec {
	return corev1.PodSpec{Volumes: []corev1.Volume{{Name: configVolume, VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: configMap}},
	}}}}
}

func workerOf(name, configMap string, ready corev1.ConditionStatus) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: configuredBy(configMap),
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
	}
}

// running is a group that was given the files, with its Deployment and pods.
func running(inForce *v1alpha1.ProducerInForce, pods ...corev1.Pod) groupRun {
	group := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Name: "g"}}
	group.Status.ProducerPolicy = &v1alpha1.GroupProducerPolicy{Name: "orders", Files: inForce.Files}
	deployment := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(len(pods))), Template: corev1.PodTemplateSpec{Spec: configuredBy("new")}}}
	deployment.Status.ObservedGeneration = 1
	return groupRun{group: group, deployment: deployment, pods: pods}
}

// reworded is what a version left that worded each file otherwise.
func reworded(inForce *v1alpha1.ProducerInForce) *v1alpha1.ProducerInForce {
	before := inForce.DeepCopy()
	for i := range before.Files {
		before.Files[i].Hash = "0123456789abcdef"
	}
	return before
}

// TestStatesOfGroups: by what was given, which pods have it, and what they say.
func TestStatesOfGroups(t *testing.T) {
	zstd := settingsInForce("zstd", allClients...)
	hash := reportedBy(zstd.Files)
	ready := func(name string) corev1.Pod { return workerOf(name, "new", corev1.ConditionTrue) }
	inForce := producerReport{policy: "shop/orders", hash: hash}
	java := settingsInForce("zstd", v1alpha1.ClientJava)
	was := &v1alpha1.ProducerWorkload{State: v1alpha1.WorkloadApplied, Pods: 2, Applied: 2}
	change := func(run groupRun, by func(*groupRun)) groupRun { by(&run); return run }
	held := func(r *groupRun) {
		r.group.Status.ProducerPolicy.Files = nil
		meta.SetStatusCondition(&r.group.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionProducerPolicyAccepted, Status: no, Reason: v1alpha1.ReasonPolicyHeld, Message: "a reset has it"})
	}
	stalled := func(r *groupRun) {
		r.group.Status.ProducerPolicy = nil
		meta.SetStatusCondition(&r.group.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionStalled, Status: yes, Reason: "X", Message: "the name is taken"})
	}
	type w = v1alpha1.ProducerWorkload
	cases := map[string]struct {
		reason  string
		inForce *v1alpha1.ProducerInForce
		run     groupRun
		last    *v1alpha1.ProducerWorkload
		said    saidBy
		want    w
	}{
		"Applied":      {"all report the hash", zstd, running(zstd, ready("a"), ready("b")), nil, saidBy{"a": inForce, "b": inForce}, w{State: v1alpha1.WorkloadApplied, Pods: 2, Applied: 2}},
		"NoPods":       {"paused, or during a reset", zstd, running(zstd), nil, nil, w{State: v1alpha1.WorkloadApplied}},
		"Drifted":      {"one runs another", zstd, running(zstd, ready("a"), ready("b")), nil, saidBy{"a": inForce, "b": {hash: "ffffffffffffffff"}}, w{State: v1alpha1.WorkloadDrifted, Pods: 2, Applied: 1, Message: "ffffffffffffffff"}},
		"NotInForce":   {"its program set its own", zstd, running(zstd, ready("a")), nil, saidBy{"a": {hash: workerconfig.HashNotInForce}}, w{State: v1alpha1.WorkloadDrifted, Pods: 1, Message: "runs others"}},
		"Silent":       {"one gives no report", zstd, running(zstd, ready("a")), nil, saidBy{"a": {err: errors.New("answers GET /producer with status 404")}}, w{State: v1alpha1.WorkloadNotReporting, Pods: 1, Message: `pod "a" answers GET /producer with status 404`}},
		"NoFile":       {"one has read no file", zstd, running(zstd, ready("a")), nil, saidBy{"a": {}}, w{State: v1alpha1.WorkloadNotReporting, Pods: 1, Message: `pod "a"`}},
		"NoGoClient":   {"nobody can report", java, running(java, ready("a")), nil, saidBy{"a": {}}, w{State: v1alpha1.WorkloadNotReporting, Pods: 1, Message: "no client sarama"}},
		"NothingYet":   {"nothing is in force", nil, running(zstd, ready("a")), nil, nil, w{State: v1alpha1.WorkloadNotReporting, Pods: 1, Message: "no settings in force"}},
		"Old":          {"a pod has what was given before", zstd, running(zstd, ready("a"), workerOf("b", "old", corev1.ConditionTrue)), nil, saidBy{"a": inForce}, w{State: v1alpha1.WorkloadRolling, Pods: 2, Applied: 1, Message: replacing}},
		"Starting":     {"none is ready", zstd, running(zstd, workerOf("a", "new", corev1.ConditionFalse)), nil, nil, w{State: v1alpha1.WorkloadRolling, Pods: 1, Message: replacing}},
		"ScaledUp":     {"another worker is no news", zstd, running(zstd, ready("a"), workerOf("b", "new", corev1.ConditionFalse)), nil, saidBy{"a": inForce}, w{State: v1alpha1.WorkloadApplied, Pods: 2, Applied: 1}},
		"BeingAsked":   {"nor is one that is being asked", zstd, running(zstd, ready("a"), ready("b")), was, saidBy{"a": inForce}, w{State: v1alpha1.WorkloadApplied, Pods: 2, Applied: 2}},
		"AskedFirst":   {"unless nothing was known", zstd, running(zstd, ready("a")), nil, nil, w{State: v1alpha1.WorkloadNotReporting, Pods: 1, Message: "not said yet"}},
		"AskedRolling": {"a rollout comes first", zstd, running(zstd, ready("a"), workerOf("b", "old", corev1.ConditionTrue)), was, nil, w{State: v1alpha1.WorkloadRolling, Pods: 2, Message: replacing}},
		"BeingScaled":  {"nor is that somebody has scaled it", zstd, change(running(zstd, ready("a")), func(r *groupRun) { r.deployment.Generation = 2 }), nil, saidBy{"a": inForce}, w{State: v1alpha1.WorkloadApplied, Pods: 1, Applied: 1}},
		"NoneReady":    {"all have broken down", zstd, running(zstd, workerOf("a", "new", corev1.ConditionFalse)), was, nil, w{State: v1alpha1.WorkloadNotReporting, Pods: 1, Message: "none of its pods is ready"}},
		"Reworded":     {"the hashes in force are those of another version", reworded(zstd), running(zstd, ready("a")), nil, saidBy{"a": inForce}, w{State: v1alpha1.WorkloadApplied, Pods: 1, Applied: 1}},
		"NotGiven":     {"the group's controller comes to it", zstd, running(java, ready("a")), was, saidBy{"a": inForce}, w{State: v1alpha1.WorkloadRolling, Pods: 1, Message: "about to be given"}},
		"OfOther":      {"it has another policy's", zstd, change(running(zstd), func(r *groupRun) { r.group.Status.ProducerPolicy.Name = "other" }), nil, nil, w{State: v1alpha1.WorkloadRolling, Message: "about to be given"}},
		"Held":         {"a reset has the group", zstd, change(running(zstd), held), nil, nil, w{State: v1alpha1.WorkloadRolling, Message: "a reset has it"}},
		"Stalled":      {"the group waits for someone", zstd, change(running(zstd), stalled), nil, nil, w{State: v1alpha1.WorkloadRolling, Message: "the name is taken"}},
		"NoDeployment": {"it is on its way", zstd, change(running(zstd), func(r *groupRun) { r.deployment = nil }), nil, nil, w{State: v1alpha1.WorkloadRolling, Message: "being created"}},
		"EndedAndGoing": {"these run nothing", zstd, change(running(zstd, ready("a"), ready("b")), func(r *groupRun) {
			r.pods[0].Status.Phase = corev1.PodFailed
			r.pods[1].DeletionTimestamp = &metav1.Time{Time: noon}
		}), nil, nil, w{State: v1alpha1.WorkloadApplied}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := judgeGroup(tc.inForce, "orders", tc.run, tc.last, tc.said)
			said := tc.want.Message == "" && got.Message == "" || tc.want.Message != "" && strings.Contains(got.Message, tc.want.Message)
			got.Message = tc.want.Message
			if diff := cmp.Diff(tc.want, got); diff != "" || !said {
				t.Errorf("%s: said so: %t\n-want +got:\n%s", tc.reason, said, diff)
			}
		})
	}
}
