package process

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Port is a TCP port that is kept for a server which this process starts, and
// starts again: from Reserve to Close no other is given it. A port that was
// merely free a moment ago may be the local end of somebody's connection when
// the server comes to listen on it.
type Port struct {
	// Address is the host:port.
	Address string

	release func() error
}

// Reserve keeps a free port of the host, an IPv4 address; empty means every
// address of this machine. Where the kernel can't keep a port for another
// process, which is anywhere but on Linux, it is one that is free now.
func Reserve(host string) (*Port, error) {
	ip, err := netip.ParseAddr(cmp.Or(host, "0.0.0.0"))
	if err != nil || !ip.Is4() {
		return nil, fmt.Errorf("reserve a port of %q: it is not an IPv4 address", host)
	}
	number, release, err := reserve(ip)
	if err != nil {
		return nil, fmt.Errorf("reserve a port of %v: %w", ip, err)
	}
	return &Port{Address: net.JoinHostPort(ip.String(), strconv.Itoa(number)), release: release}, nil
}

// Close gives the port back. A server that listens on it goes on.
func (p *Port) Close() error { return p.release() }
