//go:build linux

package process_test

import (
	"net"
	"testing"

	"github.com/lagrange-operator/lagrange/hack/process"
)

func reserved(t *testing.T) *process.Port {
	t.Helper()
	port, err := process.Reserve("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() }) // a test may have closed it
	return port
}

func TestAServerListensOnItsReservedPortAgainAndAgain(t *testing.T) {
	port := reserved(t)
	for range 3 {
		listener, err := net.Listen("tcp", port.Address)
		if err != nil {
			t.Fatal(err)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A connection that names its own end is refused the port just as one that
// takes any end is not given it, without trying all 28,000 of them.
func TestNoConnectionTakesAReservedPort(t *testing.T) {
	port := reserved(t)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	local, err := net.ResolveTCPAddr("tcp", port.Address)
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{LocalAddr: local}
	connection, err := dialer.Dial("tcp", server.Addr().String())
	if err == nil {
		_ = connection.Close()
		t.Fatalf("a connection from %v was made", local)
	}
}

func TestPortIsFreeAgainAfterClose(t *testing.T) {
	port := reserved(t)
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	local, err := net.ResolveTCPAddr("tcp", port.Address)
	if err != nil {
		t.Fatal(err)
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	connection, err := (&net.Dialer{LocalAddr: local}).Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = connection.Close()
}

func TestReserveRefusesWhatIsNoIPv4Address(t *testing.T) {
	for _, host := range []string{"kafka", "::1", "127.0.0.1:9092"} {
		if port, err := process.Reserve(host); err == nil {
			t.Errorf("%q: got %s", host, port.Address)
		}
	}
}
