package controllers

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// policySnapshot is everything one reconcile knows of a policy.
type policySnapshot struct {
	now        time.Time
	connection heldConnection
	// survey is the newest look at topics and brokers; surveyed is false before the first one.
	survey   kafka.ConfigSurvey
	surveyed bool
	// cluster is the cluster that is meant, and whether another one answers.
	cluster clusterSeen
	// beside are those who write and read the same topics.
	beside neighbours
}

// observe resolves the connection, asks for surveys of the topics from now on, and
// looks for neighbours.
func (r *KafkaProducerPolicyReconciler) observe(ctx context.Context, policy *v1alpha1.KafkaProducerPolicy) (policySnapshot, error) {
	key := client.ObjectKeyFromObject(policy)
	held := &r.memories.of(key, policy.UID).connection
	err := r.Credentials.resolveSource(ctx, r, credentialUser{policyKind, key}, policy.Spec.Kafka, r.Settings.AllowAmbientCredentials, held)
	if err != nil {
		return policySnapshot{}, err
	}
	seen := policySnapshot{now: r.Clock.Now(), connection: *held}
	if held.known && !held.outdated {
		r.Surveys.Watch(key.String(), configSubscription(policy.Spec, held.connection))
		seen.survey, seen.surveyed = r.Surveys.Latest(key.String())
	}
	seen.cluster = policyCluster(policy, *held, seen.survey.ClusterID)
	seen.beside, err = r.neighbours(ctx, seen)
	return seen, err
}

func configSubscription(spec v1alpha1.KafkaProducerPolicySpec, c kafkaadmin.Connection) kafkaadmin.ConfigSubscription {
	return kafkaadmin.ConfigSubscription{Connection: c, Topics: namesOfTopics(spec.Topics), TopicPattern: spec.TopicPattern}
}

func namesOfTopics(topics []v1alpha1.TopicName) []string {
	names := make([]string, 0, len(topics))
	for _, topic := range topics {
		names = append(names, string(topic))
	}
	return names
}

// policyCluster judges the cluster that answered. While a Secret is missing the
// spec still says where to.
func policyCluster(policy *v1alpha1.KafkaProducerPolicy, held heldConnection, answered string) clusterSeen {
	last := policy.Status
	before := clusterSeen{id: last.ClusterID, servers: last.BootstrapServers, other: last.OtherClusterID}
	servers, pin := held.connection.BootstrapServers, held.clusterID
	if inline := policy.Spec.Kafka; !held.known && inline.ConnectionRef == nil {
		spec := v1alpha1.KafkaConnectionSpec{Connection: inline.Connection}
		servers, pin = kafkaadmin.NewConnection(serverNames(spec), "", kafkaauth.Security{}).BootstrapServers, spec.ClusterID
	}
	return judgeCluster(pin, servers, before, answered)
}

// unchecked is why nothing can be said of the topics, nil when it can. What was
// read before of the same topics stands in for what can't be read for now, but for
// a spec that nothing was ever decided of: that waits for a reading of now.
func (s policySnapshot) unchecked(decidedBefore bool) *blocked {
	switch {
	case s.connection.problem != nil && (!s.connection.known || s.connection.outdated):
		return &blocked{s.connection.problem.reason, s.connection.problem.message}
	case s.cluster.changed != nil:
		return s.cluster.changed
	case s.cluster.pending != nil:
		return s.cluster.pending
	case !s.surveyed:
		return &blocked{v1alpha1.ReasonNotSampled, "the first look at the topics has not ended yet"}
	case s.survey.Whole && (s.survey.Err == nil || decidedBefore):
		return nil
	}
	if err := errors.Join(s.survey.Err, s.survey.Passing); err != nil {
		return &blocked{v1alpha1.ReasonNotChecked, "the topics can't be looked at: " + s.connection.blame(err)}
	}
	return nil
}
