//go:build linux

package node

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/packages"
)

func config(t *testing.T) Config {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"containerd", "ctr"} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return Config{
		Name: "lagrange", State: t.TempDir(), Run: "/run/x", Programs: "/programs", Cgroup: "tree",
		Snapshotter: "overlayfs", PauseArchive: "/pause.tar",
		Tools: packages.Tools{Path: []string{bin}, CNI: "/cni"},
	}
}

func TestSaveAndLoad(t *testing.T) {
	want := config(t)
	path := filepath.Join(t.TempDir(), "node.json")
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Load(): %v: -want, +got:\n%s", err, diff)
	}
}

func TestWriteFiles(t *testing.T) {
	c := config(t)
	if err := c.WriteFiles(); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		content, err := os.ReadFile(c.file(name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	var kubelet, proxy map[string]any
	if err := yaml.UnmarshalStrict(read("kubelet.yaml"), &kubelet); err != nil {
		t.Error(err)
	}
	if kubelet["cgroupRoot"] != "/tree" || kubelet["containerRuntimeEndpoint"] != "unix:///run/x/containerd.sock" {
		t.Errorf("the kubelet is told cgroupRoot %v and endpoint %v", kubelet["cgroupRoot"], kubelet["containerRuntimeEndpoint"])
	}
	if err := yaml.UnmarshalStrict(read("kube-proxy.yaml"), &proxy); err != nil || proxy["clusterCIDR"] != PodRange {
		t.Errorf("kube-proxy is told %v (%v)", proxy["clusterCIDR"], err)
	}
	if !json.Valid(read("cni/net.d/10-pods.conflist")) {
		t.Errorf("the network's configuration is no JSON:\n%s", read("cni/net.d/10-pods.conflist"))
	}
	if !strings.Contains(string(read("containerd.toml")), `snapshotter = "overlayfs"`) {
		t.Errorf("containerd is told\n%s", read("containerd.toml"))
	}
}

func TestComponentsCanAllStart(t *testing.T) {
	components, err := config(t).Components()
	if err != nil {
		t.Fatal(err)
	}
	earlier := map[string]bool{}
	for _, component := range components {
		for _, name := range component.After {
			if !earlier[name] {
				t.Errorf("%s waits for %q, which does not come before it", component.Name, name)
			}
		}
		if component.Once == (component.Health != Health{}) {
			t.Errorf("%s must either end or have a way to ask for its health", component.Name)
		}
		if !filepath.IsAbs(component.Command[0]) {
			t.Errorf("%s would be looked for on a search path: %q", component.Name, component.Command[0])
		}
		earlier[component.Name] = true
	}
}

func TestOverlaps(t *testing.T) {
	cases := map[string]struct {
		reason string
		route  string
		want   bool
	}{
		"Same":     {"Another cluster's bridge.", "10.244.0.0/24", true},
		"Around":   {"A wider network, as of flannel.", "10.244.0.0/16", true},
		"Inside":   {"A part of it.", "10.244.0.128/25", true},
		"Beside":   {"The next network.", "10.244.1.0/24", false},
		"Default":  {"Every machine has a default route, and ours is more specific.", "0.0.0.0/0", false},
		"NoTarget": {"The library's other way to say default.", "", false},
	}
	_, wanted, err := net.ParseCIDR(PodRange)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, route, err := net.ParseCIDR(tc.route)
			if err != nil && tc.route != "" {
				t.Fatal(err)
			}
			if got := overlaps(route, wanted); got != tc.want {
				t.Errorf("%s\noverlaps(%s) = %t", tc.reason, tc.route, got)
			}
		})
	}
}

func TestIsHidden(t *testing.T) {
	for path, want := range map[string]bool{"/var/lib/lagrange-cluster": true, "/run/user/0/cache": true, "/running": false, "/home/user/.cache": false} {
		if isHidden(path) != want {
			t.Errorf("isHidden(%q) = %t", path, !want)
		}
	}
}
