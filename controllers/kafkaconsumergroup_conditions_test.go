package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// healthy is a group of four workers, all there, on a sample of now.
func healthy() (*v1alpha1.KafkaConsumerGroup, v1alpha1.KafkaConsumerGroupStatus, groupSnapshot, decision, applyResult) {
	group := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders", Generation: 3}}
	group.Spec.GroupID = "orders-worker"
	group.Spec.Consumer.MaxProcessingTime.Duration = time.Second
	before := v1alpha1.KafkaConsumerGroupStatus{
		DesiredReplicas: 4, SettledReplicas: ptr.To(int32(4)),
		Scaling: &v1alpha1.ScalingStatus{LastScaleTime: &metav1.Time{Time: noon.Add(-time.Hour)}},
	}
	sample := kafka.GroupSample{
		GroupID: "orders-worker", ClusterID: "c1", At: noon, State: kafka.StateStable,
		Topics: []kafka.TopicSample{{Name: "orders", Partitions: []kafka.PartitionSample{{Committed: 100, End: 5349}}}},
	}
	seen := groupSnapshot{now: noon, owned: ownedByUs, deployment: deploymentWith(4, 4), sample: sample, sampled: true, lag: lag.Of(sample, kafka.InitialEarliest)}
	d := decision{scale: autoscale.Decision{Replicas: 4, Reason: autoscale.ReasonLagTarget, Message: "4: because"}}
	return group, before, seen, d, applyResult{deployment: seen.deployment, replicas: 4}
}

func deploymentWith(replicas, available int32) *appsv1.Deployment {
	return &appsv1.Deployment{Status: appsv1.DeploymentStatus{
		Replicas: replicas, UpdatedReplicas: replicas, AvailableReplicas: available,
		Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable"}},
	}}
}

func waiting(reason, message string) corev1.Pod {
	return corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
		Name: "worker", Image: "shop/worker:2", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}}}}
}

// notReady is a pod whose worker runs.
func notReady() corev1.Pod {
	return corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
		{Name: "worker", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon.Add(-time.Minute))}}},
	}}}
}

// since is a condition that has been False for a while.
func since(age time.Duration, kind, reason string) []metav1.Condition {
	return []metav1.Condition{{Type: kind, Status: metav1.ConditionFalse, Reason: reason, LastTransitionTime: metav1.NewTime(noon.Add(-age))}}
}

