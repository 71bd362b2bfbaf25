package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KafkaConnection is a connection to a Kafka cluster that the objects of its
// namespace share by name: one place to change for a hundred groups. It has
// conditions of its own, which tell whether the cluster is reached and accepts
// the credentials.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=kconn,categories=lagrange
// +kubebuilder:printcolumn:name="Servers",type=string,JSONPath=`.status.bootstrapServers`
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.status.clusterID`
// +kubebuilder:printcolumn:name="Brokers",type=integer,JSONPath=`.status.brokerCount`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Why",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type KafkaConnection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the team states: where the cluster is and how to connect to it.
	// +required
	Spec KafkaConnectionSpec `json:"spec"`
	// status is what Lagrange saw.
	// +optional
	Status KafkaConnectionStatus `json:"status,omitempty"`
}

// KafkaConnectionList is a list of KafkaConnection.
//
// +kubebuilder:object:root=true
type KafkaConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KafkaConnection `json:"items"`
}

// KafkaConnectionSpec is where a cluster is and how to connect to it.
//
// +kubebuilder:validation:XValidation:rule="has(self.serviceBinding) != has(self.bootstrapServers)",message="a KafkaConnection needs bootstrapServers, or serviceBinding, and not both"
// +kubebuilder:validation:XValidation:rule="!has(self.serviceBinding) || !(has(self.tls) || has(self.sasl))",message="with serviceBinding the Secret says how to connect: remove tls and sasl",fieldPath=".serviceBinding"
type KafkaConnectionSpec struct {
	Connection `json:",inline"`

	// serviceBinding names a Secret in the layout of the Service Binding specification for Kafka, as Strimzi's Access
	// Operator writes it. It fills bootstrapServers, tls and sasl.
	// +optional
	ServiceBinding *ServiceBinding `json:"serviceBinding,omitempty"`
}

// ServiceBinding names a Secret that says how to connect.
type ServiceBinding struct {
	// secretName is a Secret of the same namespace. Keys that are read: bootstrapServers (or bootstrap-servers,
	// bootstrap.servers), securityProtocol (or security.protocol), saslMechanism (or sasl.mechanism), username (or
	// user), password, ssl.truststore.crt, ssl.keystore.crt and ssl.keystore.key (PEM). Without securityProtocol there is
	// TLS if certificates are there, and SASL if a password is.
	// +required
	SecretName ObjectName `json:"secretName"`
}

// KafkaConnectionStatus is what Lagrange saw of a cluster. Lagrange alone writes it.
type KafkaConnectionStatus struct {
	// observedGeneration is the generation of the spec that the rest of the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions tell how the connection is. Ready sums up. Stalled: someone must act. ConnectionResolved: the Secrets
	// and ConfigMaps that it names could be read. Reachable: a broker answers. Authenticated: it accepts who connects.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// bootstrapServers are the servers in use, comma-separated; clusterID is the cluster behind them.
	// +optional
	BootstrapServers string `json:"bootstrapServers,omitempty"`
	// clusterID is the id of the Kafka cluster behind the bootstrap servers.
	// +optional
	ClusterID string `json:"clusterID,omitempty"`
	// otherClusterID is the id of another cluster that answers behind them and is not accepted; absent otherwise.
	// +optional
	OtherClusterID string `json:"otherClusterID,omitempty"`
	// brokerCount is how many brokers the cluster has.
	// +optional
	BrokerCount int32 `json:"brokerCount,omitempty"`
	// brokers are the cluster's brokers, at most 32, by node id.
	// +listType=map
	// +listMapKey=nodeID
	// +optional
	Brokers []BrokerStatus `json:"brokers,omitempty"`
	// observedAt is when the look ended that this status was last written from. A look that finds nothing new is not
	// written.
	// +optional
	ObservedAt *metav1.Time `json:"observedAt,omitempty"`
}

// BrokerStatus is one broker of a cluster.
type BrokerStatus struct {
	// nodeID is its number in the cluster.
	NodeID int32 `json:"nodeID"`
	// address is the host:port that it advertises.
	Address string `json:"address"`
	// version is the Kafka release that its supported requests point to, such as 4.2; absent while not asked.
	// +optional
	Version string `json:"version,omitempty"`
}
