package watch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/screen"
)

// Group reads one KafkaConsumerGroup with what belongs to it.
type Group struct {
	client client.Client
	key    client.ObjectKey
}

// State is a group at one moment.
type State struct {
	// Desired workers were asked for, Replicas exist, Ready are ready.
	Desired, Replicas, Ready int32
	// Partitions is 0 while Lagrange doesn't know it.
	Partitions int32
	// Why is the decision's sentence, and WhyAt when its numbers were true.
	Why   string
	WhyAt time.Time
	// Events are the group's, oldest first.
	Events []screen.Event
}

// NewGroup reads with the rights of the kubeconfig.
func NewGroup(kubeconfig, namespace, name string) (*Group, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %q: %w", kubeconfig, err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, appsv1.AddToScheme, eventsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("build the scheme: %w", err)
		}
	}
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("prepare a client of the API server: %w", err)
	}
	return &Group{client: direct, key: client.ObjectKey{Namespace: namespace, Name: name}}, nil
}

// Read asks the API server.
func (g *Group) Read(ctx context.Context) (State, error) {
	var group v1alpha1.KafkaConsumerGroup
	if err := g.client.Get(ctx, g.key, &group); err != nil {
		return State{}, fmt.Errorf("read the group %q: %w", g.key, err)
	}
	var workers appsv1.Deployment
	if err := g.client.Get(ctx, g.key, &workers); err != nil {
		return State{}, fmt.Errorf("read the workers of %q: %w", g.key, err)
	}
	events, err := g.events(ctx)
	if err != nil {
		return State{}, err
	}
	state := State{
		Desired:    ptr.Deref(workers.Spec.Replicas, 1),
		Replicas:   workers.Status.Replicas,
		Ready:      workers.Status.ReadyReplicas,
		Partitions: group.Status.Partitions,
		Events:     events,
	}
	if group.Status.Scaling != nil {
		state.Why = group.Status.Scaling.Message
	}
	if group.Status.Lag != nil {
		state.WhyAt = group.Status.Lag.ObservedAt.Time
	}
	return state, nil
}

func (g *Group) events(ctx context.Context) ([]screen.Event, error) {
	var list eventsv1.EventList
	if err := g.client.List(ctx, &list, client.InNamespace(g.key.Namespace)); err != nil {
		return nil, fmt.Errorf("read the events of %q: %w", g.key, err)
	}
	var events []screen.Event
	for _, event := range list.Items {
		if event.Regarding.Kind == "KafkaConsumerGroup" && event.Regarding.Name == g.key.Name {
			events = append(events, screen.Event{At: event.EventTime.Time, Reason: event.Reason, Note: event.Note})
		}
	}
	slices.SortStableFunc(events, func(a, b screen.Event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Note, b.Note)) })
	return events, nil
}
