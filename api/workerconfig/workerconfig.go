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
	// EnvTopics is a comma-separated list.
	EnvTopics = "LAGRANGE_TOPICS"
)

// File is the content of worker.json.
type File struct {
	// BootstrapServers are the brokers to start from, host:port each.
	BootstrapServers []string `json:"bootstrapServers"`
	// KafkaVersion is the protocol version to speak, such as "3.6.0"; empty
	// leaves it to the worker.
	KafkaVersion string `json:"kafkaVersion,omitempty"`
	// GroupID is the consumer group to join.
	GroupID string `json:"groupID"`
	// Topics are the topics to subscribe to, sorted.
	Topics []string `json:"topics"`
	// Consumer is spec.consumer of the KafkaConsumerGroup with its defaults
	// filled in.
	Consumer Consumer `json:"consumer"`
}

// Consumer is how the worker consumes.
type Consumer struct {
	// InitialOffset is "earliest" or "latest": where a partition starts when
	// no partition of its topic has a commit.
	InitialOffset string `json:"initialOffset"`
	// Assignment is "range", "roundRobin" or "sticky".
	Assignment string `json:"assignment"`
	// MaxProcessingTime is how long handling one message may take, as a Go
	// duration string such as "1s".
	MaxProcessingTime Duration `json:"maxProcessingTime"`
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
