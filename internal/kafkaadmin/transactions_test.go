package kafkaadmin

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// hold opens a transaction and samples until it has been open for long.
func (r *rig) hold(s interest) {
	r.t.Helper()
	r.begin("payments-7", "orders", 1)
	r.cycles(s)
	received[kmsg.Request](r)
	r.log("orders").held.open.Since = time.Now().Add(-heldLong)
}

func TestTransactionOpenForLongIsNamed(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "orders"))
	s := reads("billing", kafka.ReadCommitted, "orders")
	r.hold(s)
	if p := r.partition(r.cycle(s)[0]); p.Open == nil || p.Open.ID != "payments-7" || p.Open.ProducerID < 0 {
		t.Errorf("held back by %v", p.Open)
	}
	received[kmsg.Request](r)
	r.log("orders").held.asked = time.Time{}
	r.cycle(s)
	if again := received[*kmsg.DescribeProducersRequest](r); len(again) > 0 {
		t.Error("asked again for what has been found")
	}
}

func TestYoungTransactionIsNotAskedFor(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	r.begin("payments-7", "orders", 1)
	if p := r.partition(r.cycles(reads("billing", kafka.ReadCommitted, "orders"))[0]); p.Open == nil || p.Open.ProducerID != kafka.NoProducer {
		t.Errorf("got %+v", p)
	}
	if asked := received[*kmsg.DescribeProducersRequest](r); len(asked) > 0 {
		t.Error("asked for a transaction that began just now")
	}
}

// TestNameThatMayNotBeReadIsLeftOut has the broker refuse what a principal with
// the rights of a consumer may not do.
func TestNameThatMayNotBeReadIsLeftOut(t *testing.T) {
	t.Run("Producers", func(t *testing.T) {
		r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
		s := reads("billing", kafka.ReadCommitted, "orders")
		asked := r.answer(kmsg.DescribeProducers, func(response kmsg.Response) {
			response.(*kmsg.DescribeProducersResponse).Topics = []kmsg.DescribeProducersResponseTopic{
				{Topic: "orders", Partitions: []kmsg.DescribeProducersResponseTopicPartition{{ErrorCode: kerr.TopicAuthorizationFailed.Code}}},
			}
		})
		r.hold(s)
		r.cycle(s)
		if p := r.partition(r.cycle(s)[0]); p.Open == nil || p.Open.ProducerID != kafka.NoProducer {
			t.Errorf("got %+v", p)
		}
		if asked.Load() != 1 {
			t.Errorf("asked %d times in two cycles, want once a minute", asked.Load())
		}
	})
	t.Run("Names", func(t *testing.T) {
		r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
		s := reads("billing", kafka.ReadCommitted, "orders")
		r.answer(kmsg.ListTransactions, func(kmsg.Response) {}) // lists none
		r.hold(s)
		if p := r.partition(r.cycle(s)[0]); p.Open == nil || p.Open.ID != "" || p.Open.ProducerID == kafka.NoProducer {
			t.Errorf("held back by %v, want a producer without a name", p.Open)
		}
	})
}
