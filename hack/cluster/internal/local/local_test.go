//go:build linux

package local

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/node"
)

func TestReady(t *testing.T) {
	condition := func(status corev1.ConditionStatus) []corev1.NodeCondition {
		return []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status, Message: "no network"}}
	}
	cases := map[string]struct {
		reason string
		node   corev1.Node
		want   string
	}{
		"Ready":    {"Pods can run.", corev1.Node{Status: corev1.NodeStatus{Conditions: condition(corev1.ConditionTrue)}}, ""},
		"NotReady": {"The kubelet's own words help.", corev1.Node{Status: corev1.NodeStatus{Conditions: condition(corev1.ConditionFalse)}}, "no network"},
		"Tainted": {"A ready node is tainted for a moment more, and pods stay pending.", corev1.Node{
			Spec:   corev1.NodeSpec{Taints: []corev1.Taint{{Key: "not-ready", Effect: corev1.TaintEffectNoSchedule}}},
			Status: corev1.NodeStatus{Conditions: condition(corev1.ConditionTrue)},
		}, "taint not-ready"},
		"New": {"The kubelet has only registered.", corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "lagrange"}}, "has not reported yet"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := ready(&tc.node)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nready() = %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}

func TestAwaitComponents(t *testing.T) {
	components := []node.Component{{Name: "etcd"}, {Name: "kubelet"}}
	exited := node.Event{Kind: node.EventExited, Component: "kubelet", Detail: "exit status 1"}
	cases := map[string]struct {
		reason string
		events []node.Event
		want   string
	}{
		"AllHealthy": {
			reason: "The start is complete.",
			events: []node.Event{{Kind: node.EventHealthy, Component: "kubelet"}, {Kind: node.EventHealthy, Component: "etcd"}},
		},
		"RecoversFromOneEnd": {
			reason: "A component may end once when what it needs is late.",
			events: []node.Event{exited, {Kind: node.EventHealthy, Component: "etcd"}, {Kind: node.EventHealthy, Component: "kubelet"}},
		},
		"KeepsEnding": {
			reason: "Waiting longer would not help; the log does.",
			events: []node.Event{exited, exited, exited, exited, exited},
			want:   "kubelet: kubelet ended 5 times, at last with: exit status 1; the last lines of",
		},
		"NodeFails": {
			reason: "The network could not be made.",
			events: []node.Event{{Kind: node.EventFailed, Detail: "make the bridge"}},
			want:   "node: make the bridge",
		},
		"NodeEnds": {
			reason: "The first process died.",
			want:   "node: the node ended",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			config := node.Config{State: t.TempDir()}
			if err := os.Mkdir(config.Logs(), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(config.Log("kubelet"), []byte("why\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			events := make(chan node.Event, len(tc.events))
			for _, event := range tc.events {
				events <- event
			}
			close(events)
			err := awaitComponents(t.Context(), config, components, events)
			if (err == nil) != (tc.want == "") || err != nil && !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%s\nawaitComponents() = %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}

func TestExplainShowsTheEndOfTheLog(t *testing.T) {
	config := node.Config{State: t.TempDir()}
	boom := errors.New("boom")
	if err := explain(config, "etcd", boom); err.Error() != "etcd: boom" {
		t.Errorf("without a log: %v", err)
	}
	if err := os.Mkdir(config.Logs(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config.Log("etcd"), []byte("first\n"+strings.Repeat("line\n", 20)+"last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := explain(config, "etcd", boom)
	if !errors.Is(err, boom) || !strings.HasSuffix(err.Error(), "last") || strings.Contains(err.Error(), "first") ||
		!strings.Contains(err.Error(), filepath.Join(config.State, "logs/etcd.log")) {
		t.Errorf("explain() = %v", err)
	}
}

func TestChildOf(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	self, parent := os.Getpid(), os.Getppid()
	if got := childOf([]int{parent, child.Process.Pid}, []int{self}); got != child.Process.Pid {
		t.Errorf("childOf() = %d, want %d", got, child.Process.Pid)
	}
	if got := childOf([]int{self}, []int{child.Process.Pid}); got != 0 {
		t.Errorf("childOf() = %d for a parent of nobody", got)
	}
	if got := childOf([]int{1 << 30}, []int{0}); got != 0 {
		t.Errorf("childOf() = %d for a process that is gone", got)
	}
}
