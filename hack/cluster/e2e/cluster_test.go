//go:build e2e && linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestCluster follows a cluster through its life, with one restricted pod in it.
func TestCluster(t *testing.T) {
	m := newMachine(t)
	t.Cleanup(m.down)
	m.must("up")

	m.wantFailure("cluster lagrange is already running (kubeconfig "+kubeconfig+")", "up")
	m.must("up", "--reuse")
	if got := strings.TrimSpace(m.must("host-address")); got != "10.244.0.1" {
		t.Errorf("host-address prints %q", got)
	}
	m.must("load", probeImage(t, m))
	m.runProbe()

	m.must("restart", "kube-apiserver")
	m.await("logs after the API server's restart", func() error {
		_, err := m.command(nil, m.kubectl, "-n", "probe", "logs", "probe")
		return err
	})
	m.wantFailure(`no component "nginx"; there are etcd,`, "restart", "nginx")
	m.wantFailure("nothing.tar", "load", "nothing.tar")
}

func probeImage(t *testing.T, m *machine) string {
	t.Helper()
	binary := build(t, "./hack/cluster/e2e/probe", "probe")
	out := filepath.Join(filepath.Dir(binary), "probe.tar")
	image := build(t, "./hack/image", "image")
	if output, err := m.command(nil, image, "--name", "lagrange-probe:test", "--binary", binary, "--out", out); err != nil {
		t.Fatalf("build the probe's image: %v\n%s", err, output)
	}
	return out
}

// runProbe creates the pod of pod.yaml. That it becomes ready says: its restricted settings are admitted and work, its
// volumes are there, and it reached the API server by Service address with its own token.
func (m *machine) runProbe() {
	m.t.Helper()
	m.mustKubectl("apply", "-f", "hack/cluster/e2e/pod.yaml")
	m.mustKubectl("-n", "probe", "wait", "pod/probe", "--for=condition=Ready", "--timeout=60s")
	if logs := m.mustKubectl("-n", "probe", "logs", "probe"); !strings.Contains(logs, "the API server answers as v1.") {
		m.t.Errorf("the pod's log is %q", logs)
	}
	if out := m.mustKubectl("-n", "probe", "exec", "probe", "--", "/probe", "hello"); strings.TrimSpace(out) != "hello" {
		m.t.Errorf("exec prints %q", out)
	}
	m.checkNetwork()
	status := m.mustKubectl("-n", "probe", "exec", "probe", "--", "/probe", "status")
	for _, line := range []string{"Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000000000"} {
		if !strings.Contains(status, line) {
			m.t.Errorf("the pod's process is not restricted: no %q in\n%s", line, status)
		}
	}
	out, err := m.command(nil, m.kubectl, "-n", "probe", "run", "root", "--image=lagrange-probe:test", "--image-pull-policy=Never")
	if err == nil || !strings.Contains(out, "violates PodSecurity") {
		m.t.Errorf("a pod without restrictions was not refused: %v\n%s", err, out)
	}
}

// checkNetwork sees the pod reach the host and the host reach the pod.
func (m *machine) checkNetwork() {
	m.t.Helper()
	host := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "host") }))
	listener, err := net.Listen("tcp", strings.TrimSpace(m.must("host-address"))+":0")
	if err != nil {
		m.t.Fatal(err)
	}
	host.Listener = listener
	host.Start()
	defer host.Close()
	if out := m.mustKubectl("-n", "probe", "exec", "probe", "--", "/probe", "get", "http://"+listener.Addr().String()); out != "host" {
		m.t.Errorf("the pod reads %q from the host", out)
	}
	address := m.mustKubectl("-n", "probe", "get", "pod", "probe", "-o", "jsonpath={.status.podIP}")
	response, err := http.Get("http://" + address + ":8080")
	if err != nil {
		m.t.Fatalf("the host does not reach the pod: %v", err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	if body, err := io.ReadAll(response.Body); string(body) != "ready" || err != nil {
		m.t.Errorf("the host reads %q (%v) from the pod", body, err)
	}
}

// TestDownAfterKill ends clusters that were killed in all states of their start.
func TestDownAfterKill(t *testing.T) {
	const state, run = "/var/lib/lagrange-cluster", "/run/lagrange-cluster"
	exists := func(path string) func() error {
		return func() error { _, err := os.Stat(path); return err }
	}
	cases := map[string]struct {
		reason string
		when   func() error
	}{
		"Files":        {"only files exist", exists(state + "/pki/ca.key")},
		"Node":         {"the node's first process was started", exists(state + "/logs/node.log")},
		"Link":         {"the host is connected", exists("/sys/class/net/lagrange0")},
		"Etcd":         {"the first components run", exists(state + "/logs/etcd.log")},
		"Containerd":   {"containerd's mounts exist", exists(run + "/containerd.sock")},
		"ControlPlane": {"the control plane runs", exists(state + "/logs/kube-controller-manager.log")},
		"Kubelet":      {"the kubelet runs", exists(state + "/kubelet/pods")},
	}
	unchanged := newMachine(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := unchanged.in(t)
			launcher := m.launch("up")
			m.await("the moment when "+tc.reason, tc.when)
			kill(t, launcher.Process.Pid)
			_ = launcher.Wait() // it was killed
			m.down()
		})
	}
}

