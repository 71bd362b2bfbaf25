package broker

import (
	"net"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
)

func TestClientsAreSentToTheAdvertisedAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	broker, err := Start(Options{
		Listen: "127.0.0.1:" + port, Advertise: "localhost:" + port,
		Topics: []Topic{{"demo", 12}, {"other", 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	if want := "localhost:" + port; broker.Address != want {
		t.Errorf("address %q, want %q", broker.Address, want)
	}
	config := sarama.NewConfig()
	config.Metadata.AllowAutoTopicCreation = true // the broker must still refuse
	client, err := sarama.NewClient([]string{"127.0.0.1:" + port}, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	var addresses []string
	for _, known := range client.Brokers() {
		addresses = append(addresses, known.Addr())
	}
	if diff := cmp.Diff([]string{"localhost:" + port}, addresses); diff != "" {
		t.Errorf("brokers that a client is told of, -want +got:\n%s", diff)
	}
	if partitions, err := client.Partitions("demo"); err != nil || len(partitions) != 12 {
		t.Errorf("topic demo has partitions %v, %v; want 12", partitions, err)
	}
	if _, err := client.Partitions("typo"); err == nil {
		t.Error("a topic was created by asking for it")
	}
}

func TestStartRefusesWhatCannotWork(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	cases := map[string]struct {
		reason  string
		options Options
	}{
		"Taken":     {"Another program listens there.", Options{Listen: taken.Addr().String()}},
		"Advertise": {"Clients need a port.", Options{Listen: "127.0.0.1:0", Advertise: "localhost"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if broker, err := Start(tc.options); err == nil {
				broker.Close()
				t.Errorf("%s\nStart succeeded", tc.reason)
			}
		})
	}
}

func TestParseTopic(t *testing.T) {
	if got, err := ParseTopic("orders:12"); err != nil || got != (Topic{"orders", 12}) {
		t.Errorf("ParseTopic: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "orders", "orders:", ":12", "orders:0", "orders:x"} {
		if got, err := ParseTopic(bad); err == nil {
			t.Errorf("ParseTopic(%q) = %+v", bad, got)
		}
	}
}
