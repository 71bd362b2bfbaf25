package worker

import (
	"os"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// Load reads what the operator gives a worker: the file named by the
// environment variable LAGRANGE_CONFIG when that is set, over it that of a
// KafkaProducerPolicy, which LAGRANGE_PRODUCER_CONFIG names, and then the other
// variables of package workerconfig. Without a file the variables alone do. A
// file that is named and can't be read is an error.
// Whether the result suffices is for Config.Validate to say, which Run calls, and
// for NewProducer, which needs no group.
func Load() (Config, error) {
	var config Config
	if path := os.Getenv(workerconfig.EnvConfig); path != "" {
		file, err := workerconfig.Load(path)
		if err != nil {
			return Config{}, err
		}
		config = fromFile(file)
	}
	if path := os.Getenv(workerconfig.EnvProducerConfig); path != "" {
		file, err := workerconfig.LoadProducer(path)
		if err != nil {
			return Config{}, err
		}
		config.produceBy(file)
	}
	config.overrideFromEnvironment()
	return config, nil
}

func fromFile(file workerconfig.File) Config {
	config := Config{
		BootstrapServers: file.BootstrapServers,
		TLS:              file.TLS,
		SASL:             file.SASL,
		KafkaVersion:     file.KafkaVersion,
		GroupID:          file.GroupID,
		Topics:           file.Topics,
		TopicPattern:     file.TopicPattern,
		Producer:         producerFromFile(file.Producer),
	}
	config.consumeAs(file.Consumer)
	return config
}

// consumeAs takes over what the file says; zero fields get their defaults later.
func (c *Config) consumeAs(file workerconfig.Consumer) {
	c.InitialOffset = InitialOffset(file.InitialOffset)
	c.OnOutOfRange = OutOfRange(file.OnOutOfRange)
	c.MaxMessageAge = time.Duration(file.MaxMessageAge)
	c.IsolationLevel = IsolationLevel(file.IsolationLevel)
	c.Assignment = Assignment(file.Assignment)
	c.MaxProcessingTime = time.Duration(file.MaxProcessingTime)
	c.SessionTimeout = time.Duration(file.SessionTimeout)
	c.HeartbeatInterval = time.Duration(file.HeartbeatInterval)
	c.RebalanceTimeout = time.Duration(file.RebalanceTimeout)
	c.CommitInterval = time.Duration(file.Commit.Interval)
	c.Ordering = Ordering(file.Ordering)
	c.Concurrency = file.Concurrency
	c.MaxInFlight, c.MaxInFlightBytes = file.InFlight.Messages, file.InFlight.Bytes
	c.Retry = retryFromFile(file.Retry)
	if file.DeadLetter != nil {
		c.DeadLetter = &DeadLetter{Topic: file.DeadLetter.Topic}
	}
	if file.Dedup != nil {
		c.DedupNamespace = file.Dedup.Namespace
	}
}

func retryFromFile(file workerconfig.Retry) Retry {
	return Retry{
		Attempts:       file.Attempts,
		InitialBackoff: time.Duration(file.InitialBackoff),
		MaxBackoff:     time.Duration(file.MaxBackoff),
		JitterPercent:  jitterFromFile(file.JitterPercent),
	}
}

// jitterFromFile: 0 is none in the file, and the default in Retry.
func jitterFromFile(percent *int) int {
	switch {
	case percent == nil:
		return 0
	case *percent == 0:
		return -1
	}
	return *percent
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
	if namespace := os.Getenv(workerconfig.EnvDedupNamespace); namespace != "" {
		c.DedupNamespace = namespace
	}
	c.ClientID = os.Getenv(workerconfig.EnvClientID)
	c.InstanceID = os.Getenv(workerconfig.EnvInstanceID)
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
