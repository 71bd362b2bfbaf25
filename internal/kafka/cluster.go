package kafka

import "time"

// ClusterSample is what one look at a Kafka cluster found. It is immutable once
// handed out.
type ClusterSample struct {
	// ID is the cluster's own id, the last that was learned.
	ID string
	// At is when the look ended.
	At time.Time
	// Err says why no broker could be asked; it wraps ErrUnreachable,
	// ErrAuthentication or another of this package's errors.
	Err error
	// Brokers are sorted by node id; those of the last look that succeeded.
	Brokers []Broker
}

// Broker is one broker of a cluster.
type Broker struct {
	// NodeID is its number in the cluster.
	NodeID int32
	// Address is the host:port that it advertises.
	Address string
	// Version is the Kafka release that the broker's supported requests point to,
	// such as "4.2"; empty while not asked.
	Version string
}
