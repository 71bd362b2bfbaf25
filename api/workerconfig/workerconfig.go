// Package workerconfig is the contract between the operator and the worker
// processes of a consumer group: one JSON file, and environment variables for
// workers that would rather not read a file.
//
// The operator renders it into an immutable ConfigMap that is named by its
// content, so what a pod reads is what its revision says. Workers in any
// language may read it; package worker does.
package workerconfig

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Where the operator mounts the file, and the names of the environment
// variables it sets on the container named ContainerName.
const (
	// ContainerName is the container of the pod template that gets the
	// environment and the mount.
	ContainerName = "worker"
	// MountPath is the folder in which the ConfigMap is mounted.
	MountPath = "/etc/lagrange"
	// FileName is the file in MountPath, and the key in the ConfigMap.
	FileName = "worker.json"

	// EnvConfig is the path of the file.
	EnvConfig = "LAGRANGE_CONFIG"
	// EnvClientID is the Kafka client.id: the pod's name, so that a group's
	// members can be told apart.
	EnvClientID = "LAGRANGE_CLIENT_ID"
	// EnvBootstrapServers is a comma-separated list of host:port.
	EnvBootstrapServers = "LAGRANGE_BOOTSTRAP_SERVERS"
	// EnvGroupID is the consumer group.
	EnvGroupID = "LAGRANGE_GROUP_ID"
	// EnvTopics is a comma-separated list; not set with a pattern.
	EnvTopics = "LAGRANGE_TOPICS"
	// EnvTopicPattern is a regular expression; not set with a list.
	EnvTopicPattern = "LAGRANGE_TOPIC_PATTERN"
	// EnvDedupNamespace is Consumer.Dedup.Namespace; not set without one.
	EnvDedupNamespace = "LAGRANGE_DEDUP_NAMESPACE"
	// EnvInstanceID is the Kafka group.instance.id, which makes the member a
	// static one. The operator never sets it: it is for the pods of a
	// StatefulSet, from metadata.name. A Deployment's pods never come back under
	// their names, so the group would wait for each that is gone.
	EnvInstanceID = "LAGRANGE_INSTANCE_ID"

	// CredentialsPath is the folder in which the files that TLS and SASL name
	// are mounted, if there are any. They are mounted from the Secrets and
	// ConfigMaps that the connection names, and change when those do: a worker
	// reads them again for each connection that it opens.
	CredentialsPath = "/etc/lagrange-credentials" //nolint:gosec // a folder, not a credential
)

// File is the content of worker.json.
type File struct {
	// BootstrapServers are the brokers to start from, host:port each.
	BootstrapServers []string `json:"bootstrapServers"`
	// TLS is how to encrypt the connection; absent for plain text.
	TLS *TLS `json:"tls,omitempty"`
	// SASL is how to authenticate; absent for not at all.
	SASL *SASL `json:"sasl,omitempty"`
	// KafkaVersion is the protocol version to speak, such as "3.6.0"; empty
	// leaves it to the worker.
	KafkaVersion string `json:"kafkaVersion,omitempty"`
	// GroupID is the consumer group to join.
	GroupID string `json:"groupID"`
	// Topics are the topics to subscribe to, sorted; empty with TopicPattern.
	Topics []string `json:"topics,omitempty"`
	// TopicPattern is a regular expression (RE2) that matches a whole topic
	// name; the worker subscribes to all topics of the cluster that match and
	// are not internal, and looks for new ones every 30 seconds.
	TopicPattern string `json:"topicPattern,omitempty"`
	// Consumer is spec.consumer of the KafkaConsumerGroup. What is absent has
	// its default, see WithoutDefaults.
	Consumer Consumer `json:"consumer"`
	// Producer is how the worker produces; absent for the defaults of all of it.
	Producer *Producer `json:"producer,omitempty"`
}

// TLS names the files of a TLS connection.
type TLS struct {
	// CAFile holds the trusted certificates, PEM; empty trusts the system's.
	CAFile string `json:"caFile,omitempty"`
	// CertificateFile and KeyFile are the client's own, PEM; both or neither.
	CertificateFile string `json:"certificateFile,omitempty"`
	KeyFile         string `json:"keyFile,omitempty"`
	// ServerName is the name expected in the brokers' certificates; empty
	// expects the host that is connected to.
	ServerName string `json:"serverName,omitempty"`
}

// SASL is how a worker says who it is. What is secret is named by file.
type SASL struct {
	// Mechanism is required: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM.
	Mechanism string `json:"mechanism"`
	// Username is used when UsernameFile is empty.
	Username     string `json:"username,omitempty"`
	UsernameFile string `json:"usernameFile,omitempty"`
	PasswordFile string `json:"passwordFile,omitempty"`
	// OAuth is set for OAUTHBEARER, AWS for AWS_MSK_IAM.
	OAuth *OAuth `json:"oauth,omitempty"`
	AWS   *AWS   `json:"aws,omitempty"`
}

// OAuth is the client credentials grant of OAuth 2.0.
type OAuth struct {
	TokenEndpoint string   `json:"tokenEndpoint"`
	Scopes        []string `json:"scopes,omitempty"`
	Audience      string   `json:"audience,omitempty"`
	// ClientID is used when ClientIDFile is empty.
	ClientID         string `json:"clientID,omitempty"`
	ClientIDFile     string `json:"clientIDFile,omitempty"`
	ClientSecretFile string `json:"clientSecretFile,omitempty"`
	// CAFile holds the certificates trusted for the endpoint; empty trusts the system's.
	CAFile string `json:"caFile,omitempty"`
}

// AWS are credentials for MSK IAM. Without AccessKeyIDFile the pod's own are
// used: environment, web identity, instance role.
type AWS struct {
	Region              string `json:"region"`
	RoleARN             string `json:"roleARN,omitempty"`
	AccessKeyIDFile     string `json:"accessKeyIDFile,omitempty"`
	SecretAccessKeyFile string `json:"secretAccessKeyFile,omitempty"`
	SessionTokenFile    string `json:"sessionTokenFile,omitempty"`
}

// Duration is a time.Duration that reads and writes "1m30s" in JSON.
type Duration time.Duration

// MarshalJSON writes the duration as a Go duration string.
func (d Duration) MarshalJSON() ([]byte, error) {
	return []byte(strconv.Quote(time.Duration(d).String())), nil
}

// UnmarshalJSON reads a Go duration string.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("read duration %s: %w", raw, err)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("read duration %q: %w", text, err)
	}
	*d = Duration(parsed)
	return nil
}

// Load reads and parses the file at path.
func Load(path string) (File, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return File{}, fmt.Errorf("read worker configuration: %w", err)
	}
	var file File
	if err := json.Unmarshal(raw, &file); err != nil {
		return File{}, fmt.Errorf("parse worker configuration %q: %w", path, err)
	}
	return file, nil
}
