package kind

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fake puts kind and docker on the search path that write down how they are called; clusters is what kind says exists.
func fake(t *testing.T, clusters string) (cluster *Cluster, calls func() []string) {
	t.Helper()
	folder := t.TempDir()
	record := filepath.Join(folder, "calls")
	script := `#!/bin/sh
echo "$(basename $0) $*" >> ` + record + `
case "$(basename $0) $1 $2" in
"kind get clusters") echo "` + clusters + `" ;;
"docker network inspect") echo "fc00:f853:ccd:e793::1 172.18.0.1 " ;;
esac
`
	for _, program := range []string{"kind", "docker"} {
		if err := os.WriteFile(filepath.Join(folder, program), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	return New("/cache", &bytes.Buffer{}), func() []string {
		content, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(content)), "\n")
	}
}

func TestCommandLines(t *testing.T) {
	cases := map[string]struct {
		reason   string
		clusters string
		call     func(*Cluster) error
		want     []string
	}{
		"Up": {
			reason: "A new cluster, with a kubeconfig of its own, not the user's.",
			call:   func(c *Cluster) error { return c.create(t.Context(), false) },
			want:   []string{"kind create cluster --name lagrange --kubeconfig KUBECONFIG --wait 3m"},
		},
		"UpKeep": {
			reason: "A failed start is kept for inspection.",
			call:   func(c *Cluster) error { return c.create(t.Context(), true) },
			want:   []string{"kind create cluster --name lagrange --kubeconfig KUBECONFIG --wait 3m --retain"},
		},
		"Reuse": {
			reason:   "Only the kubeconfig is written again.",
			clusters: "lagrange",
			call:     func(c *Cluster) error { return c.Up(t.Context(), true, false) },
			want:     []string{"kind get clusters", "kind export kubeconfig --name lagrange --kubeconfig KUBECONFIG"},
		},
		"Load": {
			reason: "Each archive goes to the node.",
			call:   func(c *Cluster) error { return c.Load(t.Context(), []string{"a.tar", "b.tar"}) },
			want:   []string{"kind load image-archive a.tar --name lagrange", "kind load image-archive b.tar --name lagrange"},
		},
		"Down": {
			reason: "The cluster of this name alone is deleted.",
			call:   func(c *Cluster) error { return c.Down(t.Context()) },
			want:   []string{"kind delete cluster --name lagrange --kubeconfig KUBECONFIG"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, calls := fake(t, tc.clusters)
			cluster := New(t.TempDir(), &bytes.Buffer{})
			if err := tc.call(cluster); err != nil {
				t.Fatal(err)
			}
			got := calls()
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], cluster.Kubeconfig(), "KUBECONFIG")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSecondUpIsRefused(t *testing.T) {
	cluster, _ := fake(t, "other\nlagrange")
	if err := cluster.Up(t.Context(), false, false); err == nil || !strings.Contains(err.Error(), "cluster lagrange is already running (kubeconfig /cache/kind.kubeconfig)") {
		t.Errorf("Up() = %v", err)
	}
	if err := cluster.Status(t.Context(), &bytes.Buffer{}); err != nil {
		t.Errorf("Status() = %v", err)
	}
}

func TestStatusOfAnotherClusterIsNotOurs(t *testing.T) {
	cluster, _ := fake(t, "lagrange-2")
	if err := cluster.Status(t.Context(), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "is not running") {
		t.Errorf("Status() = %v", err)
	}
}

func TestHostAddressIsTheIPv4Gateway(t *testing.T) {
	cluster, _ := fake(t, "")
	if got, err := cluster.HostAddress(t.Context()); got != "172.18.0.1" || err != nil {
		t.Errorf("HostAddress() = %q, %v", got, err)
	}
}

func TestWithoutKind(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := New(t.TempDir(), &bytes.Buffer{}).Up(t.Context(), false, false)
	if err == nil || !strings.Contains(err.Error(), `CLUSTER=kind needs "kind" on the search path`) {
		t.Errorf("Up() = %v", err)
	}
}
