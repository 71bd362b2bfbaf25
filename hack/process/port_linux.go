package process

import (
	"errors"
	"net/netip"
	"syscall"
)

// reserve binds a socket that never listens. With SO_REUSEADDR on both, as
// servers set it, another socket may bind to the same address and listen, but
// neither is the port given to a socket that asks for any, nor to a connection.
func reserve(ip netip.Addr) (int, func() error, error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, err
	}
	release := func() error { return syscall.Close(socket) }
	number, err := bindAny(socket, ip)
	if err != nil {
		return 0, nil, errors.Join(err, release())
	}
	return number, release, nil
}

func bindAny(socket int, ip netip.Addr) (int, error) {
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: ip.As4()}); err != nil {
		return 0, err
	}
	address, err := syscall.Getsockname(socket)
	if err != nil {
		return 0, err
	}
	return address.(*syscall.SockaddrInet4).Port, nil
}
