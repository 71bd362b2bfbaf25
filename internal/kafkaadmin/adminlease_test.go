package kafkaadmin

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// A client that nobody uses is closed, and not before: each rotation of a password
// leaves one behind.
func TestIdleClients(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	admin := NewAdmin(Options{})
	connection := NewConnection(cluster.ListenAddrs(), "", kafkaauth.Security{})
	clients := func() int {
		admin.mu.Lock()
		defer admin.mu.Unlock()
		return len(admin.leases)
	}
	first, release, err := admin.use(connection)
	if err != nil {
		t.Fatal(err)
	}
	l := admin.leases[connection]
	admin.expire(connection, l) // a timer that ran out just then
	second, releaseSecond, err := admin.use(connection)
	if err != nil || first != second {
		t.Errorf("%p and %p, %v: want one client", first, second, err)
	}
	release()
	admin.expire(connection, l)
	if clients() != 1 {
		t.Error("a client in use was closed")
	}
	admin.mu.Lock()
	admin.idle = time.Millisecond
	admin.mu.Unlock()
	releaseSecond()
	await(t, func() bool { return clients() == 0 })

	_, releaseThird, err := admin.use(connection)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error)
	go func() { done <- admin.Start(ended) }()
	await(t, func() bool {
		admin.mu.Lock()
		defer admin.mu.Unlock()
		return admin.closed
	})
	releaseThird()
	if err := <-done; err != nil || clients() != 0 {
		t.Errorf("%v, and %d clients are left", err, clients())
	}
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}

// The hashes are Java's: that of a character beyond the first plane is of its
// two halves.
func TestOffsetsPartition(t *testing.T) {
	for group, want := range map[string]int32{"": 0, "a": 97 % 50, "ab": (31*97 + 98) % 50, "😀": (31*0xd83d + 0xde00) % 50} {
		if got := offsetsPartition(group, 50); got != want {
			t.Errorf("%q: %d, want %d", group, got, want)
		}
	}
}
