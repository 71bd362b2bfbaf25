package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// said is what pods say, by name.
type said map[string]producerReport

func (s said) Of(pod *corev1.Pod, container string) (producerReport, bool) {
	report, ok := s[pod.Name]
	return report, ok && container == "main"
}

// neverAsked are reports of pods that have none.
type neverAsked struct{ t *testing.T }

func (n neverAsked) Of(pod *corev1.Pod, _ string) (producerReport, bool) {
	n.t.Errorf("pod %q is asked", pod.Name)
	return producerReport{}, false
}

// givenPod is a pod that mounts the ConfigMap of settings.
func givenPod(name, configMap string, mods ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.PodStatus{
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}, Spec: corev1.PodSpec{Volumes: []corev1.Volume{{
		Name: producerVolume, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: configMap}}}}}}}
	for _, mod := range mods {
		mod(pod)
	}
	return pod
}

func TestReportWorkload(t *testing.T) {
	good, other := producerReport{hash: "new"}, producerReport{hash: "old"}
	ended := func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }
	unschedulable := func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "no node"}}
	}
	a, b := givenPod("a", "files"), givenPod("b", "files")
	done, rolling := rollout{done: true, pods: 9}, rollout{why: replacing, pods: 3}
	none, conflict := v1alpha1.ProducerWorkload{}, v1alpha1.ProducerWorkload{State: v1alpha1.WorkloadConflict}
	applied := v1alpha1.ProducerWorkload{State: v1alpha1.WorkloadApplied, Applied: 3}
	cases := map[string]struct {
		rolls         rollout
		pods          []*corev1.Pod
		says          said
		silent        bool
		state         v1alpha1.ProducerWorkloadState
		count, agreed int32
		words         string
		last          v1alpha1.ProducerWorkload
	}{
		"Applied":        {done, []*corev1.Pod{a, b}, said{"a": good, "b": good}, false, v1alpha1.WorkloadApplied, 2, 2, "", none},
		"NoPods":         {done, nil, nil, false, v1alpha1.WorkloadApplied, 0, 0, "", none},
		"NotAsked":       {done, []*corev1.Pod{a, b}, said{"a": good}, false, v1alpha1.WorkloadNotReporting, 2, 1, `"b" has not said yet`, none},
		"Drifted":        {done, []*corev1.Pod{b, a}, said{"a": other, "b": other}, false, v1alpha1.WorkloadDrifted, 2, 0, `"a" runs settings of hash old, and was given new`, none},
		"DriftIsWorse":   {done, []*corev1.Pod{a, b}, said{"b": other}, false, v1alpha1.WorkloadDrifted, 2, 0, `"b"`, none},
		"SetOtherwise":   {done, []*corev1.Pod{a}, said{"a": {hash: workerconfig.HashNotInForce}}, false, v1alpha1.WorkloadDrifted, 1, 0, "runs others", none},
		"ReadNone":       {done, []*corev1.Pod{a}, said{"a": {}}, false, v1alpha1.WorkloadNotReporting, 1, 0, "no settings of the policy", none},
		"Failed":         {done, []*corev1.Pod{a}, said{"a": {err: errRefused}}, false, v1alpha1.WorkloadNotReporting, 1, 0, `"a" refused the connection`, none},
		"OldFiles":       {done, []*corev1.Pod{a, givenPod("b", "before")}, said{"a": good, "b": other}, false, v1alpha1.WorkloadApplied, 1, 1, "", none},
		"Ended":          {done, []*corev1.Pod{a, givenPod("b", "files", ended)}, said{"a": good, "b": other}, false, v1alpha1.WorkloadApplied, 1, 1, "", none},
		"NoClient":       {done, []*corev1.Pod{a}, nil, true, v1alpha1.WorkloadNotReporting, 1, 0, "no client sarama", none},
		"Rolling":        {rolling, []*corev1.Pod{a}, said{"a": good}, false, v1alpha1.WorkloadRolling, 3, 1, replacing, none},
		"Stuck":          {rolling, []*corev1.Pod{givenPod("a", "files", unschedulable)}, nil, false, v1alpha1.WorkloadRolling, 3, 0, "no node", none},
		"NotReady":       {done, []*corev1.Pod{a, givenPod("b", "files", unschedulable)}, said{"a": good}, false, v1alpha1.WorkloadApplied, 2, 1, "", none},
		"NoneReady":      {done, []*corev1.Pod{givenPod("b", "files", unschedulable)}, nil, false, v1alpha1.WorkloadNotReporting, 1, 0, "none of its pods is ready", none},
		"BeingAsked":     {done, []*corev1.Pod{a, b}, nil, false, v1alpha1.WorkloadApplied, 2, 2, "", applied},
		"AskedRolling":   {rolling, []*corev1.Pod{a, b}, nil, false, v1alpha1.WorkloadRolling, 3, 0, replacing, applied},
		"NoMoreInTheWay": {done, []*corev1.Pod{a}, nil, false, v1alpha1.WorkloadNotReporting, 1, 0, "has not said yet", conflict},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			wants := &delivery{container: containerSeen{name: "main"}, configMap: &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "files"}}, reported: "new"}
			var reports podReports = tc.says
			if tc.silent {
				wants.reported, reports = "", neverAsked{t}
			}
			got := reportWorkload(tc.rolls, wants, tc.pods, reports, tc.last)
			if got.State != tc.state || got.Pods != tc.count || got.Applied != tc.agreed || !strings.Contains(got.Message, tc.words) || (got.Message == "") != (tc.words == "") {
				t.Errorf("%+v, want %s, %d of %d, %q", got.ProducerWorkload, tc.state, tc.agreed, tc.count, tc.words)
			}
		})
	}
}

