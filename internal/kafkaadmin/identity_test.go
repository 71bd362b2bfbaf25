package kafkaadmin

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// relay is an address behind which clusters are exchanged.
type relay struct {
	net.Listener
	mu     sync.Mutex
	target string
	open   []net.Conn
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: listener}
	t.Cleanup(func() { _ = listener.Close(); r.to("") })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.pass(conn)
		}
	}()
	return r
}

// to exchanges what is behind the address, and ends what is connected.
func (r *relay) to(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
	for _, conn := range r.open {
		_ = conn.Close()
	}
	r.open = nil
}

func (r *relay) pass(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	behind, err := net.Dial("tcp", r.target)
	if err != nil {
		_ = conn.Close()
		return
	}
	r.open = append(r.open, conn, behind)
	for _, way := range [][2]net.Conn{{conn, behind}, {behind, conn}} {
		go func() { _, _ = io.Copy(way[0], way[1]); _ = way[0].Close() }()
	}
}

// behindRelay starts a broker that advertises the relay's address and has
// records in the partition "orders-0" of which billing committed one.
func behindRelay(t *testing.T, r *relay, id string, records int) (cluster *kfake.Cluster, address string) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ClusterID(id), kfake.SeedTopics(1, "orders"),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			inner, err := net.Listen(network, "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			address = inner.Addr().String()
			return named{inner, r.Addr()}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	r.to(address)
	producer, err := kgo.NewClient(kgo.SeedBrokers(r.Addr().String()), kgo.DefaultProduceTopic("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for range records {
		if err := producer.ProduceSync(t.Context(), kgo.StringRecord("x")).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var offsets kadm.Offsets
	offsets.AddOffset("orders", 0, 1, -1)
	if err := kadm.NewClient(producer).CommitAllOffsets(t.Context(), "billing", offsets); err != nil {
		t.Fatal(err)
	}
	return cluster, address
}

// named is a listener that goes by another address: kfake advertises it.
type named struct {
	net.Listener
	as net.Addr
}

func (n named) Addr() net.Addr { return n.as }

// TestClusterExchangedInACycle: offsets of the new cluster are never told as the
// old one's, whichever request comes first to the new one.
func TestClusterExchangedInACycle(t *testing.T) {
	for _, key := range []int16{16, 9, 2} { // ListGroups, OffsetFetch, ListOffsets
		t.Run(kmsg.NameForKey(key), func(t *testing.T) {
			r := newRelay(t)
			_, second := behindRelay(t, r, "second", 9)
			first, _ := behindRelay(t, r, "first", 4)
			life, end := context.WithCancel(context.Background())
			client := newClient(life, NewConnection([]string{r.Addr().String()}, "", kafkaauth.Security{}), Options{}.withDefaults())
			defer client.close()
			defer end()
			wanted := []interest{{GroupID: "billing", Topics: []string{"orders"}}}
			if got := once(t, client, wanted); got.ClusterID != "first" || got.Topics[0].Partitions[0].End != 4 {
				t.Fatalf("before the exchange: %+v", got)
			}
			first.ControlKey(key, func(kmsg.Request) (kmsg.Response, error, bool) {
				r.to(second)
				return nil, errors.New("exchanged"), true
			})
			if got := once(t, client, wanted); !errors.Is(got.ConnectionErr, kafka.ErrUnavailable) || got.Topics != nil {
				t.Errorf("the cycle of the exchange says %+v", got)
			}
			if got := once(t, client, wanted); got.ClusterID != "second" || got.Topics[0].Partitions[0].End != 9 {
				t.Errorf("after the exchange: %+v", got)
			}
		})
	}
}

// once is the sample of one cycle.
func once(t *testing.T, client *client, wanted []interest) kafka.GroupSample {
	t.Helper()
	outcomes, _ := client.sample(t.Context(), wanted)
	return *outcomes[0].sample
}
