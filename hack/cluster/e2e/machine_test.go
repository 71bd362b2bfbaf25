//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/packages"
	"github.com/lagrange-operator/lagrange/hack/cluster/snapshot"
)

const kubeconfig = "/run/lagrange-cluster/kubeconfig"

// machine is this machine, without a cluster at the start of a test and compared with that at its end.
type machine struct {
	t       *testing.T
	ctx     context.Context // lasts until the end of the test's cleanup
	cluster string          // the compiled hack/cluster
	kubectl string
	cache   string // XDG_CACHE_HOME, unless empty
	options snapshot.Options
	before  snapshot.Snapshot
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "the local cluster needs root")
	}
	m := &machine{t: t, ctx: context.WithoutCancel(t.Context()), cluster: build(t, "./hack/cluster", "cluster")}
	if out, err := m.run("status"); !strings.Contains(out, "cluster lagrange is not running") {
		t.Fatalf("these tests need a machine without a running cluster, status says: %v\n%s", err, out)
	}
	m.must("down") // what a killed test may have left
	m.kubectl = filepath.Join(strings.TrimSpace(m.must("binaries")), "kubectl")
	m.options = snapshotOptions(t)
	m.before = m.snapshot()
	return m
}

// in is the machine in a subtest.
func (m *machine) in(t *testing.T) *machine {
	sub := *m
	sub.t = t
	return &sub
}

// skip is for what a machine cannot do; on the project's own machines it may not happen.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("cannot be skipped with CI=true: %s", reason)
	}
	t.Skipf("SKIPPED: %s", reason)
}

func build(t *testing.T, pkg, name string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, pkg)
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compile %s: %v\n%s", pkg, err, out)
	}
	return binary
}

// goCache is the folder of Go's build cache, which would follow XDG_CACHE_HOME.
func goCache(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func snapshotOptions(t *testing.T) snapshot.Options {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	tools, err := packages.Ensure(t.Context(), filepath.Join(cache, "lagrange"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	save, err := tools.Executable("iptables-save")
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.Options{IptablesSave: save, Environment: tools.Environment()}
}

func (m *machine) snapshot() snapshot.Snapshot {
	m.t.Helper()
	taken, err := snapshot.Take(m.ctx, m.options)
	if err != nil {
		m.t.Fatal(err)
	}
	return taken
}

// down ends the cluster and fails the test for anything that is left. The kernel frees namespaces a little after their
// last process, so it looks until nothing is left.
func (m *machine) down() {
	m.t.Helper()
	m.must("down")
	var left []string
	m.await("an unchanged machine", func() error {
		if left = snapshot.Leftovers(m.before, m.snapshot()); len(left) > 0 {
			return fmt.Errorf("left behind:\n%s", strings.Join(left, "\n"))
		}
		return nil
	})
}

// await polls until the condition holds.
func (m *machine) await(what string, condition func() error) {
	m.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(m.ctx, 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		last = condition()
		return last == nil, nil
	})
	if err != nil {
		m.t.Fatalf("wait for %s: %v: %v", what, err, last)
	}
}

// run returns what the command printed, on both outputs.
func (m *machine) run(args ...string) (string, error) {
	return m.command(nil, m.cluster, args...)
}

func (m *machine) command(input io.Reader, program string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(m.ctx, program, args...)
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), "CLUSTER=local", "KUBECONFIG="+kubeconfig)
	if m.cache != "" {
		cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+m.cache, "GOCACHE="+goCache(m.t))
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, &out, &out
	err := cmd.Run()
	return out.String(), err
}

func (m *machine) must(args ...string) string {
	m.t.Helper()
	out, err := m.run(args...)
	if err != nil {
		m.t.Fatalf("cluster %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (m *machine) mustKubectl(args ...string) string {
	m.t.Helper()
	out, err := m.command(nil, m.kubectl, args...)
	if err != nil {
		m.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// launch starts the command in the background.
func (m *machine) launch(args ...string) *exec.Cmd {
	m.t.Helper()
	cmd := exec.CommandContext(m.ctx, m.cluster, args...)
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), "CLUSTER=local")
	cmd.Stdout, cmd.Stderr = m.t.Output(), m.t.Output()
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	return cmd
}

// wantFailure fails the test unless the command fails and says so in these words.
func (m *machine) wantFailure(words string, args ...string) {
	m.t.Helper()
	out, err := m.run(args...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(out, words) {
		m.t.Fatalf("cluster %s: %v, want exit code 1 and %q\n%s", strings.Join(args, " "), err, words, out)
	}
}