func TestDeploymentRollout(t *testing.T) {
	failed := []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Message: "past its deadline"}}
	for name, tc := range map[string]struct {
		paused bool
		status appsv1.DeploymentStatus
		want   rollout
	}{
		"Done":      {false, appsv1.DeploymentStatus{ObservedGeneration: 5, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}, rollout{true, true, replacing, 2}},
		"Unseen":    {false, appsv1.DeploymentStatus{ObservedGeneration: 4, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}, rollout{false, false, replacing, 2}},
		"OldPods":   {false, appsv1.DeploymentStatus{ObservedGeneration: 5, Replicas: 3, UpdatedReplicas: 2, AvailableReplicas: 3}, rollout{true, false, replacing, 3}},
		"ScaledUp":  {false, appsv1.DeploymentStatus{ObservedGeneration: 5, Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1}, rollout{true, true, replacing, 1}},
		"OneIsDown": {false, appsv1.DeploymentStatus{ObservedGeneration: 5, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1}, rollout{true, true, replacing, 2}},
		"Recreated": {false, appsv1.DeploymentStatus{ObservedGeneration: 5}, rollout{true, false, replacing, 0}}, // those from before may be ending
		"NotReady":  {false, appsv1.DeploymentStatus{ObservedGeneration: 5, Replicas: 2, UpdatedReplicas: 2}, rollout{true, false, replacing, 2}},
		"Paused":    {true, appsv1.DeploymentStatus{ObservedGeneration: 5, Replicas: 2}, rollout{true, false, "the Deployment is paused: its pods are replaced once it goes on", 2}},
		"PastItAll": {false, appsv1.DeploymentStatus{ObservedGeneration: 5, Replicas: 2, Conditions: failed}, rollout{true, false, "its rollout has failed: past its deadline", 2}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 5}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](2), Paused: tc.paused}, Status: tc.status}
			if got := deploymentRollout(d); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestRolloutOfNone: nothing is to run, and nothing does.
func TestRolloutOfNone(t *testing.T) {
	d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](0)}}
	s := &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Replicas: ptr.To[int32](0)}}
	if !deploymentRollout(d).done || !statefulSetRollout(s).done {
		t.Errorf("%+v, %+v", deploymentRollout(d), statefulSetRollout(s))
	}
}

// TestRollStaysOver: pods that come after the roll mount what it gave.
func TestRollStaysOver(t *testing.T) {
	over, not := rollout{observed: true, done: true}, rollout{}
	for name, tc := range map[string]struct {
		before *liveWorkload
		want   rollout
	}{
		"Same":    {&liveWorkload{fields: "given", rollout: over}, rollout{done: true}},
		"Rolling": {&liveWorkload{fields: "given", rollout: not}, not},
		"Other":   {&liveWorkload{fields: "before", rollout: over}, not},
		"Unknown": {nil, not},
	} {
		now := &liveWorkload{fields: "given", rollout: not}
		if now.stays(tc.before); now.rollout != tc.want {
			t.Errorf("%s: %+v, want %+v", name, now.rollout, tc.want)
		}
	}
}