func TestConditions(t *testing.T) {
	type world struct {
		group  *v1alpha1.KafkaConsumerGroup
		before v1alpha1.KafkaConsumerGroupStatus
		seen   groupSnapshot
		d      decision
		done   applyResult
	}
	cases := map[string]struct {
		reason  string
		change  func(*world)
		kind    string
		status  metav1.ConditionStatus
		because string
		says    string
		exactly bool // it says nothing else
	}{
		"Healthy": {
			reason: "all workers are there", change: func(*world) {},
			kind: v1alpha1.ConditionReady, status: metav1.ConditionTrue, because: v1alpha1.ReasonWorkersAvailable,
		},
		"FirstWorkersStarting": {
			reason: "kubectl wait must wait for workers, not for an accepted object",
			change: func(w *world) { w.before.SettledReplicas, w.done.deployment = nil, deploymentWith(4, 0) },
			kind:   v1alpha1.ConditionReady, status: metav1.ConditionFalse, because: v1alpha1.ReasonWorkersStarting,
		},
		"ScaleUpUnderWay": {
			reason: "the count that was available before suffices",
			change: func(w *world) {
				w.d.scale.Replicas, w.done.replicas, w.done.deployment = 12, 12, deploymentWith(12, 4)
			},
			kind: v1alpha1.ConditionReady, status: metav1.ConditionTrue, because: v1alpha1.ReasonWorkersAvailable,
		},
		"ScaleUpIsNoRollout": {
			reason: "kstatus calls a healthy group Current under traffic",
			change: func(w *world) {
				w.d.scale.Replicas, w.done.replicas, w.done.deployment = 12, 12, deploymentWith(12, 4)
			},
			kind: v1alpha1.ConditionReconciling, status: metav1.ConditionFalse, because: v1alpha1.ReasonSettled,
		},
		"ScaleUpPastDeadline": {
			reason: "pods that wait for ten minutes wait for someone",
			change: func(w *world) {
				w.before.DesiredReplicas, w.d.scale.Replicas, w.done.replicas = 12, 12, 12
				w.before.Scaling.ShortSince = &metav1.Time{Time: noon.Add(-10 * time.Minute)}
				w.done.deployment = deploymentWith(12, 4)
				w.seen.pods = []corev1.Pod{{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
					{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available"},
				}}}}
			},
			kind: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, because: v1alpha1.ReasonProgressDeadlineExceeded,
			says: "a pod can't be scheduled: 0/3 nodes are available",
		},
		"WorkerLost": {
			reason: "fewer than before, and nothing is being started",
			change: func(w *world) { w.done.deployment = deploymentWith(4, 3) },
			kind:   v1alpha1.ConditionReady, status: metav1.ConditionFalse, because: v1alpha1.ReasonWorkersUnavailable,
		},
		"ImageNeverPulls": {
			reason: "the condition names the image",
			change: func(w *world) {
				w.before.SettledReplicas, w.done.deployment = nil, deploymentWith(4, 0)
				w.seen.pods = []corev1.Pod{waiting("ErrImagePull", "dial tcp: no such host 4711")}
			},
			kind: v1alpha1.ConditionReady, status: metav1.ConditionFalse, because: v1alpha1.ReasonWorkersStarting,
			says: `container "worker": image "shop/worker:2" can't be pulled`,
		},
		"RollingOut": {
			reason: "old pods are still there",
			change: func(w *world) {
				w.done.deployment = deploymentWith(8, 4)
				w.done.deployment.Status.UpdatedReplicas = 4
				w.done.deployment.Status.Conditions[0].Reason = "ReplicaSetUpdated"
			},
			kind: v1alpha1.ConditionReconciling, status: metav1.ConditionTrue, because: v1alpha1.ReasonRollingOut,
		},
		"LagUnknownIsReady": {
			reason: "lag never makes a group unready",
			change: func(w *world) { w.d.unknown = &unknown{v1alpha1.ReasonTopicMissing, "topic"} },
			kind:   v1alpha1.ConditionReady, status: metav1.ConditionTrue, because: v1alpha1.ReasonWorkersAvailable,
		},
		"BrokerAway": {
			reason: "KafkaReachable says so at once",
			change: func(w *world) {
				w.seen.sample = kafka.GroupSample{ConnectionErr: fmt.Errorf("connect to %q: %w", "b:9092", kafka.ErrUnreachable)}
			},
			kind: v1alpha1.ConditionKafkaReachable, status: metav1.ConditionFalse, because: v1alpha1.ReasonUnreachable, says: `"b:9092"`,
		},
		"BrokerAwayForLong": {
			reason: "five minutes without a broker end Ready",
			change: func(w *world) {
				w.seen.sample = kafka.GroupSample{ConnectionErr: fmt.Errorf("connect to %q: %w", "b:9092", kafka.ErrUnreachable)}
				w.before.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionKafkaReachable, Status: metav1.ConditionFalse,
					Reason: v1alpha1.ReasonUnreachable, LastTransitionTime: metav1.NewTime(noon.Add(-5 * time.Minute))}}
			},
			kind: v1alpha1.ConditionReady, status: metav1.ConditionFalse, because: v1alpha1.ReasonUnreachable, says: `"b:9092"`,
		},
		"NeverCommitted": {
			reason: "a misspelt group id looks like this",
			change: func(w *world) {
				w.seen.pods = []corev1.Pod{{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
					{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour))},
				}}}}
				w.seen.sample.State = kafka.StateEmpty
				w.seen.sample.Topics[0].Partitions[0].Committed = kafka.NoOffset
				w.seen.lag = lag.Of(w.seen.sample, kafka.InitialEarliest)
			},
			kind: v1alpha1.ConditionLagKnown, status: metav1.ConditionTrue, because: v1alpha1.ReasonNeverCommitted, says: `"orders-worker"`,
		},
		"Duplicate": {
			reason: "the younger of two says which the older is",
			change: func(w *world) { w.d.blocked = &blocked{v1alpha1.ReasonDuplicateGroup, "belongs to shop/older"} },
			kind:   v1alpha1.ConditionStalled, status: metav1.ConditionTrue, because: v1alpha1.ReasonDuplicateGroup, says: "shop/older",
		},
		"InvalidWorkload": {
			reason: "the API server's own words reach the user",
			change: func(w *world) {
				w.done.invalid = &blocked{v1alpha1.ReasonInvalidWorkload, "volumeMounts[0].name: Not found"}
			},
			kind: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, because: v1alpha1.ReasonInvalidWorkload, says: "volumeMounts[0]",
		},
		"StoppedByPause": {
			reason: "whoever stops a group for days should know what that costs",
			change: func(w *world) {
				w.group.Spec.Pause = &v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero, Reason: "database upgrade"}
				w.d.scale.Reason, w.done.replicas = autoscale.ReasonPaused, 0
				w.d.kept.after = &v1alpha1.KeptOffsets{}
			},
			kind: v1alpha1.ConditionPaused, status: metav1.ConditionTrue, because: "ScaleToZero", says: "status.keptOffsets",
		},
		"StoppedByPauseUncommitted": {
			reason: "nothing is kept of a group that has committed nothing",
			change: func(w *world) {
				w.group.Spec.Pause = &v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero, Reason: "database upgrade"}
				w.d.scale.Reason, w.done.replicas = autoscale.ReasonPaused, 0
			},
			kind: v1alpha1.ConditionPaused, status: metav1.ConditionTrue, because: "ScaleToZero", says: "all workers are stopped: database upgrade",
		},
		"PauseOfABlockedGroup": {
			reason: "a pause that can't be applied must not claim that it was",
			change: func(w *world) {
				w.group.Spec.Pause = &v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}
				w.d.scale.Reason, w.d.blocked = autoscale.ReasonPaused, &blocked{v1alpha1.ReasonDuplicateGroup, "belongs to shop/older"}
			},
			kind: v1alpha1.ConditionPaused, status: metav1.ConditionTrue, because: "ScaleToZero", says: "not stopped",
		},
		"NewTemplateJustApplied": {
			reason: "kubectl wait must not pass on the old template's status",
			change: func(w *world) {
				w.done.rolled, w.done.deployment = true, deploymentWith(4, 4)
				w.done.deployment.Generation = 7
			},
			kind: v1alpha1.ConditionReconciling, status: metav1.ConditionTrue, because: v1alpha1.ReasonRollingOut,
		},
		"ScaleJustApplied": {
			reason: "a scale-up that the Deployment's controller hasn't seen yet is still no rollout",
			change: func(w *world) { w.done.deployment.Generation = 7 },
			kind:   v1alpha1.ConditionReconciling, status: metav1.ConditionFalse, because: v1alpha1.ReasonSettled,
		},
		"MendedAfterDeadline": {
			reason: "the failure of the old template says nothing about the new",
			change: func(w *world) {
				w.done.rolled = true
				w.done.deployment.Generation = 7
				w.done.deployment.Status.Conditions[0].Reason = "ProgressDeadlineExceeded"
			},
			kind: v1alpha1.ConditionStalled, status: metav1.ConditionFalse, because: v1alpha1.ReasonNothingStalled,
		},
		"GroupStateUnread": {
			reason: "a group whose state can't be read is held, and that is said",
			change: func(w *world) {
				w.seen.sample.StateErr = fmt.Errorf("describe group: %w", kafka.ErrUnsupported)
			},
			kind: v1alpha1.ConditionScalingActive, status: metav1.ConditionFalse, because: v1alpha1.ReasonUnsupported, says: "describe group",
		},
		"ReadinessProbeFails": {
			reason: "a worker that runs and isn't ready has no waiting container to blame",
			change: func(w *world) {
				w.done.deployment = deploymentWith(4, 3)
				w.seen.pods = []corev1.Pod{notReady()}
				w.d.unknown = &unknown{v1alpha1.ReasonTopicMissing, `topic "x": topic does not exist`}
			},
			kind: v1alpha1.ConditionReady, status: metav1.ConditionFalse, because: v1alpha1.ReasonWorkersUnavailable,
			says: `container "worker" runs and is not ready`,
		},
		"CauseOfFirstWorkers": {
			reason: "the pods show only that they aren't ready; we know why",
			change: func(w *world) {
				w.before.SettledReplicas, w.done.deployment = nil, deploymentWith(4, 0)
				w.d.unknown = &unknown{v1alpha1.ReasonTopicMissing, `topic "nope" does not exist`}
				w.seen.pods = []corev1.Pod{notReady()}
			},
			kind: v1alpha1.ConditionReady, status: metav1.ConditionFalse, because: v1alpha1.ReasonWorkersStarting,
			says: `: topic "nope" does not exist; container "worker" runs and is not ready`,
		},
		"CauseWhileStarting": {
			reason: "the same for who waits",
			change: func(w *world) {
				w.before.SettledReplicas, w.done.deployment = nil, deploymentWith(4, 0)
				w.d.unknown = &unknown{v1alpha1.ReasonTopicMissing, `topic "nope" does not exist`}
			},
			kind: v1alpha1.ConditionReconciling, status: metav1.ConditionTrue, because: v1alpha1.ReasonWorkersStarting, says: `"nope"`,
		},
		"CausePastDeadline": {
			reason: "and for who is called",
			change: func(w *world) {
				w.done.deployment = deploymentWith(4, 0)
				w.done.deployment.Status.Conditions[0].Reason = "ProgressDeadlineExceeded"
				w.d.unknown = &unknown{v1alpha1.ReasonTopicMissing, `topic "nope" does not exist`}
			},
			kind: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, because: v1alpha1.ReasonProgressDeadlineExceeded, says: `"nope"`,
		},
		"PassingIsNoCause": {
			reason: "a coordinator that moves says nothing about workers",
			change: func(w *world) {
				w.before.SettledReplicas, w.done.deployment = nil, deploymentWith(4, 0)
				w.d.unknown = &unknown{v1alpha1.ReasonPartitionsUnread, "a coordinator moves"}
				w.seen.pods = []corev1.Pod{notReady()}
			},
			kind: v1alpha1.ConditionReady, status: metav1.ConditionFalse, because: v1alpha1.ReasonWorkersStarting, says: `yet: container "worker" runs`,
		},
		"WorkerLostForASecret": {
			reason: "a pod can't mount what is gone, and only says that it is being created",
			change: func(w *world) {
				w.done.deployment = deploymentWith(4, 3)
				w.seen.connection = heldConnection{known: true, problem: &problem{v1alpha1.ReasonCredentialsMissing, `Secret "user" does not exist`}}
			},
			kind: v1alpha1.ConditionReady, status: metav1.ConditionFalse, because: v1alpha1.ReasonWorkersUnavailable, says: `Secret "user" does not exist`,
		},
		"SecretJustGone": {
			reason: "tools replace a Secret by deleting it",
			change: func(w *world) {
				w.seen.connection = heldConnection{known: true, problem: &problem{v1alpha1.ReasonCredentialsMissing, `Secret "user" does not exist`}}
			},
			kind: v1alpha1.ConditionStalled, status: metav1.ConditionFalse, because: v1alpha1.ReasonNothingStalled,
		},
		"SecretGoneForLong": {
			reason: "the next pod will not start",
			change: func(w *world) {
				w.seen.connection = heldConnection{known: true, problem: &problem{v1alpha1.ReasonCredentialsMissing, `Secret "user" does not exist`}}
				w.before.Conditions = since(5*time.Minute, v1alpha1.ConditionConnectionResolved, v1alpha1.ReasonCredentialsMissing)
			},
			kind: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, because: v1alpha1.ReasonCredentialsMissing, says: `Secret "user"`,
		},
		"RefusedJustNow": {
			reason: "as in each rotation",
			change: func(w *world) {
				w.seen.sample = kafka.GroupSample{ConnectionErr: fmt.Errorf("connect: %w", kafka.ErrAuthentication)}
			},
			kind: v1alpha1.ConditionStalled, status: metav1.ConditionFalse, because: v1alpha1.ReasonNothingStalled,
		},
		"RefusedForLong": {
			reason: "nobody is about to bring another password",
			change: func(w *world) {
				w.seen.sample = kafka.GroupSample{ConnectionErr: fmt.Errorf("connect: %w", kafka.ErrAuthentication)}
				w.before.Conditions = since(5*time.Minute, v1alpha1.ConditionKafkaReachable, v1alpha1.ReasonAuthenticationFailed)
			},
			kind: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, because: v1alpha1.ReasonAuthenticationFailed, says: "authentication failed",
		},
		"AwayIsNotStalled": {
			reason: "a broker comes back by itself",
			change: func(w *world) {
				w.seen.sample = kafka.GroupSample{ConnectionErr: fmt.Errorf("connect: %w", kafka.ErrUnreachable)}
				w.before.Conditions = since(time.Hour, v1alpha1.ConditionKafkaReachable, v1alpha1.ReasonUnreachable)
			},
			kind: v1alpha1.ConditionStalled, status: metav1.ConditionFalse, because: v1alpha1.ReasonNothingStalled,
		},
		"ConnectionNotFollowed": {
			reason: "this generation asks for a connection that can't be had",
			change: func(w *world) {
				w.seen.connection = heldConnection{known: true, outdated: true, problem: &problem{v1alpha1.ReasonConnectionMissing, `KafkaConnection "typo" does not exist`}}
			},
			kind: v1alpha1.ConditionReady, status: metav1.ConditionFalse, because: v1alpha1.ReasonConnectionMissing, says: `"typo"`,
		},
		"HeldIsReconciling": {
			reason: "workers run, and this generation isn't applied",
			change: func(w *world) { w.d.held = &blocked{v1alpha1.ReasonClusterNotSeen, `clusterID names "C"`} },
			kind:   v1alpha1.ConditionReconciling, status: metav1.ConditionTrue, because: v1alpha1.ReasonClusterNotSeen, says: `"C"`,
		},
		"ApplyFailed": {
			reason: "the same where the API server is the reason",
			change: func(w *world) { w.done.failed, w.done.err = true, errors.New("quota") },
			kind:   v1alpha1.ConditionReconciling, status: metav1.ConditionTrue, because: v1alpha1.ReasonApplyFailed, says: "quota",
		},
		"NeverKnown": {
			reason: "there is no last lag to speak of",
			change: func(w *world) { w.d.unknown = &unknown{v1alpha1.ReasonTopicMissing, "topic"} },
			kind:   v1alpha1.ConditionLagKnown, status: metav1.ConditionFalse, because: v1alpha1.ReasonTopicMissing, says: "topic", exactly: true,
		},
		"OnceKnown": {
			reason: "the number beside it is an old one",
			change: func(w *world) {
				w.before.Lag, w.d.unknown = &v1alpha1.LagStatus{Messages: 1}, &unknown{v1alpha1.ReasonTopicMissing, "topic"}
			},
			kind: v1alpha1.ConditionLagKnown, status: metav1.ConditionFalse, because: v1alpha1.ReasonTopicMissing, says: "the last that was known",
		},
		"Recommends": {
			reason: "the number follows nothing",
			change: func(w *world) { w.group.Spec.Scaling.Mode = v1alpha1.ScalingRecommend },
			kind:   v1alpha1.ConditionScalingActive, status: metav1.ConditionFalse, because: string(autoscale.ReasonRecommend), says: "held",
		},
		"RecommendsNoLimit": {
			reason: "nothing is limited where nothing is asked for",
			change: func(w *world) {
				w.group.Spec.Scaling.Mode, w.d.scale.Limit = v1alpha1.ScalingRecommend, autoscale.LimitMaxReplicas
			},
			kind: v1alpha1.ConditionScalingLimited, status: metav1.ConditionFalse, because: string(autoscale.ReasonRecommend), says: "Recommend",
		},
		"Skew": {
			reason: "no number of workers helps",
			change: func(w *world) { inSecondsOf(w.group); w.d.scale.Hot = `partition 5 of topic "orders"` },
			kind:   v1alpha1.ConditionSkewDetected, status: metav1.ConditionTrue, because: v1alpha1.ReasonHotPartition, says: `partition 5 of topic "orders"`,
		},
		"NoSkew": {
			reason: "none is known", change: func(w *world) { inSecondsOf(w.group) },
			kind: v1alpha1.ConditionSkewDetected, status: metav1.ConditionFalse, because: v1alpha1.ReasonNoHotPartition,
		},
		"SkewUnknown": {
			reason: "nobody can tell now",
			change: func(w *world) { inSecondsOf(w.group); w.d.unknown = &unknown{v1alpha1.ReasonUnreachable, "no broker"} },
			kind:   v1alpha1.ConditionSkewDetected, status: metav1.ConditionUnknown, because: string(autoscale.ReasonLagUnknown),
		},
		"Ineffective": {
			reason: "the database is the bottleneck",
			change: func(w *world) { inSecondsOf(w.group); w.d.scale.Ineffective = true },
			kind:   v1alpha1.ConditionScaleUpIneffective, status: metav1.ConditionTrue, because: v1alpha1.ReasonNoMoreHandled, says: "elsewhere",
		},
		"Effective": {
			reason: "none was in vain", change: func(w *world) { inSecondsOf(w.group) },
			kind: v1alpha1.ConditionScaleUpIneffective, status: metav1.ConditionFalse, because: v1alpha1.ReasonNoneInVain,
		},
		"IneffectiveUnknown": {
			reason: "nobody can tell now",
			change: func(w *world) { inSecondsOf(w.group); w.d.unknown = &unknown{v1alpha1.ReasonUnreachable, "no broker"} },
			kind:   v1alpha1.ConditionScaleUpIneffective, status: metav1.ConditionUnknown, because: string(autoscale.ReasonLagUnknown),
		},
		"LimitUnknown": {
			reason: "what can't be known isn't claimed",
			change: func(w *world) { w.d.unknown = &unknown{v1alpha1.ReasonUnreachable, "no broker"} },
			kind:   v1alpha1.ConditionScalingLimited, status: metav1.ConditionUnknown, because: string(autoscale.ReasonLagUnknown),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var w world
			w.group, w.before, w.seen, w.d, w.done = healthy()
			tc.change(&w)
			r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}
			got := meta.FindStatusCondition(r.statusOf(w.group, w.before, w.seen, w.d, w.done).Conditions, tc.kind)
			if got.Status != tc.status || got.Reason != tc.because || !strings.Contains(got.Message, tc.says) || got.ObservedGeneration != 3 || (tc.exactly && got.Message != tc.says) {
				t.Errorf("%s: got %+v, want %s=%s (%s) saying %q", tc.reason, got, tc.kind, tc.status, tc.because, tc.says)
			}
		})
	}
}

