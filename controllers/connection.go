package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// heldConnection is a connection as it was last resolved, kept between
// reconciles: what can't be resolved now goes on as it was.
type heldConnection struct {
	resolved
	// known is false until it was resolved once.
	known bool
	// spec is what it was resolved from, and ref the KafkaConnection that had it,
	// empty for one that is said inline.
	spec v1alpha1.KafkaConnectionSpec
	ref  string
	// outdated: the spec asks for another connection now, which can't be resolved.
	outdated bool
	// problem is why it can't be resolved now, nil when it can.
	problem *problem
	// reloaded is when content of a Secret or ConfigMap last changed, zero for not
	// since the manager started.
	reloaded time.Time
}

// renew takes in a new resolution.
func (h *heldConnection) renew(spec v1alpha1.KafkaConnectionSpec, now resolved, problem *problem, at time.Time) {
	h.problem = problem
	h.outdated = problem != nil && h.known && !reflect.DeepEqual(h.spec, spec)
	if problem != nil {
		return
	}
	same := h.known && reflect.DeepEqual(h.spec, spec)
	if same && h.connection.Security != now.connection.Security {
		h.reloaded = at
	}
	if !same {
		h.reloaded = time.Time{}
	}
	h.resolved, h.known, h.spec = now, true, *spec.DeepCopy()
}

// resolveFor resolves the spec for a user of the credentials into what is held.
func (c *Credentials) resolveFor(ctx context.Context, user credentialUser, spec v1alpha1.KafkaConnectionSpec, ambient bool, h *heldConnection) {
	now, refs, problem := resolve(spec, user.key.Namespace, ambient, c.readerOf(ctx), h.files)
	c.keep(user, refs)
	h.renew(spec, now, problem, c.clock().Now())
}

// kafkaOf is the connection of an object of the namespace: said inline, or by the
// KafkaConnection that it names.
func kafkaOf(ctx context.Context, reader client.Reader, namespace string, source v1alpha1.KafkaSource) (v1alpha1.KafkaConnectionSpec, error) {
	ref := source.ConnectionRef
	if ref == nil {
		return v1alpha1.KafkaConnectionSpec{Connection: source.Connection}, nil
	}
	var connection v1alpha1.KafkaConnection
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: string(ref.Name)}, &connection)
	if apierrors.IsNotFound(err) || (err == nil && !connection.DeletionTimestamp.IsZero()) {
		return v1alpha1.KafkaConnectionSpec{}, &problem{v1alpha1.ReasonConnectionMissing, fmt.Sprintf(
			"KafkaConnection %q, named by spec.kafka.connectionRef, does not exist", ref.Name)}
	}
	if err != nil {
		return v1alpha1.KafkaConnectionSpec{}, fmt.Errorf("get KafkaConnection %q: %w", ref.Name, err)
	}
	return connection.Spec, nil
}

// resolveConnection brings what is held of the group's connection up to date.
func (r *KafkaConsumerGroupReconciler) resolveConnection(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, m *memory) error {
	user := credentialUser{groupKind, client.ObjectKeyFromObject(group)}
	return r.Credentials.resolveSource(ctx, r, user, group.Spec.Kafka, r.Settings.AllowAmbientCredentials, &m.connection)
}

// resolveSource brings what is held of a user's connection up to date.
func (c *Credentials) resolveSource(
	ctx context.Context, reader client.Reader, user credentialUser, source v1alpha1.KafkaSource, ambient bool, held *heldConnection,
) error {
	ref := ""
	if source.ConnectionRef != nil {
		ref = string(source.ConnectionRef.Name)
	}
	spec, err := kafkaOf(ctx, reader, user.key.Namespace, source)
	if missing := (*problem)(nil); errors.As(err, &missing) {
		held.problem, held.outdated = missing, held.known && held.ref != ref
		return nil
	}
	if err != nil {
		return err
	}
	c.resolveFor(ctx, user, spec, ambient, held)
	if held.problem == nil {
		held.ref = ref
	}
	return nil
}

