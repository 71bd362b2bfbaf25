package kafkaadmin_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// newAdmin is an Admin for the length of the test.
func newAdmin(t testing.TB, options kafkaadmin.Options) *kafkaadmin.Admin {
	t.Helper()
	admin := kafkaadmin.NewAdmin(options)
	t.Cleanup(runAdmin(t, admin))
	return admin
}

// runAdmin starts it and returns what stops it and waits for its end.
func runAdmin(t testing.TB, admin *kafkaadmin.Admin) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- admin.Start(ctx) }()
	return func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Start returned %v", err)
			}
		case <-time.After(patience):
			t.Error("Start did not return")
		}
	}
}

// partition is one of the topic "orders".
func partition(id int32) kafka.TopicPartition {
	return kafka.TopicPartition{Topic: "orders", Partition: id}
}

// commitsAt are commits of so many partitions of "orders", each at 10 more than
// the one before.
func commitsAt(count int, metadata string) []kafka.PartitionCommit {
	commits := make([]kafka.PartitionCommit, count)
	for i := range commits {
		commits[i] = kafka.PartitionCommit{TopicPartition: partition(int32(i)), Commit: kafka.Commit{Offset: int64(10 * i), Metadata: metadata}}
	}
	return commits
}

// committed is what another client reads of the group.
func (b broker) committed(t testing.TB, group string) kadm.OffsetResponses {
	t.Helper()
	offsets, err := b.admin(t).FetchOffsets(t.Context(), group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		t.Fatal(err)
	}
	return offsets
}

// counted counts the requests of one kind.
func (b broker) counted(key kmsg.Key) (times *atomic.Int64) {
	times = new(atomic.Int64)
	b.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		times.Add(1)
		return nil, nil, false
	})
	return times
}

// wantKinds fails the test unless the error is of exactly these kinds.
func wantKinds(t *testing.T, err error, kinds ...error) {
	t.Helper()
	for _, kind := range []error{
		kafka.ErrUnreachable, kafka.ErrTimeout, kafka.ErrTopicMissing, kafka.ErrAuthentication, kafka.ErrUnauthorized,
		kafka.ErrUnavailable, kafka.ErrRejected, kafka.ErrUnsupported, kafka.ErrGroupNotEmpty, kafka.ErrTooLarge,
		kafka.ErrUncertain, kafka.ErrInvalid,
	} {
		if wanted := slices.Contains(kinds, kind); errors.Is(err, kind) != wanted {
			t.Errorf("the error %q: is %q: %v, want %v", err, kind, !wanted, wanted)
		}
	}
}

// Idle connections would pile up with each rotated password; one that is closed
// is opened again.
func TestAdminEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	admin := kafkaadmin.NewAdmin(kafkaadmin.Options{})
	if _, err := admin.Membership(t.Context(), b.connection(), "billing"); err != nil { // before Start, as well
		t.Fatal(err)
	}
	stop := runAdmin(t, admin)
	if _, err := admin.Membership(t.Context(), b.connection(), "billing"); err != nil {
		t.Fatal(err)
	}
	if got := b.accepted.Load(); got > 2 {
		t.Errorf("%d connections for two calls", got)
	}
	stop()
	eventually(t, "the connections to close", func() bool { return b.open.Load() == 0 })
	_, err := admin.Membership(t.Context(), b.connection(), "billing")
	wantKinds(t, err, kafka.ErrUnavailable)
	wantKinds(t, admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")), kafka.ErrUnavailable)
	b.Close()
}

// One that is asked while it ends does not keep its client.
func TestAdminEndsUnderACall(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	asked := make(chan struct{})
	b.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(asked)
		return nil, nil, true // and never answers
	})
	admin := kafkaadmin.NewAdmin(kafkaadmin.Options{RequestTimeout: time.Hour})
	stop := runAdmin(t, admin)
	failed := make(chan error, 1)
	go func() { failed <- admin.Commit(context.Background(), b.connection(), "billing", commitsAt(1, "")) }()
	<-asked
	stop()
	if err := <-failed; !errors.Is(err, kafka.ErrUncertain) {
		t.Errorf("got %v, want ErrUncertain", err)
	}
	eventually(t, "the connections to close", func() bool { return b.open.Load() == 0 })
}

// A Pool and an Admin of one process have the same registerer.
func TestAdminCountsWithThePool(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	registry := prometheus.NewRegistry()
	options := kafkaadmin.Options{MetricsRegisterer: registry}
	pool := kafkaadmin.NewPool(options)
	t.Cleanup(run(t, pool))
	if err := newAdmin(t, options).Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	requests := 0.0
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "lagrange_kafka_requests_total" && metric.GetLabel()[0].GetValue() == "OffsetCommit" {
				requests = metric.GetCounter().GetValue()
			}
		}
	}
	if requests != 1 {
		t.Errorf("%v requests are counted for one commit", requests)
	}
}