func TestStatefulSetRollout(t *testing.T) {
	onDelete := appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}
	partition := appsv1.StatefulSetUpdateStrategy{RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To[int32](2)}}
	for name, tc := range map[string]struct {
		strategy appsv1.StatefulSetUpdateStrategy
		current  string
		updated  int32
		done     bool
		words    string
	}{
		"Done":      {appsv1.StatefulSetUpdateStrategy{}, "new", 2, true, ""},
		"Half":      {appsv1.StatefulSetUpdateStrategy{}, "old", 1, false, replacing},
		"Partition": {partition, "old", 2, false, "partition 2"}, // scaled down to those that are updated
		"OnDelete":  {onDelete, "old", 1, false, "OnDelete"},
		"Deleted":   {onDelete, "old", 2, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Generation: 5}, Spec: appsv1.StatefulSetSpec{Replicas: ptr.To[int32](3), UpdateStrategy: tc.strategy}}
			s.Status = appsv1.StatefulSetStatus{ObservedGeneration: 5, Replicas: 2, UpdatedReplicas: tc.updated, AvailableReplicas: 1, CurrentRevision: tc.current, UpdateRevision: "new"}
			if got := statefulSetRollout(s); got.done != tc.done || !strings.Contains(got.why, tc.words) {
				t.Errorf("%+v, want done %t, %q", got, tc.done, tc.words)
			}
		})
	}
}

// TestMountedBy: pods, and templates that may come back, keep what they mount.
func TestMountedBy(t *testing.T) {
	replicaSet := appsv1.ReplicaSet{}
	replicaSet.Spec.Template.Spec = givenPod("", "of-replicaset").Spec
	revision := appsv1.ControllerRevision{}
	revision.Data.Raw = []byte(`{"spec":{"template":{"$patch":"replace","spec":{"volumes":[{"name":"lagrange-producer","configMap":{"name":"of-revision"}}]}}}}`)
	foreign := appsv1.ControllerRevision{}
	foreign.Data.Raw = []byte(`[]`)
	got := mountedBy([]corev1.Pod{*givenPod("a", "of-pod")}, []appsv1.ReplicaSet{replicaSet}, []appsv1.ControllerRevision{revision, foreign})
	delete(got, "")
	if diff := cmp.Diff(map[string]bool{"of-pod": true, "of-replicaset": true, "of-revision": true}, got); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}

// TestFilesAreNamedByContent: another content, policy or workload is another
// ConfigMap, and the same is the same; also of a workload with the longest name.
func TestFilesAreNamedByContent(t *testing.T) {
	name := func(policy string, mods ...func(*metav1.ObjectMeta)) string {
		w := shopWorkload(mods...)
		inForce := &v1alpha1.ProducerInForce{Settings: v1alpha1.EffectiveProducer{Durability: v1alpha1.Durability("Lossless")}, Files: []v1alpha1.ProducerFile{{Client: v1alpha1.ClientSarama}}}
		live := &liveWorkload{containers: []containerSeen{{name: "main"}}}
		return deliveryTo(w, live, candidate{name: policy, inForce: inForce}).configMap.Name
	}
	anew := func(o *metav1.ObjectMeta) { o.UID = "another" }
	long := name("orders", func(o *metav1.ObjectMeta) { o.Name = strings.Repeat("a", 253) })
	if a, b := name("orders"), name("orders"); a != b || !strings.HasPrefix(a, "shop-producer-") {
		t.Errorf("%q and %q", a, b)
	}
	if a := name("orders"); a == name("parcels") || a == name("orders", anew) {
		t.Errorf("%q is of two", a)
	}
	if len(long) != 253 || !strings.Contains(long, "-producer-") {
		t.Errorf("%q has %d characters", long, len(long))
	}
}

// TestIsProducerFiles: only what is as ours are is ours to delete.
func TestIsProducerFiles(t *testing.T) {
	long := strings.Repeat("a", 250)
	for name, tc := range map[string]struct {
		workload, name string
		mutable, want  bool
	}{
		"Ours":          {"shop", "shop-producer-0123456789", false, true},
		"Long":          {long, producerFilesName(long, "0123456789"), false, true},
		"LikeOurs":      {"shop-producer-a", "shop-producer-a-producer-0123456789", false, true},
		"Mutable":       {"shop", "shop-producer-0123456789", true, false},
		"OfAnother":     {"shop", "till-producer-0123456789", false, false},
		"OtherHash":     {"shop", "shop-producer-mine", false, false},
		"OtherName":     {"shop", "shop-settings", false, false},
		"LongAndForged": {long, long, false, false},
	} {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: tc.name}}
		if cm.Immutable = ptr.To(true); tc.mutable {
			cm.Immutable = nil
		}
		if got := isProducerFiles(cm, tc.workload); got != tc.want {
			t.Errorf("%s: %q of %q is ours: %t", name, tc.name, tc.workload, got)
		}
	}
}
