package worker

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// TopicID tells a topic from another one that had or will have its name.
type TopicID [16]byte

// String is the id as Kafka's own tools print it.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// Forever is the retention of a topic that deletes nothing by age.
const Forever = time.Duration(math.MaxInt64)

// TopicIDs asks the brokers for the ids that the topics have now. Brokers have
// told ids since Kafka 2.8; from an older one, or with an older
// Config.KafkaVersion, there is an error, as there is for a topic that does not
// exist. No membership of a group is needed.
func TopicIDs(ctx context.Context, config Config, topics ...string) (map[string]TopicID, error) {
	ids := make(map[string]TopicID, len(topics))
	if len(topics) == 0 {
		return ids, nil // to Kafka no topic means all
	}
	err := asking(ctx, config, func(client sarama.Client) error {
		response, err := metadataOf(client, topics)
		if err != nil {
			return fmt.Errorf("ask for the ids of the topics %q: %w", topics, err)
		}
		for _, topic := range response.Topics {
			if ids[topic.Name], err = idOf(topic); err != nil {
				return fmt.Errorf("read the id of topic %q: %w", topic.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func metadataOf(client sarama.Client, topics []string) (*sarama.MetadataResponse, error) {
	broker := client.LeastLoadedBroker()
	if broker == nil {
		return nil, sarama.ErrOutOfBrokers
	}
	response, err := broker.GetMetadata(sarama.NewMetadataRequest(client.Config().Version, topics))
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what was asked
	}
	if len(response.Topics) < len(topics) {
		return nil, sarama.ErrIncompleteResponse
	}
	return response, nil
}

func idOf(topic *sarama.TopicMetadata) (TopicID, error) {
	switch {
	case !errors.Is(topic.Err, sarama.ErrNoError):
		return TopicID{}, topic.Err
	case topic.Uuid == sarama.Uuid{}:
		return TopicID{}, errors.New("the broker tells none: topic ids need Kafka 2.8, in the brokers and in Config.KafkaVersion")
	}
	return TopicID(topic.Uuid), nil
}

// TopicRetention asks the brokers how old a message of each topic may get:
// retention.ms, plus the segment.ms for which Kafka may keep the first message
// of a segment longer, since it deletes whole segments; Forever for a topic
// that is compacted or keeps everything. It needs the permission to describe
// the topics' configurations.
func TopicRetention(ctx context.Context, config Config, topics ...string) (map[string]time.Duration, error) {
	retention := make(map[string]time.Duration, len(topics))
	if len(topics) == 0 {
		return retention, nil
	}
	err := asking(ctx, config, func(client sarama.Client) error {
		// The admin wants to know the controller, which comes with the topics.
		if err := client.RefreshMetadata(topics...); err != nil {
			return fmt.Errorf("ask for the topics %q: %w", topics, err)
		}
		admin, err := sarama.NewClusterAdminFromClient(client)
		if err != nil {
			return fmt.Errorf("prepare to ask for configurations: %w", err)
		}
		resources := make([]*sarama.ConfigResource, len(topics))
		for i, topic := range topics {
			resources[i] = &sarama.ConfigResource{Type: sarama.TopicResource, Name: topic}
		}
		results, err := admin.DescribeConfigs(resources, sarama.DescribeConfigsOptions{})
		if err != nil {
			return fmt.Errorf("ask for the configurations of the topics %q: %w", topics, err)
		}
		for _, result := range results {
			if retention[result.Name], err = retentionOf(result); err != nil {
				return fmt.Errorf("read the configuration of topic %q: %w", result.Name, err)
			}
		}
		if len(retention) < len(topics) {
			return fmt.Errorf("ask for the configurations of the topics %q: %w", topics, sarama.ErrIncompleteResponse)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return retention, nil
}

func retentionOf(result *sarama.ConfigResourceResult) (time.Duration, error) {
	if !errors.Is(result.ErrorCode, sarama.ErrNoError) {
		return 0, result.ErrorCode
	}
	values := make(map[string]string, len(result.Configs))
	for _, entry := range result.Configs {
		values[entry.Name] = entry.Value
	}
	kept, err := strconv.ParseInt(values["retention.ms"], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read retention.ms: %w", err)
	}
	segment, err := strconv.ParseInt(values["segment.ms"], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read segment.ms: %w", err)
	}
	longest := Forever.Milliseconds()
	if kept < 0 || !strings.Contains(values["cleanup.policy"], "delete") || kept > longest || segment > longest-kept {
		return Forever, nil
	}
	return time.Duration(kept+segment) * time.Millisecond, nil
}

// asking opens a client for a question. sarama's calls take no context: when it
// ends, their connections do.
func asking(ctx context.Context, config Config, ask func(sarama.Client) error) (err error) {
	config, err = config.withDefaults()
	if err != nil {
		return fmt.Errorf("worker configuration: %w", err)
	}
	files := credentialFiles{tls: config.TLS, sasl: config.SASL}
	dialer := newDialer(files)
	defer context.AfterFunc(ctx, dialer.cutAll)()
	settings, err := saramaConfig(config, dialer)
	if err != nil {
		return fmt.Errorf("worker configuration: %w", err)
	}
	if config.SASL != nil {
		if err := kafkaauth.ApplySASL(settings, files.credentials); err != nil {
			return err
		}
	}
	client, err := sarama.NewClient(config.BootstrapServers, settings)
	if err != nil {
		return fmt.Errorf("connect to %q: %w", config.BootstrapServers, err)
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	err = ask(client)
	if field := explain(err, client, config.BootstrapServers); field != nil {
		return field
	}
	return err
}
