package worker

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

const (
	// fetchBytes per partition and fetch. sarama hands a fetch's messages to
	// all claims of a broker before it fetches again, so one slow partition
	// holds up the others for as long as its share takes: at 100 bytes and
	// 10 ms a message 64 KiB are about 6 s, the usual 1 MiB would be 100 s.
	fetchBytes = 64 << 10
	// feedTimeout is sarama's limit for the same while a partition doesn't
	// move at all: then the others go on without it.
	feedTimeout = time.Second
	dialTimeout = 10 * time.Second
	// answerReserve is what an answer may take on top of the rebalance timeout.
	answerReserve = 5 * time.Second
	// longestAnswer bounds it: with a processing time of hours a broker that
	// has gone silent must be noticed all the same. A join that takes longer
	// is broken off and begun again.
	longestAnswer = 5 * time.Minute
)

// saramaConfig turns a validated Config with its defaults into sarama's.
func saramaConfig(config Config, dialer *dialer) (*sarama.Config, error) {
	version, err := parseVersion(config.KafkaVersion)
	if err != nil {
		return nil, err
	}
	kafka := sarama.NewConfig()
	kafka.Version = version
	kafka.ClientID = config.ClientID
	kafka.Net.DialTimeout = dialTimeout
	// A join is answered when the slowest member has joined.
	kafka.Net.ReadTimeout = min(config.RebalanceTimeout+answerReserve, longestAnswer)
	kafka.Net.Proxy.Enable = true
	kafka.Net.Proxy.Dialer = dialer
	kafka.Metadata.Full = false
	kafka.Metadata.RefreshFrequency = config.MetadataRefresh
	kafka.Metadata.AllowAutoTopicCreation = false
	kafka.Consumer.Return.Errors = true
	if config.IsolationLevel == ReadCommitted {
		kafka.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	kafka.Consumer.Fetch.Default = fetchBytes
	kafka.Consumer.MaxProcessingTime = min(config.MaxProcessingTime, feedTimeout)
	kafka.Consumer.Offsets.AutoCommit.Enable = false
	kafka.Consumer.Offsets.Initial = sarama.OffsetOldest // never used: every claim opens at a resolved offset
	kafka.Consumer.Group.ResetInvalidOffsets = false
	kafka.Consumer.Group.Session.Timeout = config.SessionTimeout
	kafka.Consumer.Group.Heartbeat.Interval = config.HeartbeatInterval
	kafka.Consumer.Group.Rebalance.Timeout = config.RebalanceTimeout
	kafka.Consumer.Group.Rebalance.GroupStrategies = strategies(config.Assignment)
	if err := kafka.Validate(); err != nil {
		return nil, fmt.Errorf("configure the Kafka client: %w", err)
	}
	return kafka, nil
}

// strategies offers every assignment, the wanted one first. The coordinator
// takes the one that all members offer and most prefer, so a rollout that
// changes the assignment is never locked out by the members of the old one.
func strategies(wanted Assignment) []sarama.BalanceStrategy {
	first := map[Assignment]sarama.BalanceStrategy{
		Range:      sarama.NewBalanceStrategyRange(),
		RoundRobin: sarama.NewBalanceStrategyRoundRobin(),
		Sticky:     sarama.NewBalanceStrategySticky(),
	}
	list := []sarama.BalanceStrategy{first[wanted]}
	for _, other := range []Assignment{Range, RoundRobin, Sticky} {
		if other != wanted {
			list = append(list, first[other])
		}
	}
	return list
}

// dialer opens sarama's connections, and TLS on them, and can cut them all:
// sarama's calls take no context, and a join may wait for minutes.
type dialer struct {
	net   net.Dialer
	files credentialFiles

	mutex       sync.Mutex
	cut         bool
	connections map[*connection]struct{}
}

func newDialer(files credentialFiles) *dialer {
	return &dialer{net: net.Dialer{Timeout: dialTimeout}, files: files, connections: make(map[*connection]struct{})}
}

// Dial implements proxy.Dialer for sarama.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	opened, err := d.net.Dial(network, address)
	if err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	tracked, err := d.track(opened)
	if err != nil {
		return nil, err
	}
	secure, err := d.secure(kafkaauth.Watch(tracked), address)
	if err != nil {
		_ = tracked.Close() // nothing was sent on it that could be lost
		return nil, err
	}
	return secure, nil
}

// secure speaks TLS on the connection, if there is TLS, with the certificates
// of the moment. sarama's own way to TLS keeps those that it started with.
func (d *dialer) secure(conn net.Conn, address string) (net.Conn, error) {
	if d.files.tls == nil {
		return conn, nil
	}
	config, err := d.files.tlsConfig(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("begin TLS with %q: %w", address, err)
	}
	return client, nil
}

func (d *dialer) track(opened net.Conn) (net.Conn, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.cut {
		_ = opened.Close()
		return nil, net.ErrClosed
	}
	tracked := &connection{Conn: opened, dialer: d}
	d.connections[tracked] = struct{}{}
	return tracked, nil
}

// cutAll closes every connection, now and from now on.
func (d *dialer) cutAll() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.cut = true
	for open := range d.connections {
		_ = open.Conn.Close()
	}
}

type connection struct {
	net.Conn
	dialer *dialer
}

// Close also forgets the connection.
func (c *connection) Close() error {
	c.dialer.mutex.Lock()
	delete(c.dialer.connections, c)
	c.dialer.mutex.Unlock()
	return c.Conn.Close()
}
