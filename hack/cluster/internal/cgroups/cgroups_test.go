//go:build linux

package cgroups

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMount(t *testing.T) {
	cases := map[string]struct {
		reason string
		line   string
		want   hierarchy
		ok     bool
	}{
		"V1":      {"One hierarchy per controller.", "35 32 0:29 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids", hierarchy{mount: "/sys/fs/cgroup/pids"}, true},
		"V2":      {"One hierarchy for all.", "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw", hierarchy{mount: "/sys/fs/cgroup", v2: true}, true},
		"Tmpfs":   {"The folder around version 1 is no hierarchy.", "32 23 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755", hierarchy{}, false},
		"Outside": {"A copy in a container's root is not this machine's.", "40 23 0:26 / /mnt/cgroup rw - cgroup2 cgroup2 rw", hierarchy{}, false},
		"Broken":  {"A line without fields is passed over.", "1 2 - x", hierarchy{}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := parseMount(tc.line)
			if ok != tc.ok || ok && got != tc.want {
				t.Errorf("%s\nparseMount() = %+v, %t, want %+v, %t", tc.reason, got, ok, tc.want, tc.ok)
			}
		})
	}
}

// fake makes folders that look like hierarchies: files maps paths to contents.
func fake(t *testing.T, v2 bool, files map[string]string) *Tree {
	t.Helper()
	mount := filepath.Join(t.TempDir(), "cpuset")
	for path, content := range files {
		full := filepath.Join(mount, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &Tree{name: "tree", hierarchies: []hierarchy{{mount: mount, v2: v2}}}
}

func read(t *testing.T, tree *Tree, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(tree.hierarchies[0].mount, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestControllers(t *testing.T) {
	enough := fake(t, true, map[string]string{"cgroup.controllers": "cpuset cpu io memory pids\n"})
	if err := enough.Controllers(); err != nil {
		t.Error(err)
	}
	less := fake(t, true, map[string]string{"cgroup.controllers": "cpu pids\n"})
	if err := less.Controllers(); err == nil || err.Error() != "this machine has no control groups for memory" {
		t.Errorf("Controllers() = %v", err)
	}
	v1 := fake(t, false, nil)
	if err := v1.Controllers(); err == nil || !strings.Contains(err.Error(), "cpu, memory, pids") {
		t.Errorf("Controllers() = %v, want all but cpuset missing", err)
	}
}

func TestCreateDelegatesVersion2(t *testing.T) {
	tree := fake(t, true, map[string]string{
		"cgroup.controllers": "cpu rdma\n", "cgroup.subtree_control": "",
		"tree/cgroup.controllers": "cpu\n", "tree/cgroup.subtree_control": "cpu\n",
	})
	if err := tree.Create("etcd"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, tree, "cgroup.subtree_control"); got != "+cpu" {
		t.Errorf("the root was told %q, want +cpu alone: a kubelet does not ask for rdma", got)
	}
	if got := read(t, tree, "tree/cgroup.subtree_control"); got != "cpu\n" {
		t.Errorf("the tree was told %q, though it has cpu already", got)
	}
}

func TestCreateInheritsCPUsOfVersion1(t *testing.T) {
	tree := fake(t, false, map[string]string{
		"cpuset.cpus": "0-1\n", "cpuset.mems": "0\n",
		"tree/cpuset.cpus": "", "tree/cpuset.mems": "",
		"tree/etcd/cpuset.cpus": "1\n", "tree/etcd/cpuset.mems": "",
	})
	if err := tree.Create("etcd"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"tree/cpuset.cpus": "0-1\n", "tree/cpuset.mems": "0\n",
		"tree/etcd/cpuset.cpus": "1\n", "tree/etcd/cpuset.mems": "0\n",
	}
	got := map[string]string{}
	for path := range want {
		got[path] = read(t, tree, path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

func TestProcesses(t *testing.T) {
	tree := fake(t, false, map[string]string{
		"tree/cgroup.procs": "", "tree/etcd/cgroup.procs": "12\n3\n", "tree/pods/a/cgroup.procs": "7\n", "other/cgroup.procs": "1\n",
	})
	all, err := tree.Processes("")
	if diff := cmp.Diff([]int{3, 7, 12}, all); err != nil || diff != "" {
		t.Errorf("Processes(): %v: -want, +got:\n%s", err, diff)
	}
	one, err := tree.Processes("etcd")
	if diff := cmp.Diff([]int{3, 12}, one); err != nil || diff != "" {
		t.Errorf("Processes(etcd): %v: -want, +got:\n%s", err, diff)
	}
	none, err := tree.Processes("absent")
	if err != nil || len(none) > 0 {
		t.Errorf("Processes(absent) = %v, %v", none, err)
	}
}

func TestRemove(t *testing.T) {
	tree := fake(t, false, map[string]string{"other/cgroup.procs": ""})
	mount := tree.hierarchies[0].mount
	if err := os.MkdirAll(filepath.Join(mount, "tree/pods/a"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once is enough, and twice is no error
		if err := tree.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(mount, "tree")); err == nil {
		t.Error("the tree is still there")
	}
	if _, err := os.Stat(filepath.Join(mount, "other")); err != nil {
		t.Error("another's group is gone")
	}
}
