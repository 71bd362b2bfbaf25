//go:build linux

package kafkaadmin_test

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"
)

// silentAddress is an address that answers no attempt to connect, like a
// firewall that drops them: a listener whose queue is full.
func silentAddress(t *testing.T) string {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(err)
	t.Cleanup(func() { _ = syscall.Close(socket) })
	must(syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(syscall.Listen(socket, 0))
	bound, err := syscall.Getsockname(socket)
	must(err)
	address := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	for {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address // the queue is full
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}
