package watch

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

func TestLagIsWhatIsNotCommitted(t *testing.T) {
	kafka, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "orders", Partitions: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	lag, err := NewLag(kafka.Address, "workers", "orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lag.Close)
	want := func(want int64, when string) {
		t.Helper()
		if got, err := lag.Read(t.Context()); err != nil || got != want {
			t.Errorf("%s the lag is %d, %v; want %d", when, got, err, want)
		}
	}

	want(0, "in an empty topic")
	for _, partition := range []int32{0, 0, 0, 1, 1} {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Partition: partition}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	want(5, "before the first commit")
	var commits kadm.Offsets
	commits.AddOffset("orders", 0, 2, -1)
	if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), "workers", commits); err != nil {
		t.Fatal(err)
	}
	want(3, "with one partition committed and one not")
}

func TestATopicThatIsMissingIsAnError(t *testing.T) {
	kafka, err := broker.Start(broker.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	lag, err := NewLag(kafka.Address, "workers", "orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lag.Close)
	if got, err := lag.Read(t.Context()); err == nil {
		t.Errorf("the lag of no topic is %d", got)
	}
}
