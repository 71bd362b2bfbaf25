package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

const (
	brokers = 3
	// Who does not catch up for that long is out of sync, and a broker that is
	// silent for that long is dead: both are shorter than Kafka's own 30 s and 9 s.
	replicaLag    = 5 * time.Second
	brokerSession = 6 * time.Second
)

// stand is the cluster of all experiments: clients come to each broker by a
// proxy, and so do the other brokers, which fetch what it leads.
type stand struct {
	kafka *apache.Cluster
	dir   string
	// clients and replication have a proxy for each broker.
	clients, replication []*proxy
	client               *kgo.Client
	admin                *kadm.Client
	surveyor             *kafkaadmin.Admin
	connection           kafkaadmin.Connection
	// environment is for one program that starts at a time: it names its file.
	environment sync.Mutex
}

func start(ctx context.Context) (s *stand, err error) {
	s = &stand{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "lagrange-evidence-"); err != nil {
		return s, fmt.Errorf("make a folder for Kafka's data: %w", err)
	}
	if err := s.startKafka(ctx); err != nil {
		return s, err
	}
	if s.client, err = kgo.NewClient(kgo.SeedBrokers(s.kafka.Admin()...)); err != nil {
		return s, fmt.Errorf("make a client: %w", err)
	}
	s.admin = kadm.NewClient(s.client)
	s.surveyor = kafkaadmin.NewAdmin(kafkaadmin.Options{})
	go func() { _ = s.surveyor.Start(ctx) }() // always nil
	s.connection = kafkaadmin.NewConnection(s.kafka.Admin(), "", kafkaauth.Security{})
	return s, nil
}

func (s *stand) startKafka(ctx context.Context) (err error) {
	var forClients, forBrokers []string
	if s.clients, forClients, err = proxies(); err != nil {
		return err
	}
	if s.replication, forBrokers, err = proxies(); err != nil {
		return err
	}
	s.kafka, err = apache.Start(ctx, apache.Options{
		Brokers: brokers, Dir: filepath.Join(s.dir, "kafka"), Progress: os.Stderr,
		Listeners: []apache.Listener{{Name: "CLIENT", Advertise: forClients}, {Name: "REPLICATION", Advertise: forBrokers}},
		Settings: map[string]string{
			"inter.broker.listener.name":    "REPLICATION",
			"replica.lag.time.max.ms":       milliseconds(replicaLag),
			"broker.session.timeout.ms":     milliseconds(brokerSession),
			"broker.heartbeat.interval.ms":  "500",
			"auto.leader.rebalance.enable":  "false",
			"transaction.state.log.min.isr": "2",
		},
	})
	if err != nil {
		return err
	}
	for node := range brokers {
		s.clients[node].leadTo(s.kafka.Listening("CLIENT")[node])
		s.replication[node].leadTo(s.kafka.Listening("REPLICATION")[node])
	}
	return nil
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

func proxies() (all []*proxy, addresses []string, err error) {
	for range brokers {
		p, err := newProxy()
		if err != nil {
			return all, nil, err
		}
		all, addresses = append(all, p), append(addresses, p.address())
	}
	return all, addresses, nil
}

// servers are where programs begin.
func (s *stand) servers() []string { return s.kafka.Servers("CLIENT") }

func (s *stand) close() error {
	for _, p := range append(s.clients, s.replication...) {
		p.close()
	}
	if s.client != nil {
		s.client.Close()
	}
	var err error
	if s.kafka != nil {
		err = s.kafka.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// describe reads what the cluster is, as the experiments' topics have it.
func (s *stand) describe(ctx context.Context) (cluster, error) {
	const topic = "described"
	if err := s.create(ctx, topic, safe()); err != nil {
		return cluster{}, err
	}
	survey, err := s.survey(ctx, topic)
	if err != nil {
		return cluster{}, err
	}
	on := cluster{
		version: apache.Version, eligibleLeaders: survey.Brokers.EligibleLeaders.String(), transactionVersion: survey.Brokers.TransactionVersion.String(),
		minISR: survey.Topics[topic].MinInSyncReplicas.String(), session: brokerSession, lag: replicaLag,
	}
	say("Apache Kafka %s, ELR level %s, min.insync.replicas %s", on.version, on.eligibleLeaders, on.minISR)
	return on, nil
}
