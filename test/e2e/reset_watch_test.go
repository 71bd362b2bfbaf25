//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// resetWatch is kubectl get kor NAME -w.
type resetWatch struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (r *resetTrial) watch(t *testing.T, name string) *resetWatch {
	t.Helper()
	w := &resetWatch{}
	c := exec.Command(kubectl, "-n", r.group.Namespace, "get", requester, "kor", name, "-w", "-o", "wide")
	c.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	c.Stdout, c.Stderr = w, w
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	w.awaitPhase(t, v1alpha1.PhasePlanned)
	return w
}

// Write takes what kubectl says.
func (w *resetWatch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func (w *resetWatch) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.String()
}

// phases are those that kubectl has shown, each once as long as it lasts.
func (w *resetWatch) phases() []v1alpha1.ResetPhase {
	var phases []v1alpha1.ResetPhase
	for line := range strings.Lines(w.said()) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] != "NAME" {
			phases = append(phases, v1alpha1.ResetPhase(fields[2]))
		}
	}
	return slices.Compact(phases)
}

func (w *resetWatch) awaitPhase(t *testing.T, phase v1alpha1.ResetPhase) {
	t.Helper()
	eventually(t, func(context.Context) error {
		if !slices.Contains(w.phases(), phase) {
			return fmt.Errorf("kubectl has not shown phase %s:\n%s", phase, w.said())
		}
		return nil
	})
}
