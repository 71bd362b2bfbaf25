package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// sayingRights are of a broker that says whether a group may be deleted.
type sayingRights struct {
	Offsets
	may   bool
	err   error
	asked int
}

func (s *sayingRights) Remains(context.Context, kafkaadmin.Connection, string) (kafka.Remains, error) {
	s.asked++
	return kafka.Remains{MayDelete: s.may && s.err == nil}, s.err
}

// TestMayDelete: how often the broker is asked, and what counts meanwhile.
func TestMayDelete(t *testing.T) {
	group, _, seen, _, _ := healthy()
	group.Spec.OffsetsOnDelete, group.Generation = v1alpha1.OffsetsDelete, 1
	broker := &sayingRights{may: true}
	r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings(), Kafka: broker}
	var m memory
	look := func(why string, after time.Duration, wantMay bool, wantAsked int) {
		t.Helper()
		seen.now = seen.now.Add(after)
		seen.sample.At = seen.now
		if may := r.mayDelete(context.Background(), group, seen, &m); may != wantMay || broker.asked != wantAsked {
			t.Errorf("%s: may %t, asked %d times; want %t and %d", why, may, broker.asked, wantMay, wantAsked)
		}
	}
	look("a new object", 0, true, 1)
	group.Status.ObservedGeneration = 1
	look("known for an hour", rightsEvery-time.Second, true, 1)
	broker.err = kafka.ErrTimeout
	look("no answer changes nothing", time.Second, true, 2)
	look("and is no answer for an hour", rightsAgain-time.Second, true, 2)
	broker.err = kafka.ErrUnauthorized
	look("it is soon asked again", time.Second, false, 3)
	broker.err, broker.may = nil, false
	look("somebody is about to grant it", rightsAgain, false, 4)
	broker.err = kafka.ErrTimeout
	look("no answer grants nothing", rightsAgain, false, 5)
	broker.err, broker.may = nil, true
	look("granted", rightsAgain, true, 6)
	look("the clock was put back", -24*time.Hour, true, 7)
	seen.sampled = false
	look("the broker may be away", 2*rightsEvery, true, 7)
	seen.sampled, broker.may = true, false
	look("denied since", 0, false, 8)
	group.Spec.OffsetsOnDelete = v1alpha1.OffsetsRetain
	look("nothing is to be deleted", 0, true, 8)
	group.Spec.OffsetsOnDelete, group.Generation = v1alpha1.OffsetsDelete, 3
	look("asked for again", 0, false, 9)
}

// TestMayDeleteAfterARestart: not of all groups at once, and no warning is taken back
// before the broker is asked.
func TestMayDeleteAfterARestart(t *testing.T) {
	for _, denied := range []bool{false, true} {
		group, _, seen, _, _ := healthy()
		group.Spec.OffsetsOnDelete, group.Status.ObservedGeneration = v1alpha1.OffsetsDelete, group.Generation
		every := rightsEvery
		if denied {
			group.Status.Warnings, every = []string{rightsWarning(group)}, rightsAgain
		}
		broker := &sayingRights{may: true}
		r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings(), Kafka: broker}
		memories, answered := make([]memory, 100), make([]bool, 100)
		lookAtAll := func() {
			seen.sample.At = seen.now
			for i := range memories {
				group.UID = types.UID(fmt.Sprint("uid-", i))
				asked := broker.asked
				may := r.mayDelete(context.Background(), group, seen, &memories[i])
				answered[i] = answered[i] || broker.asked > asked
				if !answered[i] && may == denied {
					t.Errorf("denied %t, and may %t before the broker was asked", denied, may)
				}
			}
		}
		const parts = 10
		for part := range parts + 1 {
			before := broker.asked
			lookAtAll()
			if n := broker.asked - before; n > 30 {
				t.Errorf("denied %t: %d of 100 are asked in part %d of %d", denied, n, part, parts)
			}
			seen.now = seen.now.Add(every / parts)
		}
		if broker.asked < len(memories) {
			t.Errorf("denied %t: only %d of 100 were asked", denied, broker.asked)
		}
	}
}
