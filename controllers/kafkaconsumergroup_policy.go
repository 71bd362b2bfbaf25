package controllers

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// policySeen is the producer policy that a group names, and what its workers have
// of one.
type policySeen struct {
	// namespace is the group's, ref the policy that it names, "" for none.
	namespace, ref string
	// policy is nil when it does not exist, or is being deleted.
	policy *v1alpha1.KafkaProducerPolicy
	// given are the files that the workers have.
	given givenFiles
}

// givenFiles are the files of a policy that were applied last; known is false
// where nothing was, or where it can't be told.
type givenFiles struct {
	files producerFileSet
	known bool
}

// observePolicy reads the policy from the cache, and what was applied last.
func (r *KafkaConsumerGroupReconciler) observePolicy(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen *groupSnapshot, m *memory) error {
	seen.policy = policySeen{namespace: group.Namespace, given: givenNow(*seen, m)}
	if group.Spec.ProducerPolicyRef == nil {
		return nil
	}
	seen.policy.ref = group.Spec.ProducerPolicyRef.Name
	var policy v1alpha1.KafkaProducerPolicy
	key := client.ObjectKey{Namespace: group.Namespace, Name: seen.policy.ref}
	err := r.Get(ctx, key, &policy)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get KafkaProducerPolicy %q: %w", key, err)
	}
	if policy.DeletionTimestamp.IsZero() {
		seen.policy.policy = &policy
	}
	return nil
}

// givenNow are the files that were applied last: from memory, and after a restart
// from the ConfigMap of the live Deployment.
func givenNow(seen groupSnapshot, m *memory) givenFiles {
	if m.given.known || seen.deployment == nil || seen.owned == ownedByOthers {
		return m.given
	}
	return givenBy(configMapOf(seen.deployment.Spec.Template), seen.configMaps)
}

// givenBy are the files in one of the group's ConfigMaps.
func givenBy(name string, configMaps []corev1.ConfigMap) givenFiles {
	at := slices.IndexFunc(configMaps, func(cm corev1.ConfigMap) bool { return cm.Name == name })
	if at < 0 {
		return givenFiles{}
	}
	return givenFiles{files: readProducerFiles(configMaps[at].Data), known: true}
}

// inForce are the files of what the policy has in force; false for nothing.
func (s policySeen) inForce() (producerFileSet, bool) {
	if s.policy == nil || s.policy.Status.InForce == nil {
		return nil, false
	}
	return renderProducer(s.namespace+"/"+s.ref, *s.policy.Status.InForce), true
}

// renderProducer makes the files under the name of a policy, in the order of their names.
func renderProducer(policy string, inForce v1alpha1.ProducerInForce) producerFileSet {
	return sortedFiles(producerpolicy.RenderInForce(policy, inForce))
}

// waits is what the first workers wait for, nil for nothing: they are not to
// produce by defaults that nobody asked for. Workers that run keep what they have.
func (s policySeen) waits() *blocked {
	if _, there := s.inForce(); there || s.ref == "" || s.given.known {
		return nil
	}
	why := s.trouble()
	return &blocked{why.reason, why.message}
}

// trouble is why the policy gives nothing, or not what it says now.
func (s policySeen) trouble() verdict {
	if s.policy == nil {
		return verdict{no, v1alpha1.ReasonPolicyMissing, fmt.Sprintf("KafkaProducerPolicy %q does not exist", s.ref)}
	}
	accepted := meta.FindStatusCondition(s.policy.Status.Conditions, v1alpha1.ConditionAccepted)
	if accepted == nil {
		return verdict{notSeen, v1alpha1.ReasonNotChecked, fmt.Sprintf("KafkaProducerPolicy %q has not been looked at yet", s.ref)}
	}
	return verdict{accepted.Status, accepted.Reason, fmt.Sprintf("KafkaProducerPolicy %q: %s", s.ref, accepted.Message)}
}

// producerDecision is what the workers are given of a policy.
type producerDecision struct {
	files producerFileSet
	// policy is whose settings these are, "" for none.
	policy string
	// held: they are not those that the policy has in force, since a reset has the group.
	held bool
}

// decideProducer gives the workers what the policy has in force. While a reset has
// the group nothing changes, nor where there is nothing to give.
func decideProducer(s policySeen, reset resetDecision) producerDecision {
	kept := producerDecision{files: s.given.files, policy: s.given.files.policyName()}
	wanted, there := s.inForce()
	d := producerDecision{files: wanted, policy: s.ref}
	switch {
	case s.ref != "" && !there:
		return kept
	case there && s.given.known && s.given.files.sameHashes(wanted):
		// Another header is no reason to roll: it names the policy that the same
		// settings came from first, and its durability.
		d.files = renderProducer(s.given.files.policy(), *s.policy.Status.InForce).withHeadersOf(s.given.files)
	}
	if s.given.known && (reset.active != nil || reset.unfinished != nil || reset.stops != "") {
		kept.held = !s.given.files.sameHashes(wanted)
		return kept
	}
	return d
}

