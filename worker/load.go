package worker

import (
	"os"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// Load reads what the operator gives a worker: the file named by the
// environment variable LAGRANGE_CONFIG when that is set, and over it the other
// variables of package workerconfig. Without a file the variables alone do.
// Whether the result suffices is for Config.Validate to say, which Run calls.
func Load() (Config, error) {
	var config Config
	if path := os.Getenv(workerconfig.EnvConfig); path != "" {
		file, err := workerconfig.Load(path)
		if err != nil {
			return Config{}, err
		}
		config = fromFile(file)
	}
	config.overrideFromEnvironment()
	return config, nil
}

func fromFile(file workerconfig.File) Config {
	return Config{
		BootstrapServers:  file.BootstrapServers,
		TLS:               file.TLS,
		SASL:              file.SASL,
		KafkaVersion:      file.KafkaVersion,
		GroupID:           file.GroupID,
		Topics:            file.Topics,
		TopicPattern:      file.TopicPattern,
		IsolationLevel:    IsolationLevel(file.Consumer.IsolationLevel),
		InitialOffset:     InitialOffset(file.Consumer.InitialOffset),
		Assignment:        Assignment(file.Consumer.Assignment),
		MaxProcessingTime: time.Duration(file.Consumer.MaxProcessingTime),
	}
}

func (c *Config) overrideFromEnvironment() {
	if servers := listFromEnvironment(workerconfig.EnvBootstrapServers); servers != nil {
		c.BootstrapServers = servers
	}
	topics, pattern := listFromEnvironment(workerconfig.EnvTopics), os.Getenv(workerconfig.EnvTopicPattern)
	if topics != nil || pattern != "" {
		c.Topics, c.TopicPattern = topics, pattern // one replaces the other, too
	}
	if group := os.Getenv(workerconfig.EnvGroupID); group != "" {
		c.GroupID = group
	}
	c.ClientID = os.Getenv(workerconfig.EnvClientID)
}

// listFromEnvironment splits at commas and drops empty entries; nil when
// nothing is left.
func listFromEnvironment(name string) []string {
	var list []string
	for entry := range strings.SplitSeq(os.Getenv(name), ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			list = append(list, entry)
		}
	}
	return list
}
