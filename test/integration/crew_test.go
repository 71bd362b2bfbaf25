package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// crew stands for the cluster under a group: it keeps as many workers as the
// Deployment says, each a pod and a real member of the consumer group, which
// commits what it has handled.
type crew struct {
	t       *testing.T
	g       *v1alpha1.KafkaConsumerGroup
	servers []string

	mu      sync.Mutex
	workers []*crewWorker
	hired   int
	handled map[kafka.TopicPartition][]int64
	// starts are the committed offsets each time that workers began where none had been.
	starts []map[kafka.TopicPartition]int64
	// startedIn are the dedup namespaces that those workers were told.
	startedIn []string
}

type crewWorker struct {
	name   string
	client *kgo.Client
	cancel context.CancelFunc
	ended  chan struct{}
}

// playCrew keeps workers for the group until the test ends.
func playCrew(t *testing.T, g *v1alpha1.KafkaConsumerGroup, servers []string) *crew {
	t.Helper()
	c := &crew{t: t, g: g, servers: servers, handled: map[kafka.TopicPartition][]int64{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-tick.C:
				c.follow(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		for _, w := range c.workers {
			w.end()
		}
	})
	return c
}

// follow brings workers, pods and the Deployment's status to its spec.
func (c *crew) follow(ctx context.Context) {
	d, err := deployment(c.g)
	if apierrors.IsNotFound(err) || err != nil || ctx.Err() != nil {
		return
	}
	for len(c.workers) > int(*d.Spec.Replicas) {
		c.dismiss(ctx)
	}
	if len(c.workers) == 0 && *d.Spec.Replicas > 0 {
		c.noteStart(ctx, d)
	}
	for len(c.workers) < int(*d.Spec.Replicas) {
		c.hire(ctx, d)
	}
	n := int32(len(c.workers))
	if d.Status.ObservedGeneration == d.Generation && d.Status.AvailableReplicas == n && d.Status.Replicas == n {
		return
	}
	before := d.DeepCopy()
	d.Status.ObservedGeneration = d.Generation
	d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = n, n, n, n
	progressing(d, corev1.ConditionTrue, "NewReplicaSetAvailable")
	_ = kube.Status().Patch(ctx, d, client.MergeFrom(before)) // the next look tries again
}

func (c *crew) noteStart(ctx context.Context, d *appsv1.Deployment) {
	committed, err := committedOf(ctx, c.servers, c.g.Spec.GroupID)
	if err != nil {
		c.t.Errorf("read what is committed before the workers start: %v", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starts, c.startedIn = append(c.starts, committed), append(c.startedIn, dedupTold(d))
}

func (c *crew) hire(ctx context.Context, d *appsv1.Deployment) {
	c.hired++
	name := fmt.Sprintf("%s-%05d", c.g.Name, c.hired)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.g.Namespace, Name: name, Labels: d.Spec.Template.Labels},
		Spec:       d.Spec.Template.Spec,
	}
	if err := kube.Create(ctx, pod); err != nil {
		return
	}
	pod.Status = ready(metav1.Now())
	_ = kube.Status().Update(ctx, pod)
	w, err := c.newWorker(name)
	if err != nil {
		c.t.Errorf("start worker %s: %v", name, err)
		return
	}
	c.workers = append(c.workers, w)
}

func (c *crew) newWorker(name string) (*crewWorker, error) {
	topics := make([]string, 0, len(c.g.Spec.Topics))
	for _, topic := range c.g.Spec.Topics {
		topics = append(topics, string(topic))
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(c.servers...), kgo.ClientID(name), kgo.ConsumerGroup(c.g.Spec.GroupID),
		kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
		kgo.FetchMaxWait(50*time.Millisecond), kgo.HeartbeatInterval(100*time.Millisecond), kgo.Balancers(kgo.RangeBalancer()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &crewWorker{name: name, client: consumer, cancel: cancel, ended: make(chan struct{})}
	go c.work(ctx, w)
	return w, nil
}

func (c *crew) work(ctx context.Context, w *crewWorker) {
	defer close(w.ended)
	for ctx.Err() == nil {
		fetches := w.client.PollFetches(ctx)
		c.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) {
			p := kafka.TopicPartition{Topic: r.Topic, Partition: r.Partition}
			c.handled[p] = append(c.handled[p], r.Offset)
		})
		c.mu.Unlock()
		if fetches.NumRecords() > 0 {
			_ = w.client.CommitUncommittedOffsets(ctx) // what is not committed is handled again
		}
	}
}

// dismiss ends the last worker: its pod goes when it has left the group.
func (c *crew) dismiss(ctx context.Context) {
	w := c.workers[len(c.workers)-1]
	c.workers = c.workers[:len(c.workers)-1]
	w.end()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: c.g.Namespace, Name: w.name}}
	err := kube.Delete(ctx, pod, client.GracePeriodSeconds(0))
	if client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
		c.t.Errorf("delete pod %s: %v", w.name, err)
	}
}

func (w *crewWorker) end() {
	w.cancel()
	<-w.ended
	w.client.Close()
}

// handledOf is what was handled so far, and forgets it.
func (c *crew) handledOf() map[kafka.TopicPartition][]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	handled := c.handled
	c.handled = map[kafka.TopicPartition][]int64{}
	return handled
}

func (c *crew) startsSoFar() []map[kafka.TopicPartition]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var starts []map[kafka.TopicPartition]int64
	for _, s := range c.starts {
		starts = append(starts, maps.Clone(s))
	}
	return starts
}

func (c *crew) startedInSoFar() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.startedIn)
}

// committedOf reads the group's committed offsets.
func committedOf(ctx context.Context, servers []string, groupID string) (map[kafka.TopicPartition]int64, error) {
	reader, err := kgo.NewClient(kgo.SeedBrokers(servers...))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	offsets, err := kadm.NewClient(reader).FetchOffsets(ctx, groupID)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := offsets.Error(); err != nil {
		return nil, err
	}
	committed := map[kafka.TopicPartition]int64{}
	offsets.Each(func(o kadm.OffsetResponse) {
		committed[kafka.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.At
	})
	return committed, nil
}

// wantCommitted waits for the committed offset of every partition of the topic.
func (c *crew) wantCommitted(t *testing.T, want int64) {
	t.Helper()
	eventually(t, func() error {
		committed, err := committedOf(t.Context(), c.servers, c.g.Spec.GroupID)
		if err != nil {
			return err
		}
		if len(committed) == 0 {
			return errors.New("nothing is committed")
		}
		for p, at := range committed {
			if at != want {
				return fmt.Errorf("%v is committed at %d, want %d", p, at, want)
			}
		}
		return nil
	})
}
