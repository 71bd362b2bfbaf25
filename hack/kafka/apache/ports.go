package apache

import (
	"errors"
	"fmt"
	"net"

	"github.com/lagrange-operator/lagrange/hack/process"
)

// ports are those that are kept for the brokers of a cluster, also while one is
// stopped.
type ports []*process.Port

// bindable are the addresses with a kept port for port 0, and 0.0.0.0 where no
// host is named, which Kafka would take for this host's name.
func (p *ports) bindable(addresses []string) ([]string, error) {
	var all []string
	for _, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("listen on %q: %w", address, err)
		}
		if host == "" {
			host = "0.0.0.0"
		}
		address = net.JoinHostPort(host, port)
		if port == "0" {
			if address, err = p.keep(host); err != nil {
				return nil, err
			}
		}
		all = append(all, address)
	}
	return all, nil
}

func (p *ports) keep(host string) (string, error) {
	port, err := process.Reserve(host)
	if err != nil {
		return "", err
	}
	*p = append(*p, port)
	return port.Address, nil
}

func (p *ports) release() error {
	var failures []error
	for _, port := range *p {
		failures = append(failures, port.Close())
	}
	*p = nil
	return errors.Join(failures...)
}
