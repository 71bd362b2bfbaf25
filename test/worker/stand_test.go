package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
)

// The kinds of Kafka.
const (
	onFake   = "kfake"
	onApache = "Apache"
)

// stand is a Kafka of three brokers. What a schedule does to it goes through
// franz-go, which is not the workers' client.
type stand struct {
	servers []string
	client  *kgo.Client
	admin   *kadm.Client
	fake    *fakeBrokers   // nil on Apache Kafka
	apache  *apacheBrokers // nil on kfake
}

// fakeBrokers belong to one schedule.
type fakeBrokers struct {
	*kfake.Cluster
	mutex sync.Mutex
	conns map[string]map[net.Conn]struct{} // by the address of the broker
}

// apacheBrokers are shared. The mutex is for what is done to brokers and leaders.
type apacheBrokers struct {
	*apache.Cluster
	mutex sync.Mutex
}

func startApache(t *testing.T) *apacheBrokers {
	t.Helper()
	cluster, err := apache.Start(context.Background(), apache.Options{
		Brokers: 3, Progress: os.Stderr,
		Settings: map[string]string{
			"group.min.session.timeout.ms": "1000", "min.insync.replicas": "2",
			"broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "500",
			"log.cleaner.backoff.ms": "200", "log.initial.task.delay.ms": "0",
			"transaction.state.log.min.isr": "2",
		},
	})
	if errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED, nothing was tried on Apache Kafka: %v", err)
	}
	must(t, "start Apache Kafka", err)
	t.Cleanup(func() { must(t, "end Apache Kafka", cluster.Close()) })
	return &apacheBrokers{Cluster: cluster}
}

func apacheStand(t *testing.T, brokers *apacheBrokers) *stand {
	t.Helper()
	return (&stand{servers: brokers.BootstrapServers(), apache: brokers}).connected(t)
}

func fakeStand(t *testing.T, s schedule) *stand {
	t.Helper()
	f := &fakeBrokers{conns: map[string]map[net.Conn]struct{}{}}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.ClusterID(s.settings.Group),
		kfake.GroupMinSessionTimeout(time.Second), kfake.ListenFn(f.listen))
	must(t, "start kfake", err)
	t.Cleanup(cluster.Close)
	f.Cluster = cluster
	return (&stand{servers: cluster.ListenAddrs(), fake: f}).connected(t)
}

func (s *stand) connected(t *testing.T) *stand {
	t.Helper()
	s.client = s.newClient(t)
	s.admin = kadm.NewClient(s.client)
	return s
}

func (s *stand) newClient(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	all := slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(s.servers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50 * time.Millisecond),
	}, options)
	client, err := kgo.NewClient(all...)
	must(t, "make a client", err)
	t.Cleanup(client.Close)
	return client
}

// listen keeps the connections of a broker, which kfake does not end with it.
func (f *fakeBrokers) listen(network, address string) (net.Listener, error) {
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return &keeping{listener, f}, nil
}

type keeping struct {
	net.Listener
	of *fakeBrokers
}

// Accept implements net.Listener.
func (k *keeping) Accept() (net.Conn, error) {
	conn, err := k.Listener.Accept()
	if err != nil {
		return nil, err
	}
	k.of.mutex.Lock()
	defer k.of.mutex.Unlock()
	at := k.Addr().String()
	if k.of.conns[at] == nil {
		k.of.conns[at] = map[net.Conn]struct{}{}
	}
	k.of.conns[at][conn] = struct{}{}
	return conn, nil
}

// hangUp ends the connections of a broker.
func (f *fakeBrokers) hangUp(address string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for conn := range f.conns[address] {
		_ = conn.Close()
	}
	delete(f.conns, address)
}

// down ends a broker until up.
func (f *fakeBrokers) down(node int32, address string) error {
	if err := f.RemoveNode(node); err != nil {
		return fmt.Errorf("end broker %d: %w", node, err)
	}
	f.hangUp(address)
	return nil
}

func (f *fakeBrokers) up(node int32, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	if _, _, err := f.AddNode(node, number); err != nil {
		return fmt.Errorf("start broker %d: %w", node, err)
	}
	return nil
}

// watchCommits shows the record what is committed: on kfake every request
// before it is answered, on Apache Kafka the group's offsets again and again.
func (s *stand) watchCommits(ctx context.Context, group string, r *record) {
	if s.fake != nil {
		s.fake.ControlKey(int16(kmsg.OffsetCommit), func(request kmsg.Request) (kmsg.Response, error, bool) {
			s.fake.KeepControl()
			for _, topic := range request.(*kmsg.OffsetCommitRequest).Topics {
				for _, p := range topic.Partitions {
					r.committed(partition{topic.Topic, p.Partition}, p.Offset)
				}
			}
			return nil, nil, false
		})
		return
	}
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		offsets, _ := s.admin.FetchOffsets(ctx, group) // the coordinator may be moving
		offsets.Each(func(o kadm.OffsetResponse) {
			if o.Err == nil && o.At >= 0 {
				r.committed(partition{o.Topic, o.Partition}, o.At)
			}
		})
	}
}