// blame adds to a failure of a field what the field is made of: the keys that it
// came from, or what the spec says itself. A field that is made of neither has
// no Secret to look into.
func (h heldConnection) blame(err error) string {
	var field *kafkaauth.FieldError
	if !errors.As(err, &field) {
		return err.Error()
	}
	text := err.Error()
	if origins := h.originsOf(field.Field); len(origins) > 0 {
		text += " (" + strings.Join(origins, "; ") + ")"
	}
	return text + h.hint(field.Field)
}

// hint is what is often the reason, and can't be seen in the failure.
func (h heldConnection) hint(field string) string {
	security := h.connection.Security
	switch {
	case field == "tls.ca" && security.TLS.CA == "":
		return ": tls.ca is not set, so that the system's certificates are what is trusted"
	case field == "sasl.oauth.ca" && security.SASL.OAuth.CA == "":
		return ": sasl.oauth.ca is not set, so that the system's certificates are what is trusted"
	case field == "sasl" && strings.TrimSpace(security.SASL.Password) != security.SASL.Password:
		return ": the password begins or ends with white space, which is sent as it is"
	}
	return ""
}

// credentialsFailed tells whether other content of the Secrets may help.
func credentialsFailed(err error) bool {
	var field *kafkaauth.FieldError
	return errors.Is(err, kafka.ErrAuthentication) || errors.As(err, &field)
}

// credentialsRefused tells whether any part of a sample failed for want of other
// credentials. A broker that takes no new login fails its own share alone: the
// others still serve the connections that they have.
func credentialsRefused(sample kafka.GroupSample) bool {
	if credentialsFailed(sample.ConnectionErr) || credentialsFailed(sample.StateErr) || credentialsFailed(sample.TopicsErr) {
		return true
	}
	return slices.ContainsFunc(sample.Topics, func(t kafka.TopicSample) bool {
		return credentialsFailed(t.Err) || slices.ContainsFunc(t.Partitions, func(p kafka.PartitionSample) bool { return credentialsFailed(p.Err) })
	})
}

// originsOf are the keys that the field, or the fields below it, came from, and
// what the spec says of them itself. TLS as a whole fails by the listener or its
// certificate, and not by what is below it.
func (h heldConnection) originsOf(field string) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(h.origins)) {
		if name == field || (field != "tls" && strings.HasPrefix(name, field+".")) {
			found = append(found, h.origins[name].String())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.said)) {
		if name == field || strings.HasPrefix(name, field+".") {
			found = append(found, fmt.Sprintf("%s %q", name, h.said[name]))
		}
	}
	return found
}

// named tells whether the connection names other objects.
func (h heldConnection) named(source v1alpha1.KafkaSource) bool {
	return source.ConnectionRef != nil || h.problem != nil || h.secured()
}

// objectNames are the Secrets and ConfigMaps in use.
func (h heldConnection) objectNames() string {
	var names []string
	for _, origin := range h.origins {
		names = append(names, origin.object.String())
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// resolvedVerdict is the condition ConnectionResolved. What was said of a reload
// stays said until the spec changes, also over a restart.
func (h heldConnection) resolvedVerdict(before []metav1.Condition, generation int64) verdict {
	last := meta.FindStatusCondition(before, v1alpha1.ConditionConnectionResolved)
	switch {
	case h.problem != nil && h.known:
		return verdict{no, h.problem.reason, h.problem.message + "; the connection goes on with what was read before"}
	case h.problem != nil:
		return verdict{no, h.problem.reason, h.problem.message}
	case !h.reloaded.IsZero():
		return verdict{yes, v1alpha1.ReasonCredentialsReloaded, fmt.Sprintf(
			"read anew at %s, since content had changed; in use: %s", h.reloaded.UTC().Format(time.RFC3339), h.objectNames())}
	case last != nil && last.Reason == v1alpha1.ReasonCredentialsReloaded && last.ObservedGeneration == generation:
		return verdict{last.Status, last.Reason, last.Message}
	case len(h.origins) == 0:
		return verdict{yes, v1alpha1.ReasonResolved, "the connection needs no Secret"}
	}
	return verdict{yes, v1alpha1.ReasonResolved, "read: " + h.objectNames()}
}
