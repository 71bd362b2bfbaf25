package trial

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/hack/sqldb"
)

const (
	brokers    = 3
	partitions = 12
)

// servers are what runs during all rounds.
type servers struct {
	kafka    *apache.Cluster
	database *sqldb.Server
	admin    *kadm.Client
}

func start(ctx context.Context, out io.Writer) (*servers, error) {
	database, err := sqldb.StartMariaDB(ctx, out)
	if err != nil {
		return nil, err
	}
	_, _ = fmt.Fprintf(out, "starting %d brokers of Apache Kafka %s\n", brokers, apache.Version)
	kafka, err := apache.Start(ctx, apache.Options{Brokers: brokers, Progress: out})
	if err != nil {
		return nil, errors.Join(err, database.Close())
	}
	s := &servers{kafka: kafka, database: database}
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.BootstrapServers()...))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.admin = kadm.NewClient(client)
	return s, nil
}

func (s *servers) close() error {
	if s.admin != nil {
		s.admin.Close()
	}
	return errors.Join(s.kafka.Close(), s.database.Close())
}

// createTopic makes a topic that survives the loss of a broker: three replicas,
// of which two must have a message before it is acknowledged.
func (s *servers) createTopic(ctx context.Context, topic string) error {
	two := "2"
	if _, err := s.admin.CreateTopic(ctx, partitions, brokers, map[string]*string{"min.insync.replicas": &two}, topic); err != nil {
		return fmt.Errorf("create topic %q: %w", topic, err)
	}
	return nil
}

// behind is how many messages of the topic the group has not committed.
func (s *servers) behind(ctx context.Context, group, topic string) (int64, error) {
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("read the ends of topic %q: %w", topic, err)
	}
	commits, err := s.admin.FetchOffsets(ctx, group)
	if err == nil {
		err = commits.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("read the commits of group %q: %w", group, err)
	}
	var behind int64
	for _, partition := range ends.Offsets().Sorted() {
		committed, ok := commits.Lookup(topic, partition.Partition)
		if !ok {
			behind += partition.At
			continue
		}
		behind += partition.At - max(0, committed.At)
	}
	return behind, nil
}

// members is how many workers the group has.
func (s *servers) members(ctx context.Context, group string) (int, error) {
	described, err := s.admin.DescribeGroups(ctx, group)
	if err == nil {
		err = described.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("describe group %q: %w", group, err)
	}
	return len(described[group].Members), nil
}