// TestPodProblemIsStable: a container that alternates between two states of one
// trouble has one sentence, so that a status isn't written for each.
func TestPodProblemIsStable(t *testing.T) {
	pulling, backing := waiting("ErrImagePull", "a"), waiting("ImagePullBackOff", "b")
	if a, b := podProblem(&pulling), podProblem(&backing); a != b || a == "" {
		t.Errorf("image: %q and %q, want one sentence", a, b)
	}
	crashed := waiting("CrashLoopBackOff", "back-off 10s")
	crashed.Status.ContainerStatuses[0].RestartCount = 3
	crashed.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 2}
	running := *crashed.DeepCopy()
	running.Status.ContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	if a, b := podProblem(&crashed), podProblem(&running); a != b || a == "" {
		t.Errorf("crash: %q and %q, want one sentence", a, b)
	}
}

func TestReasonOf(t *testing.T) {
	if got := reasonOf(errors.New("boom")); got != v1alpha1.ReasonPartitionsUnread {
		t.Errorf("an error of no kind: %s, want %s", got, v1alpha1.ReasonPartitionsUnread)
	}
	several := errors.Join(kafka.ErrUnreachable, kafka.ErrTimeout, kafka.ErrRejected)
	for range 50 {
		if got := reasonOf(several); got != v1alpha1.ReasonRejected {
			t.Fatalf("brokers that fail in several ways: %s, want always %s", got, v1alpha1.ReasonRejected)
		}
	}
}

