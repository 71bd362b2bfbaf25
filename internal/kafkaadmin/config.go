package kafkaadmin

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// newConfig is how sarama connects to the brokers of a connection. An error is
// kafka.ErrInvalid: it would be the same with any broker. Where the security is
// to blame it is a *kafkaauth.FieldError too.
func newConfig(connection Connection, timeout time.Duration) (*sarama.Config, error) {
	version, err := newestVersion(connection)
	if err != nil {
		return nil, err
	}
	config := sarama.NewConfig()
	config.Version = version
	config.ApiVersionsRequest = true // each broker then says how much less it speaks
	config.ClientID = "lagrange"
	config.Net.DialTimeout = timeout
	config.Net.ReadTimeout = timeout
	config.Net.WriteTimeout = timeout
	config.MetricRegistry = noMetrics{}
	if err := connection.Security.Apply(config); err != nil {
		return nil, fmt.Errorf("prepare TLS and SASL: %w: %w", kafka.ErrInvalid, err)
	}
	return config, nil
}

// BeyondSpoken tells whether the Version is newer than any that is spoken, and so
// caps nothing.
func (c Connection) BeyondSpoken() bool {
	version, err := newestVersion(c)
	newest, _ := newestVersion(Connection{})
	return err == nil && version != newest && version.IsAtLeast(newest)
}

func newestVersion(connection Connection) (sarama.KafkaVersion, error) {
	text := connection.Version
	if text == "" {
		text = DefaultVersion
	}
	version, err := sarama.ParseKafkaVersion(text)
	if err != nil {
		return version, fmt.Errorf("read the Kafka version %q: %w", text, kafka.ErrInvalid)
	}
	return version, nil
}
