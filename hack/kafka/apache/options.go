package apache

import (
	"fmt"
	"io"
	"slices"

	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

// Options say what to start. The zero value is one broker in plain text on a
// free port of loopback.
type Options struct {
	// Brokers is how many nodes there are, 1 or 3; 0 means 1. Their ids start at 0.
	Brokers int
	// Listeners are where clients connect. Empty: one in plain text.
	Listeners []Listener
	// Users may authenticate by SCRAM-SHA-256 and SCRAM-SHA-512 at the listeners that ask for it.
	Users []User
	// ACLs refuses what no ACL allows. At the admin addresses all is allowed.
	ACLs bool
	// Topics exist when Start returns; no others are created by asking for them.
	Topics []broker.Topic
	// Settings are added to server.properties, over what is there by default.
	Settings map[string]string
	// Heap is the maximum heap of a node, as java -Xmx takes it. Default "384m".
	Heap string
	// Dir holds data and logs, and must be empty or not there. Default: a
	// temporary folder that Close removes.
	Dir string
	// Progress is told what takes long. Default: nobody.
	Progress io.Writer
}

// Listener is one way for clients to connect to each broker.
type Listener struct {
	// Name is what Kafka calls it, such as "TLS". Default "CLIENT".
	Name string
	// Listen has a host:port for each broker; port 0 takes a free one. Empty:
	// free ports of loopback.
	Listen []string
	// Advertise has, for each broker, the host:port that clients are told to
	// connect to. Empty: the ones listened on.
	Advertise []string
	// Certificate and Key are the brokers', PEM, the key in PKCS #8. Empty: plain text.
	Certificate, Key string
	// ClientCA, PEM, signs the certificate that a client must have. Empty: it needs none.
	ClientCA string
	// SCRAM makes clients authenticate as one of the users.
	SCRAM bool
}

// User is a name with its password.
type User struct{ Name, Password string }

const (
	adminListener      = "ADMIN"
	controllerListener = "CONTROLLER"
	loopback           = "127.0.0.1:0"
)

// resolved fills in what is left out, addresses too.
func (o Options) resolved(ports *ports) (Options, error) {
	o.Brokers = max(o.Brokers, 1)
	if o.Brokers != 1 && o.Brokers != 3 {
		return o, fmt.Errorf("%d brokers: only 1 or 3 can be started", o.Brokers)
	}
	if o.Heap == "" {
		o.Heap = "384m"
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	listeners := slices.Clone(o.Listeners)
	if len(listeners) == 0 {
		listeners = []Listener{{}}
	}
	listeners = append(listeners, Listener{Name: adminListener}, Listener{Name: controllerListener})
	for i, listener := range listeners {
		var err error
		if listeners[i], err = listener.resolved(o.Brokers, ports); err != nil {
			return o, err
		}
	}
	o.Listeners = listeners
	return o, nil
}

func (l Listener) resolved(brokers int, ports *ports) (Listener, error) {
	if l.Name == "" {
		l.Name = "CLIENT"
	}
	if len(l.Listen) == 0 {
		l.Listen = slices.Repeat([]string{loopback}, brokers)
	}
	var err error
	if l.Listen, err = ports.bindable(l.Listen); err != nil {
		return l, fmt.Errorf("listener %q: %w", l.Name, err)
	}
	if len(l.Advertise) == 0 {
		l.Advertise = l.Listen
	}
	if len(l.Listen) != brokers || len(l.Advertise) != brokers {
		return l, fmt.Errorf("listener %q listens at %v and advertises %v: each broker needs one of both", l.Name, l.Listen, l.Advertise)
	}
	return l, nil
}

// protocol is what Kafka calls the listener's kind of security.
func (l Listener) protocol() string {
	switch {
	case l.Certificate != "" && l.SCRAM:
		return "SASL_SSL"
	case l.Certificate != "":
		return "SSL"
	case l.SCRAM:
		return "SASL_PLAINTEXT"
	default:
		return "PLAINTEXT"
	}
}
