package integration

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestKeptKills: the manager is killed right before and right after each of its writes,
// to the API server and to Kafka, while it keeps the offsets of many partitions, keeps
// them anew, and commits again what has expired. Another one goes on: what was
// committed last is committed in the end, and nothing else is left behind.
func TestKeptKills(t *testing.T) {
	t.Parallel()
	x := newExecutioner("", false)
	keptUnder(t, x)
	names := x.writes()
	if all := strings.Join(names, "; "); mentions(all, "create *v1.ConfigMap", "delete *v1.ConfigMap", "301 kept in 1 ConfigMaps, told false", "told true", "commit first request") != nil {
		t.Fatalf("the writes are %q", names)
	}
	for _, name := range names {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after %t", name, after), func(t *testing.T) {
				t.Parallel()
				x := newExecutioner(name, after)
				keptUnder(t, x)
				select {
				case <-x.killed:
				default:
					t.Error("nobody was killed")
				}
			})
		}
	}
	t.Cleanup(func() {
		fmt.Printf("kill points of kept offsets: %d, runs: %d, failed: %t\n", len(names), 2*len(names), t.Failed())
	})
}

// keptUnder has a group at zero whose offsets are kept, kept anew, and expire; when the
// manager is killed another one follows.
func keptUnder(t *testing.T, x *executioner) {
	t.Helper()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 301}, shortRetention(), kfake.ClusterID("one"))
	ahead := &atomic.Int64{}
	o := managerOptions{clock: laterClock{ahead: ahead}, settings: slowSamples()}
	doomed := o
	doomed.wrap, doomed.offsets = x.client, x.offsets
	g := group(ns, "kept", b.address(), toZero)
	stop, killed := startManager(t, doomed, ns), x.killed
	create(t, g)
	anyDeployment(t, g)
	x.begin()
	b.commit(t, "kept", "orders", 7)
	followed := func(check func() error) {
		t.Helper()
		eventually(t, func() error {
			select {
			case <-killed:
				killed = nil
				stop()
				startManager(t, o, ns)
			default:
			}
			return check()
		})
	}
	first := ""
	followed(func() error { return keptAnew(g, "", &first) })
	b.commit(t, "kept", "orders", 8)
	second := ""
	followed(func() error { return keptAnew(g, first, &second) })
	expire(t, b, "kept")
	followed(func() error { return b.committedAllAt("kept", 301, 8) })
	followed(func() error {
		now, err := seen(g)
		if err != nil || x.at != "" && killed == nil {
			return err
		}
		return same("it is told", now.Status.RestoredOffsets != nil && x.at == "", true)
	})
	ahead.Store(int64(2 * time.Minute)) // when what a dead manager left is not young any more
	followed(func() error {
		err := keptAlone(g, second)
		if err != nil {
			b.produce(t, "orders", 1) // for a look at the group
		}
		return err
	})
}

// begin has the kill points begin here.
func (x *executioner) begin() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.begun = true
}

// keptAnew tells whether all is kept with another sum than this, which is noted.
func keptAnew(g *v1alpha1.KafkaConsumerGroup, but string, sum *string) error {
	now, err := seen(g)
	if err != nil {
		return err
	}
	kept := now.Status.KeptOffsets
	if kept == nil || kept.Offsets.Count != 301 || kept.Offsets.SHA256 == but {
		return fmt.Errorf("kept: %+v", kept)
	}
	*sum = kept.Offsets.SHA256
	return nil
}

// keptAlone tells whether the status names this table, and no other ConfigMap is left.
func keptAlone(g *v1alpha1.KafkaConsumerGroup, sum string) error {
	now, err := seen(g)
	if err != nil {
		return err
	}
	var all corev1.ConfigMapList
	if err := kube.List(context.Background(), &all, client.InNamespace(g.Namespace), client.MatchingLabels{"kafka.lagrange.dev/kept-offsets": string(now.UID)}); err != nil {
		return err
	}
	kept := now.Status.KeptOffsets
	if kept == nil || kept.Offsets.SHA256 != sum || len(all.Items) != 1 || all.Items[0].Name != kept.Offsets.ConfigMaps[0] {
		return fmt.Errorf("kept: %+v; %d ConfigMaps", kept, len(all.Items))
	}
	return nil
}

// committedAllAt tells whether each of the partitions of orders is committed there.
func (b *broker) committedAllAt(groupID string, partitions int32, at int64) error {
	committed, err := committedOf(context.Background(), b.ListenAddrs(), groupID)
	for p := range partitions {
		if err == nil && committed[kafka.TopicPartition{Topic: "orders", Partition: p}] != at {
			err = fmt.Errorf("partition %d of %d: %v", p, len(committed), committed[kafka.TopicPartition{Topic: "orders", Partition: p}])
		}
	}
	return err
}