// policyVerdict is the condition ProducerPolicyAccepted.
func policyVerdict(s policySeen, d decision, done applyResult) verdict {
	v, trouble := s.trouble(), d.notApplied(done)
	_, there := s.inForce()
	switch {
	case !there && s.given.known && len(s.given.files) > 0:
		v.message += "; the workers keep the settings that they have"
	case !there && s.given.known:
		v.message += "; the workers go on without a policy"
	case !there:
		v.message += "; no worker is started before it has settings in force"
	case d.producer.held:
		return verdict{no, v1alpha1.ReasonPolicyHeld, fmt.Sprintf(
			"a KafkaOffsetReset has the group: its workers get what KafkaProducerPolicy %q has in force when that has ended", s.ref)}
	case trouble != nil && v.status == yes:
		v = verdict{no, trouble.reason, fmt.Sprintf("the workers are not given what KafkaProducerPolicy %q has in force yet: %s", s.ref, trouble.message)}
		if d.blocked == nil && d.held != nil {
			v.status = notSeen // it ends by itself
		}
	case trouble != nil:
		v.message += "; the workers are not given what was in force before yet: " + trouble.message
	case v.status == yes:
		v.message = fmt.Sprintf("the workers are given what KafkaProducerPolicy %q has in force", s.ref)
	default:
		v.message += "; the workers have what was in force before"
	}
	return v
}

// notApplied is why what was decided is not in force, nil where it is.
func (d decision) notApplied(done applyResult) *blocked {
	switch {
	case d.blocked != nil:
		return d.blocked
	case d.held != nil:
		return d.held
	case done.invalid != nil:
		return done.invalid
	case done.failed:
		return &blocked{v1alpha1.ReasonApplyFailed, done.err.Error()}
	}
	return nil
}

// setProducerPolicy says what the workers were given.
func setProducerPolicy(s *v1alpha1.KafkaConsumerGroupStatus, d decision, done applyResult) {
	if !d.inForce(done) || done.configMap == "" {
		return
	}
	s.ProducerPolicy = nil
	if len(d.producer.files) == 0 {
		return
	}
	s.ProducerPolicy = &v1alpha1.GroupProducerPolicy{Name: d.producer.policy, Files: d.producer.files.told()}
}

// producerEvents tell of other settings.
func producerEvents(before, after v1alpha1.KafkaConsumerGroupStatus) []groupEvent {
	was, is := hashesOf(before.ProducerPolicy), hashesOf(after.ProducerPolicy)
	if was == is || before.ObservedGeneration == 0 {
		return nil
	}
	note := fmt.Sprintf("the workers are given no settings of a producer policy any more, it was %s", was)
	if is != "" {
		note = fmt.Sprintf("the workers are given the settings of KafkaProducerPolicy %q: %s", after.ProducerPolicy.Name, is)
	}
	return []groupEvent{{corev1.EventTypeNormal, "ProducerSettings", "SetProducerSettings", note}}
}

func hashesOf(given *v1alpha1.GroupProducerPolicy) string {
	words := ""
	if given != nil {
		for _, file := range given.Files {
			words += fmt.Sprintf(", %s with hash %s", file.Name, file.Hash)
		}
	}
	return words[min(len(words), len(", ")):]
}

// policyWarnings: the rules of a policy were held against the topics of its own cluster.
func policyWarnings(seen groupSnapshot) []string {
	if seen.policy.policy == nil || seen.cluster.id == "" {
		return nil
	}
	of := seen.policy.policy.Status.ClusterID
	if of == "" || of == seen.cluster.id {
		return nil
	}
	return []string{fmt.Sprintf("KafkaProducerPolicy %q is checked against Kafka cluster %q, and the group is of %q: "+
		"the workers are given its settings, and what they say of topics of this cluster nobody has checked", seen.policy.ref, of, seen.cluster.id)}
}

// namingPolicy are the groups that name a policy.
func (r *KafkaConsumerGroupReconciler) namingPolicy(ctx context.Context, o client.Object) []reconcile.Request {
	return requestsOf(ctx, r, &v1alpha1.KafkaConsumerGroupList{}, client.InNamespace(o.GetNamespace()), client.MatchingFields{policyRefIndex: o.GetName()})
}

// givesGroupsOtherwise: what the policy has in force, or what is said of it, is
// something else, or it comes or goes.
func givesGroupsOtherwise() predicate.Predicate {
	accepted := func(p *v1alpha1.KafkaProducerPolicy) string {
		if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionAccepted); c != nil {
			return string(c.Status) + c.Reason
		}
		return ""
	}
	return predicate.Or(inForceChanges(), predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*v1alpha1.KafkaProducerPolicy), e.ObjectNew.(*v1alpha1.KafkaProducerPolicy)
			return before.UID != after.UID || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
				before.Status.ClusterID != after.Status.ClusterID || accepted(before) != accepted(after)
		},
	})
}
