package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// connectionSnapshot is everything one reconcile knows of a KafkaConnection.
type connectionSnapshot struct {
	now        time.Time
	connection heldConnection
	// sample is the newest look at the cluster; sampled is false before the first one.
	sample  kafka.ClusterSample
	sampled bool
	// cluster is the cluster that is meant, and whether another one answers.
	cluster clusterSeen
}

// connectionMemory is what is kept of a connection between reconciles.
type connectionMemory struct {
	connection heldConnection
	// last is the newest look, and servers where it was to.
	last    kafka.ClusterSample
	servers string
}

// newest is the sample if there is one, else the last one behind the same
// servers: a client that was swapped for new credentials has not looked yet.
func (m *connectionMemory) newest(sample kafka.ClusterSample, sampled bool) (kafka.ClusterSample, bool) {
	servers := m.connection.connection.BootstrapServers
	if sampled {
		m.last, m.servers = sample, servers
	}
	return m.last, m.servers == servers
}

// observe resolves the connection, and asks for looks at its cluster from now on.
func (r *KafkaConnectionReconciler) observe(ctx context.Context, connection *v1alpha1.KafkaConnection) connectionSnapshot {
	key := client.ObjectKeyFromObject(connection)
	m := r.memories.of(key, connection.UID)
	held := &m.connection
	r.Credentials.resolveFor(ctx, credentialUser{connectionKind, key}, connection.Spec, r.Settings.AllowAmbientCredentials, held)
	seen := connectionSnapshot{now: r.Clock.Now(), connection: *held}
	if held.known {
		r.Samples.WatchCluster(key.String(), held.connection)
		seen.sample, seen.sampled = m.newest(r.Samples.LatestCluster(key.String()))
	}
	last := connection.Status
	before := clusterSeen{id: last.ClusterID, servers: last.BootstrapServers, other: last.OtherClusterID}
	pin, servers := held.clusterID, held.connection.BootstrapServers
	if !held.known { // a Secret is missing: the spec still says where to
		pin, servers = connection.Spec.ClusterID, kafkaadmin.NewConnection(serverNames(connection.Spec), "", kafkaauth.Security{}).BootstrapServers
	}
	seen.cluster = judgeCluster(pin, servers, before, seen.sample.ID)
	return seen
}
