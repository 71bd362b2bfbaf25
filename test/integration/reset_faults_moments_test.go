package integration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// moments stop the manager at exact points of a reset's way, until the test has
// done there what it wants to. The points are "in PHASE", right after the status
// first says so, "before commit" and "after commit" of any commit request, "before
// survey", "before delete" and "before remove".
type moments struct {
	mu    sync.Mutex
	stops map[string]*moment
	// over: the test has ended, and nobody waits any more.
	over chan struct{}
	// unread: surveys fail.
	unread atomic.Bool
}

type moment struct{ reached, passed chan struct{} }

// stopAt has the manager stop at the point when it next comes there.
func (m *moments) stopAt(point string) *moment {
	m.mu.Lock()
	defer m.mu.Unlock()
	stop := &moment{reached: make(chan struct{}), passed: make(chan struct{})}
	m.stops[point] = stop
	return stop
}

// come is the manager at a point.
func (m *moments) come(point string) {
	m.mu.Lock()
	stop := m.stops[point]
	delete(m.stops, point)
	m.mu.Unlock()
	if stop != nil {
		close(stop.reached)
		select {
		case <-stop.passed:
		case <-m.over:
		}
	}
}

// do waits for the manager to come to the point, and lets it go on afterwards.
func (stop *moment) do(t *testing.T, act func()) {
	t.Helper()
	defer close(stop.passed)
	eventually(t, func() error {
		select {
		case <-stop.reached:
			return nil
		default:
			return errors.New("the manager has not come there")
		}
	})
	act()
}

// client wraps a manager's client, whose way to the API server is api.
func (m *moments) client(api *rest.Config) func(client.Client) client.Client {
	return func(c client.Client) client.Client {
		watching, err := client.NewWithWatch(api, client.Options{Scheme: testScheme})
		if err != nil {
			panic(err)
		}
		return interceptor.NewClient(reading{watching, c}, interceptor.Funcs{
			SubResourcePatch: func(ctx context.Context, w client.Client, sub string, o client.Object, p client.Patch, options ...client.SubResourcePatchOption) error {
				err := w.SubResource(sub).Patch(ctx, o, p, options...)
				if reset, ok := o.(*v1alpha1.KafkaOffsetReset); ok && err == nil {
					m.come("in " + string(reset.Status.Phase))
				}
				return err
			},
		})
	}
}

func (m *moments) offsets(o controllers.Offsets) controllers.Offsets { return momentOffsets{o, m} }

type momentOffsets struct {
	controllers.Offsets
	m *moments
}

func (o momentOffsets) Survey(ctx context.Context, c kafkaadmin.Connection, q kafkaadmin.Question) (kafka.Survey, error) {
	o.m.come("before survey")
	if o.m.unread.Load() {
		return kafka.Survey{}, fmt.Errorf("read as the test wants it: %w", kafka.ErrUnavailable)
	}
	return o.Offsets.Survey(ctx, c, q)
}

func (o momentOffsets) Commit(ctx context.Context, c kafkaadmin.Connection, groupID string, commits []kafka.PartitionCommit) error {
	o.m.come("before commit")
	err := o.Offsets.Commit(ctx, c, groupID, commits)
	o.m.come("after commit")
	return err
}

func (o momentOffsets) Delete(ctx context.Context, c kafkaadmin.Connection, groupID string, partitions []kafka.TopicPartition) error {
	if len(partitions) > 0 {
		o.m.come("before delete")
	}
	return o.Offsets.Delete(ctx, c, groupID, partitions)
}

func (o momentOffsets) RemoveStatic(ctx context.Context, c kafkaadmin.Connection, groupID string, instanceIDs []string) error {
	o.m.come("before remove")
	return o.Offsets.RemoveStatic(ctx, c, groupID, instanceIDs)
}
