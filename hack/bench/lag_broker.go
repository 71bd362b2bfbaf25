package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lagBroker is the brokers' side of the lag benchmark, a process of its own:
// kfake with metered sockets, seeded groups, and a little traffic.
type lagBroker struct {
	lagShape
	cluster *kfake.Cluster
	meter   *meter
}

// runLagBroker serves until its standard input closes. The first line of its
// standard output is a lagBrokerReady.
func runLagBroker(ctx context.Context, shape lagShape) error {
	b := &lagBroker{lagShape: shape, meter: newMeter("lagrange", shape.RTT)}
	var err error
	b.cluster, err = kfake.NewCluster(
		kfake.NumBrokers(shape.Brokers), kfake.SeedTopics(int32(shape.Partitions), shape.topics()...),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			inner, err := net.Listen(network, address)
			if err != nil {
				return nil, fmt.Errorf("listen on %q: %w", address, err)
			}
			return b.meter.listener(inner), nil
		}))
	if err != nil {
		return fmt.Errorf("start brokers: %w", err)
	}
	defer b.cluster.Close()
	if err := b.seed(ctx); err != nil {
		return err
	}
	control, err := b.serve()
	if err != nil {
		return err
	}
	go b.traffic(ctx)
	ready := lagBrokerReady{Addresses: b.cluster.ListenAddrs(), Control: control}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return fmt.Errorf("say that the brokers are ready: %w", err)
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // ends when the benchmark does
	return nil
}

// lagBrokerReady is how the brokers are reached.
type lagBrokerReady struct {
	Addresses []string `json:"addresses"`
	Control   string   `json:"control"`
}

func (b *lagBroker) client(opts ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(append(opts,
		kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.ClientID("traffic"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return nil, fmt.Errorf("make the traffic's client: %w", err)
	}
	return client, nil
}

// seed fills every partition with one record and commits before it for every
// group, with metadata of the wanted size: each partition lags by one.
func (b *lagBroker) seed(ctx context.Context) error {
	client, err := b.client()
	if err != nil {
		return err
	}
	defer client.Close()
	for _, topic := range b.topics() {
		for p := range b.Partitions {
			client.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte("x")}, nil)
		}
	}
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("produce the first records: %w", err)
	}
	admin := kadm.NewClient(client)
	metadata := strings.Repeat("m", b.Metadata)
	for g := range b.Groups {
		var offsets kadm.Offsets
		for _, topic := range b.topicsOf(g) {
			for p := range b.Partitions {
				offsets.Add(kadm.Offset{Topic: topic, Partition: int32(p), At: 1, LeaderEpoch: -1, Metadata: metadata})
			}
		}
		if _, err := admin.CommitOffsets(ctx, b.group(g), offsets); err != nil {
			return fmt.Errorf("commit for group %q: %w", b.group(g), err)
		}
	}
	return nil
}

// traffic moves ends all the time, so that no cycle finds an idle cluster: one
// record a second in each of 100 partitions.
func (b *lagBroker) traffic(ctx context.Context) {
	client, err := b.client()
	if err != nil {
		return
	}
	defer client.Close()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n += 100 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i := range 100 {
			topic, p := b.topics()[(n+i)%b.Topics], (n+i)/b.Topics%b.Partitions
			client.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte("x")}, nil)
		}
	}
}

// serve answers GET /reading with the meter's reading, and POST /move by moving
// the coordinators.
func (b *lagBroker) serve() (string, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /reading", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(b.meter.read()) // the benchmark sees a cut answer as an error
	})
	mux.HandleFunc("POST /move", func(http.ResponseWriter, *http.Request) { b.cluster.RehashCoordinators() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for the benchmark: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }() // ends with the process
	return "http://" + listener.Addr().String(), nil
}
