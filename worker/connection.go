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
	// fetchBytes per partition and fetch. What a paused partition has on top of
	// its share is at most two fetches.
	fetchBytes = 256 << 10
	// fetchWait is how long a broker may wait for messages to answer a fetch.
	// One that waits with all others idle holds up a partition which was paused
	// when it was asked: 64 handlers of 1 ms on the only one of 12 partitions
	// with messages do 13,000 a second with sarama's 500 ms, and 47,000 with
	// 100 ms. An idle member asks each broker ten times a second for that.
	fetchWait = 100 * time.Millisecond
	// feedTimeout is how long sarama waits for a claim to take a message before
	// it fetches for the others without it. A claim of ours always takes.
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
	kafka.Consumer.MaxWaitTime = fetchWait
	kafka.Consumer.MaxProcessingTime = feedTimeout
	kafka.Consumer.Offsets.AutoCommit.Enable = false
	kafka.Consumer.Offsets.Initial = sarama.OffsetOldest // never used: every claim opens at a resolved offset
	kafka.Consumer.Group.ResetInvalidOffsets = false
	kafka.Consumer.Group.InstanceId = config.InstanceID
	kafka.Consumer.Group.Session.Timeout = config.SessionTimeout
	kafka.Consumer.Group.Heartbeat.Interval = config.HeartbeatInterval
	kafka.Consumer.Group.Rebalance.Timeout = config.RebalanceTimeout
	kafka.Consumer.Group.Rebalance.GroupStrategies = strategies(config)
	if err := kafka.Validate(); err != nil {
		return nil, fmt.Errorf("configure the Kafka client: %w", err)
	}
	return kafka, nil
}

// dialer opens sarama's connections, and TLS on them, and can cut them all:
// sarama's calls take no context, and a join may wait for minutes.
type dialer struct {
	net   net.Dialer
	files credentialFiles
	// under is nil, or the dialer that cuts this one's connections as well.
	under *dialer
	// uncut ends a dialling that is under way when the connections are cut.
	uncut context.Context
	end   context.CancelFunc

	mutex       sync.Mutex
	connections map[*connection]struct{}
}

func newDialer(files credentialFiles) *dialer {
	return newDialerUntil(context.Background(), files)
}

func newDialerUntil(ctx context.Context, files credentialFiles) *dialer {
	d := &dialer{net: net.Dialer{Timeout: dialTimeout}, files: files, connections: make(map[*connection]struct{})}
	d.uncut, d.end = context.WithCancel(ctx)
	return d
}

// over is a dialer whose connections can be cut by themselves, too.
func (d *dialer) over() *dialer {
	own := newDialerUntil(d.uncut, d.files)
	own.under = d
	return own
}

// Dial implements proxy.Dialer for sarama.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	opened, err := d.net.DialContext(d.uncut, network, address)
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
	if d.under != nil {
		below, err := d.under.track(opened)
		if err != nil {
			return nil, err
		}
		opened = below
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.isCut() {
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
	d.end()
	for open := range d.connections {
		_ = open.Conn.Close()
	}
}

func (d *dialer) isCut() bool { return d.uncut.Err() != nil }

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