// TestUpAfterKill starts a cluster over the remains of one whose node was killed.
func TestUpAfterKill(t *testing.T) {
	m := newMachine(t)
	t.Cleanup(m.down)
	m.must("up")
	m.must("load", probeImage(t, m))
	m.runProbe()
	kill(t, processes(t, "supervisor")[0])
	m.await("the end of the node", func() error {
		if left := processes(t, ""); len(left) > 0 {
			return fmt.Errorf("processes %v", left)
		}
		return nil
	})
	m.must("up")
	m.must("status")
}

// TestKilledComponent sees the supervisor start a component again, and down work meanwhile.
func TestKilledComponent(t *testing.T) {
	m := newMachine(t)
	t.Cleanup(m.down)
	m.must("up")
	for _, component := range []string{"containerd", "kubelet", "etcd"} {
		old := processes(t, component)[0]
		kill(t, old)
		m.await("a new "+component, func() error {
			now := processes(t, component)
			if len(now) == 0 || now[0] == old {
				return errors.New("not yet")
			}
			return nil
		})
	}
	m.await("a cluster that works again", func() error { _, err := m.run("status"); return err })
	kill(t, processes(t, "containerd")[0])
}

// TestInterruptedUp is a user who presses Ctrl-C: up itself leaves nothing.
func TestInterruptedUp(t *testing.T) {
	m := newMachine(t)
	launcher := m.launch("up")
	m.await("the first components", func() error { _, err := os.Stat("/var/lib/lagrange-cluster/logs/etcd.log"); return err })
	if err := launcher.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := launcher.Wait(); !errors.As(err, &exit) {
		t.Errorf("an interrupted up ends with %v, want a failure", err)
	}
	m.wantFailure("cluster lagrange is not running", "status")
	m.down()
}

// TestBrokenComponent starts a cluster whose kubelet cannot run: up shows why and leaves nothing, or with --keep all.
func TestBrokenComponent(t *testing.T) {
	m := newMachine(t)
	t.Cleanup(m.down)
	folder := strings.TrimSpace(m.must("binaries"))
	m.cache = t.TempDir()
	broken := filepath.Join(m.cache, "lagrange", filepath.Base(folder))
	copyLinks(t, filepath.Dir(folder), filepath.Dir(broken))
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	copyLinks(t, folder, broken)
	kubelet := filepath.Join(broken, "kubelet")
	if err := errors.Join(os.Remove(kubelet), os.WriteFile(kubelet, []byte("#!/bin/sh\necho no swap, please; exit 7\n"), 0o700)); err != nil {
		t.Fatal(err)
	}
	const words = "kubelet: kubelet ended 5 times, at last with: exit status 7; the last lines of /var/lib/lagrange-cluster/logs/kubelet.log:\nno swap, please"
	m.wantFailure(words, "up")
	m.wantFailure("cluster lagrange is not running", "status")
	m.wantFailure(words, "up", "--keep")
	if _, err := os.Stat("/var/lib/lagrange-cluster/logs/kubelet.log"); err != nil {
		t.Errorf("--keep left no log: %v", err)
	}
}

// copyLinks fills the new folder with links to everything in the old one.
func copyLinks(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if err := os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConcurrentUps starts two clusters at once: one starts, the other is refused.
func TestConcurrentUps(t *testing.T) {
	m := newMachine(t)
	t.Cleanup(m.down)
	first, second := m.launch("up"), m.launch("up")
	failures := 0
	for _, launcher := range []*exec.Cmd{first, second} {
		if launcher.Wait() != nil {
			failures++
		}
	}
	if failures != 1 {
		t.Errorf("%d of 2 concurrent ups failed, want 1", failures)
	}
	m.must("status")
}

// TestExisting uses the local cluster as one that somebody else runs.
func TestExisting(t *testing.T) {
	m := newMachine(t)
	t.Cleanup(m.down)
	m.must("up")
	existing := func(args ...string) (string, error) {
		return m.command(nil, "/usr/bin/env", append([]string{"CLUSTER=existing", m.cluster}, args...)...)
	}
	if out, err := existing("up"); err != nil || !strings.Contains(out, "is ready, Kubernetes v1.") {
		t.Errorf("up: %v\n%s", err, out)
	}
	if out, err := existing("load", probeImage(t, m)); err == nil || !strings.Contains(out, "needs IMAGE_REGISTRY") {
		t.Errorf("load without a registry: %v\n%s", err, out)
	}
	if out, err := existing("down"); err != nil {
		t.Errorf("down: %v\n%s", err, out)
	}
	m.must("status")
}

// processes lists the processes of a control group of the cluster, with an empty name those of all.
func processes(t *testing.T, group string) []int {
	t.Helper()
	var found []int
	for _, root := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} { // version 1, version 2
		err := filepath.WalkDir(filepath.Join(root, "lagrange-cluster", group), func(path string, _ os.DirEntry, err error) error {
			if err == nil && filepath.Base(path) == "cgroup.procs" {
				var content []byte
				content, err = os.ReadFile(path)
				found = append(found, numbers(t, string(content))...)
			}
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
				return nil // a group may go while it is read
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func numbers(t *testing.T, content string) []int {
	t.Helper()
	var all []int
	for _, field := range strings.Fields(content) {
		number, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, number)
	}
	return all
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
