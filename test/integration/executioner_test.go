package integration

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// executioner stands between a manager and the world, and ends the manager as a
// kill -9 would: from one moment on nothing of it reaches anybody. The moment is
// right before or right after the first write of a name.
type executioner struct {
	at    string // the name of the write, empty for none
	after bool

	mu     sync.Mutex
	names  []string // of the writes so far, each once
	begun  bool     // the reset has
	dead   bool
	killed chan struct{}
}

var errKilled = errors.New("the manager was killed")

func newExecutioner(at string, after bool) *executioner {
	return &executioner{at: at, after: after, killed: make(chan struct{})}
}

// write is one write of the manager; one without a name comes at any time. One after another, so that what comes after
// the kill is known.
func (x *executioner) write(name string, do func() error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.dead {
		return errKilled
	}
	x.begun = x.begun || strings.HasPrefix(name, "status reset")
	if !x.begun {
		return do() // the group, before there is a reset
	}
	if name != "" && !slices.Contains(x.names, name) {
		x.names = append(x.names, name)
	}
	if name == x.at && name != "" && !x.after {
		return x.kill()
	}
	err := do()
	if name == x.at && name != "" {
		return x.kill()
	}
	return err
}

// kill ends the manager. The caller holds the lock.
func (x *executioner) kill() error {
	x.dead = true
	close(x.killed)
	return errKilled
}

func (x *executioner) writes() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.names)
}

// client wraps the manager's client: every write has a name that is the same in
// each run.
func (x *executioner) client(c client.Client) client.Client {
	watching, err := client.NewWithWatch(config, client.Options{Scheme: testScheme})
	if err != nil {
		panic(err)
	}
	return interceptor.NewClient(reading{watching, c}, interceptor.Funcs{
		Create: func(ctx context.Context, w client.WithWatch, o client.Object, options ...client.CreateOption) error {
			return x.write("create "+nameOf(o), func() error { return w.Create(ctx, o, options...) })
		},
		Delete: func(ctx context.Context, w client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			return x.write("delete "+nameOf(o), func() error { return w.Delete(ctx, o, options...) })
		},
		Patch: func(ctx context.Context, w client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
			return x.write(fmt.Sprintf("patch %s, %d finalizers", nameOf(o), len(o.GetFinalizers())), func() error { return w.Patch(ctx, o, p, options...) })
		},
		Apply: func(ctx context.Context, w client.WithWatch, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			return x.write(applied(o), func() error { return w.Apply(ctx, o, options...) })
		},
		SubResourcePatch: func(ctx context.Context, w client.Client, sub string, o client.Object, p client.Patch, options ...client.SubResourcePatchOption) error {
			return x.write(statusName(o), func() error { return w.SubResource(sub).Patch(ctx, o, p, options...) })
		},
	})
}

// reading reads by the manager's cache.
type reading struct {
	client.WithWatch
	cached client.Client
}

func (r reading) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	return r.cached.Get(ctx, key, o, options...)
}

func (r reading) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return r.cached.List(ctx, list, options...)
}

// contentHash is what names of ConfigMaps end with, and another in each run.
var contentHash = regexp.MustCompile(`-[0-9a-f]{10}(-[0-9]+)?$`)

func nameOf(o client.Object) string {
	return fmt.Sprintf("%T %s", o, contentHash.ReplaceAllString(o.GetName(), "$1"))
}

func applied(o runtime.ApplyConfiguration) string {
	u, ok := o.(interface{ UnstructuredContent() map[string]any })
	if !ok {
		return fmt.Sprintf("apply %T", o)
	}
	content := u.UnstructuredContent()
	spec, _ := content["spec"].(map[string]any)
	return fmt.Sprintf("apply %v, workers %t", content["kind"], fmt.Sprint(spec["replicas"]) != "0")
}

// statusName names a status by what matters in it.
func statusName(o client.Object) string {
	switch o := o.(type) {
	case *v1alpha1.KafkaOffsetReset:
		name := "status reset " + string(o.Status.Phase)
		if d := o.Status.Draining; o.Status.Phase == v1alpha1.PhaseDraining && d != nil && d.EmptySince != nil {
			name += ", empty" // while not, it is written as often as pods and members go
		}
		if i := o.Status.Intent; i != nil {
			name += fmt.Sprintf(", %s begun, verified %t", begun(*i), i.VerifiedAt != nil)
		}
		return name
	case *v1alpha1.KafkaConsumerGroup:
		if o.DeletionTimestamp != nil {
			return fmt.Sprintf("status group, deleting, reset unfinished %t, offsets deleted %t", o.Status.UnfinishedReset != nil,
				conditionOf(o.Status, v1alpha1.ConditionReconciling).Reason == v1alpha1.ReasonOffsetsDeleted)
		}
		active := o.Status.ActiveReset
		ended := len(o.Status.Resets) > 0 && o.Status.Resets[0].Name == "kor"
		if active == nil && !ended {
			return keptName(o.Status) // or numbers, at any time
		}
		return fmt.Sprintf("status group, reset %t, stopped %t, ended %t", active != nil, active != nil && active.Stopped, ended)
	}
	return "status " + nameOf(o)
}

// begun says how many requests have begun, in words that are the same in each run:
// how many there are depends on what the workers had committed, which is up to time.
func begun(i v1alpha1.ResetIntent) string {
	switch i.Begun {
	case 0:
		return "none"
	case i.Requests:
		return "all"
	case 1:
		return "first"
	}
	return "later"
}

// keptName names a status of a group without resets by what it keeps, "" for nothing.
func keptName(s v1alpha1.KafkaConsumerGroupStatus) string {
	if s.KeptOffsets == nil {
		return ""
	}
	return fmt.Sprintf("status group, %d kept in %d ConfigMaps, told %t", s.KeptOffsets.Offsets.Count, len(s.KeptOffsets.Offsets.ConfigMaps), s.RestoredOffsets != nil)
}

// offsets wraps the manager's way to Kafka.
func (x *executioner) offsets(o controllers.Offsets) controllers.Offsets {
	return watchedOffsets{Offsets: o, x: x}
}

type watchedOffsets struct {
	controllers.Offsets
	x *executioner
}

func (w watchedOffsets) Commit(ctx context.Context, c kafkaadmin.Connection, groupID string, commits []kafka.PartitionCommit) error {
	name := "commit first request"
	if commits[0].Partition > 0 {
		name = "commit later request"
	}
	return w.x.write(name, func() error { return w.Offsets.Commit(ctx, c, groupID, commits) })
}

func (w watchedOffsets) Delete(ctx context.Context, c kafkaadmin.Connection, groupID string, partitions []kafka.TopicPartition) error {
	return w.x.write("delete offsets", func() error { return w.Offsets.Delete(ctx, c, groupID, partitions) })
}