// TestForeignMembers: workers that have just gone are still members in the sample, and not foreign.
func TestForeignMembers(t *testing.T) {
	_, _, seen, _, _ := healthy()
	seen.replicaSets = []appsv1.ReplicaSet{{ObjectMeta: metav1.ObjectMeta{Name: "orders-7d9f"}}}
	seen.pods = []corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Name: "orders-7d9f-aaaaa"}, Status: corev1.PodStatus{PodIP: "10.0.0.1"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "orders-7d9f-bbbbb"}, Status: corev1.PodStatus{PodIP: "10.0.0.2"}},
	}
	seen.sample.Members = []kafka.Member{
		{ClientID: "orders-7d9f-aaaaa", Host: "/10.0.0.1"}, // there
		{ClientID: "sarama", Host: "/10.0.0.2"},            // a worker with a client id of its own
		{ClientID: "orders-7d9f-ccccc", Host: "/10.0.0.3"}, // just gone
		{ClientID: "orders-canary-1-x", Host: "/10.0.0.4"}, // somebody else with a similar name
		{ClientID: "laptop", Host: "/192.0.2.7"},
	}
	var foreign []string
	for _, m := range foreignMembers(seen) {
		foreign = append(foreign, m.ClientID)
	}
	if want := []string{"orders-canary-1-x", "laptop"}; !slices.Equal(foreign, want) {
		t.Errorf("foreign members %v, want %v", foreign, want)
	}
	seen.cluster.changed = &blocked{}
	if got := foreignMembers(seen); len(got) != 0 {
		t.Errorf("foreign members %v of another cluster's group, want none", got)
	}
}

// TestOvertaken: an apply that lost against somebody's change tells nothing, and is not
// said to be in force.
func TestOvertaken(t *testing.T) {
	group, before, seen, d, done := healthy()
	r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}
	told := func(err error) (string, int64) {
		s := r.statusOf(group, before, seen, d, refused(done, group, err))
		c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReconciling)
		return c.Reason, s.ObservedGeneration
	}
	newer := fmt.Errorf("apply Deployment: %w", conflict())
	if reason, _ := told(newer); reason != v1alpha1.ReasonApplyFailed {
		t.Errorf("%s, of a group of which nothing was told yet", reason)
	}
	before = r.statusOf(group, before, seen, d, done)
	group.Generation = 4
	if reason, generation := told(newer); reason != v1alpha1.ReasonSettled || generation != 3 {
		t.Errorf("%s of generation %d after a conflict", reason, generation)
	}
	if reason, generation := told(errors.New("quota")); reason != v1alpha1.ReasonApplyFailed || generation != 4 {
		t.Errorf("%s of generation %d after a failure", reason, generation)
	}
	if lost := refused(done, group, newer); d.inForce(lost) || lost.err == nil {
		t.Errorf("%+v is in force, or not tried again", lost)
	}
}
