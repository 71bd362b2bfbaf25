package controllers

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// endingOf is a group that is being deleted, whose workers have gone.
func endingOf(mods ...func(*endingSeen)) endingSeen {
	group := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Name: "orders", UID: "1", DeletionTimestamp: &metav1.Time{Time: noon}}}
	group.Spec.OffsetsOnDelete, group.Status.ClusterID = v1alpha1.OffsetsDelete, "prod"
	s := endingSeen{group: group, workers: groupSnapshot{
		now: noon, owned: ownedByUs, connection: heldConnection{known: true},
		deployment: &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "orders"}, Spec: appsv1.DeploymentSpec{Replicas: new(int32)}},
	}}
	for _, mod := range mods {
		mod(&s)
	}
	return s
}

func writingReset(reason string) *v1alpha1.KafkaOffsetReset {
	reset := resetIn(v1alpha1.PhaseCommitting, "r", 0)
	if reason != "" {
		reset.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: yes, Reason: reason}}
	}
	return reset
}

// TestDecideEnding: the consumer group is deleted only when every rule is content.
func TestDecideEnding(t *testing.T) {
	cases := map[string]struct {
		reason string
		seen   endingSeen
		want   endingStep
		words  string
	}{
		"Delete":       {"nothing is in the way", endingOf(), endDelete, ""},
		"NoDeployment": {"a tool has deleted it too", endingOf(func(s *endingSeen) { s.workers.deployment, s.workers.owned = nil, ownedByNobody }), endDelete, ""},
		"Gone":         {"nothing is held", endingOf(func(s *endingSeen) { s.group = nil }), endRelease, ""},
		"Namespace":    {"it goes at once, and with it the workers", endingOf(func(s *endingSeen) { s.namespaceGoing = true }), endRelease, ""},
		"Retain":       {"changed while it was being deleted", endingOf(func(s *endingSeen) { s.group.Spec.OffsetsOnDelete = v1alpha1.OffsetsRetain }), endRelease, "offsetsOnDelete is Retain"},
		"OrphanMarked": {"its Deployment still has its owner", endingOf(func(s *endingSeen) { s.group.Finalizers = []string{"orphan"} }), endRelease, "keeps its workers"},
		"OrphanDone":   {"it has none any more", endingOf(func(s *endingSeen) { s.workers.owned = ownedOrphan }), endRelease, "keeps its workers"},
		"Other":        {"an older one's", endingOf(func(s *endingSeen) { s.other = "shop/elder" }), endRelease, "shop/elder"},
		"NameTaken":    {"it never had workers", endingOf(func(s *endingSeen) { s.workers.owned = ownedByOthers }), endRelease, "does not belong"},
		"SecretGone": {"nothing can be known", endingOf(func(s *endingSeen) {
			s.workers.connection = heldConnection{problem: &problem{v1alpha1.ReasonCredentialsMissing, "no Secret"}}
		}), endRelease, "no Secret"},
		"SecretUnread": {"the API server may answer the next time", endingOf(func(s *endingSeen) {
			s.workers.connection = heldConnection{problem: &problem{v1alpha1.ReasonCredentialsUnreadable, "slow"}}
		}), endWait, "slow"},
		"SecretGoneHeld": {"what was read before still serves", endingOf(func(s *endingSeen) {
			s.workers.connection.problem = &problem{v1alpha1.ReasonCredentialsMissing, "no Secret"}
		}), endDelete, ""},
		"NeverSeen":      {"which cluster is meant is not known", endingOf(func(s *endingSeen) { s.group.Status.ClusterID = "" }), endRelease, "never seen"},
		"OtherPending":   {"it may be the same cluster", endingOf(func(s *endingSeen) { s.otherPending = true }), endWait, "not known yet"},
		"Workers":        {"they are stopped first", endingOf(func(s *endingSeen) { s.workers.deployment.Spec.Replicas = ptr.To[int32](3) }), endStop, ""},
		"WorkersDefault": {"no number is one", endingOf(func(s *endingSeen) { s.workers.deployment.Spec.Replicas = nil }), endStop, ""},
		"Unseen":         {"its controller may still start some", endingOf(func(s *endingSeen) { s.workers.deployment.Generation = 2 }), endWait, "has not seen"},
		"DeploymentGoes": {"with --cascade=foreground: no apply of what goes", endingOf(func(s *endingSeen) {
			s.workers.deployment.Spec.Replicas, s.workers.deployment.DeletionTimestamp = ptr.To[int32](3), &metav1.Time{Time: noon}
		}), endDelete, ""},
		"Pod": {"it may be working", endingOf(func(s *endingSeen) { s.workers.pods = []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "orders-1"}}} }), endWait, `pod "orders-1"`},
		"PodEnded": {"it does not", endingOf(func(s *endingSeen) {
			s.workers.pods = []corev1.Pod{{Status: corev1.PodStatus{Phase: corev1.PodFailed}}}
		}), endDelete, ""},
		"ReplicaSet": {"it makes pods without its Deployment", endingOf(func(s *endingSeen) {
			s.workers.replicaSets = []appsv1.ReplicaSet{{ObjectMeta: metav1.ObjectMeta{Name: "orders-a"}}}
		}), endWait, `ReplicaSet "orders-a"`},
		"ReplicaSetOld": {"it makes none", endingOf(func(s *endingSeen) {
			s.workers.replicaSets = []appsv1.ReplicaSet{{Spec: appsv1.ReplicaSetSpec{Replicas: new(int32)}}}
		}), endDelete, ""},
		"Claimed":        {"it will never be let write", endingOf(func(s *endingSeen) { s.group.Status.ActiveReset = &v1alpha1.ActiveReset{Name: "r"} }), endDelete, ""},
		"ClaimedWrites":  {"it may be writing", endingOf(func(s *endingSeen) { s.group.Status.ActiveReset = &v1alpha1.ActiveReset{Name: "r", Writing: true} }), endTake, `"r"`},
		"Writing":        {"it has not noticed", endingOf(func(s *endingSeen) { s.reset = writingReset("") }), endWait, "not noticed"},
		"WritingOther":   {"it has another trouble", endingOf(func(s *endingSeen) { s.reset = writingReset(v1alpha1.ReasonKafkaFailed) }), endWait, "not noticed"},
		"WritingLost":    {"its table may come back to one that is at it", endingOf(func(s *endingSeen) { s.reset = writingReset(v1alpha1.ReasonTablesLost) }), endWait, "not noticed"},
		"WritingKnows":   {"it writes nothing more", endingOf(func(s *endingSeen) { s.reset = writingReset(v1alpha1.ReasonGroupMissing) }), endDelete, ""},
		"ResetFinished":  {"it has ended", endingOf(func(s *endingSeen) { s.reset = resetIn(v1alpha1.PhaseFailed, "r", 0) }), endDelete, ""},
		"ResetHandsOver": {"it has given up", endingOf(func(s *endingSeen) { s.reset = writingReset(""); s.reset.Status.HandOver = true }), endDelete, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := decideEnding(tc.seen)
			if got.step != tc.want || !strings.Contains(got.why, tc.words) || tc.words == "" && tc.want == endRelease && got.why != "" {
				t.Errorf("%s: %+v, want step %d with %q", tc.reason, got, tc.want, tc.words)
			}
		})
	}
}

// What stays may be a mixture, and whoever uses it next has to know.
func TestRetainedMixture(t *testing.T) {
	group := endingOf().group
	group.Spec.GroupID = "billing"
	if e := retained(group, "because"); e.kind != corev1.EventTypeWarning || e.note != `consumer group "billing" stays in Kafka with its offsets: because` {
		t.Errorf("%+v", e)
	}
	group.Status.UnfinishedReset = &v1alpha1.UnfinishedReset{Name: "half", Since: metav1.NewTime(noon.Add(-time.Hour))}
	if e := retained(group, "because"); !strings.Contains(e.note, `may be a mixture: KafkaOffsetReset "half"`) || !strings.Contains(e.note, "because") {
		t.Errorf("%+v", e)
	}
	group.Status.ActiveReset = &v1alpha1.ActiveReset{Name: "now"}
	if e := retained(group, "because"); !strings.Contains(e.note, `"half"`) {
		t.Errorf("of one that has not written: %+v", e)
	}
	group.Status.ActiveReset.Writing = true
	if e := retained(group, "because"); !strings.Contains(e.note, `"now"`) {
		t.Errorf("of one that is writing: %+v", e)
	}
}
