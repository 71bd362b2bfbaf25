package integration

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// lateRights notes what the group had when Kafka was asked for the first time whether
// it may be deleted.
type lateRights struct {
	controllers.Offsets
	g     *v1alpha1.KafkaConsumerGroup
	asked atomic.Bool
	early atomic.Bool
}

func (l *lateRights) wrap(o controllers.Offsets) controllers.Offsets {
	l.Offsets = o
	return l
}

func (l *lateRights) Remains(ctx context.Context, c kafkaadmin.Connection, groupID string) (kafka.Remains, error) {
	if _, err := deployment(l.g); err != nil && !l.asked.Load() {
		l.early.Store(true)
	}
	l.asked.Store(true)
	return l.Offsets.Remains(ctx, c, groupID)
}

// TestOffsetsRightsAskedLast: a broker that is slow to say what is allowed holds no
// workers up: it is asked when they are.
func TestOffsetsRightsAskedLast(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
	g := group(ns, "prompt", b.address(), deleting)
	l := &lateRights{g: g}
	startManager(t, managerOptions{offsets: l.wrap}, ns)
	create(t, g.DeepCopy())
	eventually(t, func() error {
		if !l.asked.Load() {
			return fmt.Errorf("Kafka was not asked")
		}
		return nil
	})
	if l.early.Load() {
		t.Error("Kafka was asked before there was a Deployment")
	}
}
