// Package broker runs an embedded Kafka broker for demos and tests: kfake,
// which speaks the protocol and keeps everything in memory.
package broker

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
)

// ClusterID is the Kafka cluster id that the broker reports.
const ClusterID = "lagrange-demo"

// Options say how a broker is reached and what it starts with.
type Options struct {
	// Listen is the host:port to listen on. Port 0 takes a free one.
	Listen string
	// Advertise is the host:port that clients are told to connect to. Empty
	// means the address that is listened on.
	Advertise string
	// Topics exist from the start; no others are created by asking for them.
	Topics []Topic
}

// Topic is a topic to create.
type Topic struct {
	Name       string
	Partitions int32
}

// ParseTopic reads name:partitions, such as "orders:12".
func ParseTopic(text string) (Topic, error) {
	name, number, found := strings.Cut(text, ":")
	partitions, err := strconv.ParseInt(number, 10, 32)
	if !found || name == "" || err != nil || partitions < 1 {
		return Topic{}, fmt.Errorf("topic %q is not of the form name:partitions", text)
	}
	return Topic{Name: name, Partitions: int32(partitions)}, nil
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	// Address is the host:port that clients connect to.
	Address string
}

// Start runs one broker until Close.
func Start(options Options) (*Broker, error) {
	listener, err := listen(options)
	if err != nil {
		return nil, err
	}
	settings := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID(ClusterID),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return listener, nil }),
	}
	for _, topic := range options.Topics {
		settings = append(settings, kfake.SeedTopics(topic.Partitions, topic.Name))
	}
	cluster, err := kfake.NewCluster(settings...)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("start broker: %w", err)
	}
	return &Broker{cluster: cluster, Address: listener.Addr().String()}, nil
}

// Close stops the broker and forgets everything in it.
func (b *Broker) Close() { b.cluster.Close() }

func listen(options Options) (net.Listener, error) {
	listener, err := net.Listen("tcp", options.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", options.Listen, err)
	}
	if options.Advertise == "" {
		return listener, nil
	}
	if _, _, err := net.SplitHostPort(options.Advertise); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("advertise %q: %w", options.Advertise, err)
	}
	return advertised{listener, address(options.Advertise)}, nil
}

// advertised is a listener that names another address as its own: kfake tells
// clients its listener's.
type advertised struct {
	net.Listener
	as address
}

// Addr implements net.Listener.
func (a advertised) Addr() net.Addr { return a.as }

type address string

// Network implements net.Addr.
func (address) Network() string { return "tcp" }

// String implements net.Addr.
func (a address) String() string { return string(a) }
