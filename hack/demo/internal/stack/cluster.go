package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Up has a cluster: one that runs already, or a new one.
func (s *Stack) Up(ctx context.Context, progress io.Writer) error {
	if err := s.run(ctx, progress, nil, "go", "build", "-o", s.program(), "./hack/cluster"); err != nil {
		return err
	}
	err := s.run(ctx, progress, nil, s.program(), "up")
	var refused *commandError
	switch {
	case err == nil:
		s.Own = true
	case errors.As(err, &refused) && strings.Contains(refused.said, "is already running"):
		err = s.run(ctx, progress, nil, s.program(), "up", "--reuse")
	}
	if err != nil {
		return err
	}
	return s.find(ctx)
}

// Marks are what another process must know to take down what this one brought up.
type Marks struct {
	// Own and Installed are as in Stack.
	Own       bool `json:"own"`
	Installed bool `json:"installed"`
	// Cluster is the kind of cluster, as the environment variable CLUSTER names it.
	Cluster string `json:"cluster"`
}

// Marks are those of this stack.
func (s *Stack) Marks() Marks {
	return Marks{Own: s.Own, Installed: s.installed, Cluster: os.Getenv("CLUSTER")}
}

// Resume takes over from the process that made the marks.
func (s *Stack) Resume(ctx context.Context, marks Marks) error {
	if cluster := os.Getenv("CLUSTER"); cluster != marks.Cluster {
		return fmt.Errorf("the demo was started with CLUSTER=%q and CLUSTER is %q now", marks.Cluster, cluster)
	}
	s.Own, s.installed = marks.Own, marks.Installed
	if s.Own {
		return nil // it is ended as a whole
	}
	return s.find(ctx)
}

// find learns how the cluster is spoken to.
func (s *Stack) find(ctx context.Context) error {
	var err error
	if s.kubeconfig, err = s.output(ctx, s.program(), "kubeconfig"); err != nil {
		return err
	}
	s.kubectl, err = s.findKubectl(ctx)
	return err
}

// findKubectl takes the one that was compiled with the local cluster. Beside
// another cluster the user has one, as a rule.
func (s *Stack) findKubectl(ctx context.Context) (string, error) {
	if cluster := os.Getenv("CLUSTER"); cluster != "" && cluster != "local" {
		if path, err := exec.LookPath("kubectl"); err == nil {
			return path, nil
		}
	}
	folder, err := s.output(ctx, s.program(), "binaries")
	return filepath.Join(folder, "kubectl"), err
}

// HostAddress is the address at which pods reach this host.
func (s *Stack) HostAddress(ctx context.Context) (string, error) {
	return s.output(ctx, s.program(), "host-address")
}

// Down ends the cluster if Up started it, and else takes out of it what this
// stack put in.
func (s *Stack) Down(ctx context.Context, progress io.Writer) error {
	if s.Own && !s.existing() {
		return s.run(ctx, progress, nil, s.program(), "down")
	}
	if s.kubectl == "" {
		return nil // nothing was put in
	}
	err := s.runKubectl(ctx, progress, "delete", "namespace", Namespace, "--ignore-not-found")
	if s.installed {
		err = errors.Join(err, s.runKubectl(ctx, progress, "delete", "--ignore-not-found", "-k", s.Path("config/default")))
	}
	return err
}

// existing tells whether the cluster is somebody else's whatever Up found.
func (s *Stack) existing() bool { return os.Getenv("CLUSTER") == "existing" }

func (s *Stack) program() string { return s.Path("bin/cluster") }

func (s *Stack) runKubectl(ctx context.Context, progress io.Writer, arguments ...string) error {
	return s.run(ctx, progress, nil, s.kubectl, append([]string{"--kubeconfig", s.kubeconfig}, arguments...)...)
}

func (s *Stack) askKubectl(ctx context.Context, arguments ...string) (string, error) {
	output, err := s.output(ctx, s.kubectl, append([]string{"--kubeconfig", s.kubeconfig}, arguments...)...)
	if err != nil {
		return "", fmt.Errorf("ask the cluster: %w", err)
	}
	return output, nil
}
