//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// managerPod is the one pod of the manager, beside any that is going.
func managerPod(t *testing.T) corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	labels := client.MatchingLabels{"app.kubernetes.io/name": "lagrange"}
	if err := kube.List(context.Background(), &pods, client.InNamespace("lagrange-system"), labels); err != nil {
		t.Fatal(err)
	}
	stay := slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil })
	if len(stay) != 1 {
		t.Fatalf("%d manager pods, want one", len(stay))
	}
	return stay[0]
}

// restarts is how often the manager's container was started again.
func restarts(t *testing.T) int32 {
	t.Helper()
	return restartsOf(managerPod(t))
}

func restartsOf(pod corev1.Pod) (n int32) {
	for _, status := range pod.Status.ContainerStatuses {
		n += status.RestartCount
	}
	return n
}

// killManager sends SIGKILL to the manager's process, found by its pod's cgroup.
func killManager(t *testing.T) {
	t.Helper()
	if os.Getenv("CLUSTER") != "" {
		t.Skip("SKIPPED: only on the local cluster are pods processes of this machine")
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range commands {
		command, _ := os.ReadFile(path)
		cgroup, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cgroup"))
		if !strings.HasPrefix(string(command), "/manager\x00") || !strings.Contains(string(cgroup), "kubepods") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("found no manager process in a pod")
}

// TestManagerRights: what the install lets the manager and others do, and what not.
func TestManagerRights(t *testing.T) {
	manager := "--as=system:serviceaccount:lagrange-system:lagrange-manager"
	cases := map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"Secrets":       {"a connection names them one by one", []string{"get", "secrets/user", manager, "-A"}, "yes"},
		"NoSecretLists": {"it reads no Secret that nobody named", []string{"list", "secrets", manager, "-A"}, "no"},
		"NoSecretWatch": {"nor is it told of them", []string{"watch", "secrets", manager, "-A"}, "no"},
		"NoPodCreation": {"pods come from Deployments", []string{"create", "pods", manager, "-A"}, "no"},
		"NoDeletion":    {"Deployments go by their owner", []string{"delete", "deployments", manager, "-A"}, "no"},
		"NoSpecWrites":  {"the spec is the user's", []string{"update", "kafkaconsumergroups.kafka.lagrange.dev", manager, "-A"}, "no"},
		"Deployments":   {"its one job", []string{"patch", "deployments", manager, "-A"}, "yes"},
		"EditMay":       {"edit is widened", []string{"create", "kafkaconsumergroups.kafka.lagrange.dev", "--as=dev", "--as-group=editors", "-n", "default"}, "yes"},
		"ViewMayNot":    {"view is not", []string{"create", "kafkaconsumergroups.kafka.lagrange.dev", "--as=dev", "--as-group=viewers", "-n", "default"}, "no"},
		"ViewMayLook":   {"but sees", []string{"list", "kafkaconsumergroups.kafka.lagrange.dev", "--as=dev", "--as-group=viewers", "-n", "default"}, "yes"},
	}
	for role, group := range map[string]string{"edit": "editors", "view": "viewers"} {
		mustKubectl(t, "-n", "default", "create", "rolebinding", "e2e-"+role, "--clusterrole="+role, "--group="+group)
		t.Cleanup(func() { _, _ = kubectlRun("-n", "default", "delete", "rolebinding", "e2e-"+role) })
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, _ := kubectlRun(append([]string{"auth", "can-i"}, tc.args...)...)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if got := lines[len(lines)-1]; got != tc.want {
				t.Errorf("%s: can-i %v says %q, want %q", tc.reason, tc.args, out, tc.want)
			}
		})
	}
}

// TestMetricsAreGuarded: /metrics answers only to whom the metrics-reader role is bound.
func TestMetricsAreGuarded(t *testing.T) {
	if os.Getenv("CLUSTER") != "" {
		t.Skip("SKIPPED: only on the local cluster does this machine reach pods by their address")
	}
	mustKubectl(t, "-n", "default", "create", "serviceaccount", "scraper")
	t.Cleanup(func() { _, _ = kubectlRun("-n", "default", "delete", "serviceaccount", "scraper") })
	token := strings.TrimSpace(mustKubectl(t, "-n", "default", "create", "token", "scraper"))
	url := metricsURL(t)

	if code, _ := scrape(t.Context(), url, ""); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d, want 401", code)
	}
	if code, _ := scrape(t.Context(), url, token); code != http.StatusForbidden {
		t.Errorf("with a token that has no right: %d, want 403", code)
	}
	letRead(t, "default")
	eventually(t, func(ctx context.Context) error {
		code, body := scrape(ctx, url, token)
		if code != http.StatusOK || !strings.Contains(body, "lagrange_kafka_connections") {
			return fmt.Errorf("with the right: %d, %.200s", code, body)
		}
		return nil
	})
}

func metricsURL(t *testing.T) string {
	return "https://" + managerPod(t).Status.PodIP + ":8443/metrics"
}

// letRead lets the ServiceAccount "scraper" of the namespace read the metrics.
func letRead(t *testing.T, ns string) {
	t.Helper()
	name := "e2e-scraper-" + ns
	mustKubectl(t, "create", "clusterrolebinding", name, "--clusterrole=lagrange-metrics-reader", "--serviceaccount="+ns+":scraper")
	t.Cleanup(func() { _, _ = kubectlRun("delete", "clusterrolebinding", name) })
}

// scraper trusts any certificate: the manager's is self-signed.
var scraper = http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

// scrape is the answer to a GET, or code 0 with why there is none.
func scrape(ctx context.Context, url, token string) (int, string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := scraper.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}
