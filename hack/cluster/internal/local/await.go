//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/node"
)

const (
	pollInterval = 200 * time.Millisecond
	// tooManyExits is how often a component may end before the start is given up: once can be bad luck, etcd or the API
	// server being late for example.
	tooManyExits = 5
)

// awaitComponents returns when every component was healthy, or explains which one is not.
func awaitComponents(ctx context.Context, config node.Config, components []node.Component, events <-chan node.Event) error {
	progress := progress{exits: map[string]int{}, healthy: map[string]bool{}}
	for !progress.complete(components) {
		select {
		case event, open := <-events:
			if !open {
				return explain(config, "node", errors.New("the node ended"))
			}
			if culprit, err := progress.observe(event); err != nil {
				return explain(config, culprit, err)
			}
		case <-ctx.Done():
			return explain(config, progress.firstUnhealthy(components), ctx.Err())
		}
	}
	return nil
}

type progress struct {
	exits   map[string]int
	healthy map[string]bool
}

// observe returns an error, and the component whose log explains it, when the start can no longer succeed.
func (p progress) observe(event node.Event) (culprit string, err error) {
	switch event.Kind {
	case node.EventHealthy:
		p.healthy[event.Component] = true
	case node.EventFailed:
		return "node", errors.New(event.Detail)
	case node.EventExited:
		p.exits[event.Component]++
		if p.exits[event.Component] >= tooManyExits {
			return event.Component, fmt.Errorf("%s ended %d times, at last with: %s", event.Component, tooManyExits, event.Detail)
		}
	}
	return "", nil
}

func (p progress) complete(components []node.Component) bool {
	return p.firstUnhealthy(components) == ""
}

func (p progress) firstUnhealthy(components []node.Component) string {
	for _, component := range components {
		if !p.healthy[component.Name] {
			return component.Name
		}
	}
	return ""
}

// explain adds the end of a component's log to an error.
func explain(config node.Config, component string, err error) error {
	path := config.Log(component)
	content, readErr := os.ReadFile(path)
	if readErr != nil || len(content) == 0 {
		return fmt.Errorf("%s: %w", component, err) // it has not started, so it has no log
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	lines = lines[max(0, len(lines)-15):]
	return fmt.Errorf("%s: %w; the last lines of %s:\n%s", component, err, path, strings.Join(lines, "\n"))
}

// awaitNode returns when the node is ready for pods.
func (c *Cluster) awaitNode(ctx context.Context) error {
	var last error
	for {
		if last = nodeReady(ctx); last == nil {
			return nil
		}
		if err := wait(ctx, pollInterval); err != nil {
			return fmt.Errorf("%w: %w", err, last)
		}
	}
}

func nodeReady(ctx context.Context) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.Timeout = 5 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	found, err := client.CoreV1().Nodes().Get(ctx, clusterName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if err := ready(found); err != nil {
		return err
	}
	_, err = client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return err
}

func ready(found *corev1.Node) error {
	for _, taint := range found.Spec.Taints {
		if taint.Effect == corev1.TaintEffectNoSchedule {
			return fmt.Errorf("node %s has taint %s", found.Name, taint.Key)
		}
	}
	for _, condition := range found.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
		if condition.Type == corev1.NodeReady {
			return fmt.Errorf("node %s is not ready: %s", found.Name, condition.Message)
		}
	}
	return fmt.Errorf("node %s has not reported yet", found.Name)
}
