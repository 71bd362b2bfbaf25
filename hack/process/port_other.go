//go:build !linux

package process

import (
	"net"
	"net/netip"
)

func reserve(ip netip.Addr) (int, func() error, error) {
	listener, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return 0, nil, err
	}
	number := listener.Addr().(*net.TCPAddr).Port
	return number, func() error { return nil }, listener.Close()
}
