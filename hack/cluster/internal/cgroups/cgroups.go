//go:build linux

// Package cgroups keeps the processes of the cluster in control groups of its own, so that exactly those are found and
// ended, whoever started them and whoever died. It works with cgroup v2 and with v1 hierarchies.
package cgroups

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Tree is the folder of one name in every hierarchy of the machine.
type Tree struct {
	hierarchies []hierarchy
	name        string
}

type hierarchy struct {
	mount string
	v2    bool
}

var (
	// needed are the controllers without which a kubelet cannot run.
	needed = []string{"cpu", "memory", "pids"}
	// delegated are those that a kubelet wants if the machine has them.
	delegated = append([]string{"cpuset", "hugetlb", "io"}, needed...)
)

// Open finds the machine's hierarchies. Nothing is created.
func Open(name string) (*Tree, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find the control groups: %w", err)
	}
	defer mounts.Close() //nolint:errcheck // opened for reading only
	tree := &Tree{name: name}
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		if found, ok := parseMount(lines.Text()); ok {
			tree.hierarchies = append(tree.hierarchies, found)
		}
	}
	return tree, lines.Err()
}

// parseMount reads a line of mountinfo: "30 23 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids".
func parseMount(line string) (hierarchy, bool) {
	before, after, ok := strings.Cut(line, " - ")
	fields := strings.Fields(before)
	if !ok || len(fields) < 5 || !strings.HasPrefix(fields[4], "/sys/fs/cgroup") {
		return hierarchy{}, false
	}
	kind, _, _ := strings.Cut(after, " ")
	return hierarchy{mount: fields[4], v2: kind == "cgroup2"}, kind == "cgroup2" || kind == "cgroup"
}

// Controllers returns an error that names the controllers a node needs and this machine does not offer.
func (t *Tree) Controllers() error {
	offered := map[string]bool{}
	for _, h := range t.hierarchies {
		for _, controller := range h.controllers() {
			offered[controller] = true
		}
	}
	absent := slices.DeleteFunc(slices.Clone(needed), func(name string) bool { return offered[name] })
	if len(absent) > 0 {
		return fmt.Errorf("this machine has no control groups for %s", strings.Join(absent, ", "))
	}
	return nil
}

func (h hierarchy) controllers() []string {
	if !h.v2 {
		return strings.Split(filepath.Base(h.mount), ",")
	}
	content, err := os.ReadFile(filepath.Join(h.mount, "cgroup.controllers"))
	if err != nil {
		return nil // a hierarchy that cannot be read offers nothing
	}
	return strings.Fields(string(content))
}

// Path is what a kubelet's cgroupRoot says, for example /lagrange-cluster.
func (t *Tree) Path() string { return "/" + t.name }

// Create makes the tree and one group in it.
func (t *Tree) Create(group string) error {
	for _, h := range t.hierarchies {
		if err := h.create(t.name, group); err != nil {
			return fmt.Errorf("make control group %q in %q: %w", filepath.Join(t.name, group), h.mount, err)
		}
	}
	return nil
}

func (h hierarchy) create(tree, group string) error {
	if err := os.MkdirAll(filepath.Join(h.mount, tree, group), 0o755); err != nil {
		return err
	}
	if h.v2 {
		return errors.Join(h.delegate(""), h.delegate(tree))
	}
	return errors.Join(h.inheritCPUs(tree), h.inheritCPUs(filepath.Join(tree, group)))
}

// delegate lets the children of a v2 group use its controllers.
func (h hierarchy) delegate(group string) error {
	control := filepath.Join(h.mount, group, "cgroup.subtree_control")
	enabled, err := os.ReadFile(control)
	if err != nil {
		return err
	}
	available := hierarchy{mount: filepath.Join(h.mount, group), v2: true}.controllers()
	for _, controller := range available {
		if !slices.Contains(delegated, controller) || slices.Contains(strings.Fields(string(enabled)), controller) {
			continue
		}
		err := os.WriteFile(control, []byte("+"+controller), 0)
		if err != nil && slices.Contains(needed, controller) {
			return err
		}
	}
	return nil
}

// inheritCPUs fills a v1 cpuset, which starts empty and takes no process until it has CPUs and memory nodes.
func (h hierarchy) inheritCPUs(group string) error {
	for _, setting := range []string{"cpuset.cpus", "cpuset.mems"} {
		own := filepath.Join(h.mount, group, setting)
		current, err := os.ReadFile(own)
		if errors.Is(err, fs.ErrNotExist) || strings.TrimSpace(string(current)) != "" {
			continue
		}
		parent, err := os.ReadFile(filepath.Join(h.mount, filepath.Dir(group), setting))
		if err != nil {
			return err
		}
		if err := os.WriteFile(own, parent, 0); err != nil {
			return err
		}
	}
	return nil
}

// Join moves the calling process into the group, which is created if need be.
func (t *Tree) Join(group string) error {
	if err := t.Create(group); err != nil {
		return err
	}
	for _, h := range t.hierarchies {
		procs := filepath.Join(h.mount, t.name, group, "cgroup.procs")
		if err := os.WriteFile(procs, []byte("0"), 0); err != nil {
			return fmt.Errorf("join control group %q: %w", procs, err)
		}
	}
	return nil
}

// Processes lists the processes of the group, or with an empty group those of the whole tree, by ascending id.
func (t *Tree) Processes(group string) ([]int, error) {
	found := map[int]bool{}
	for _, h := range t.hierarchies {
		root := filepath.Join(h.mount, t.name, group)
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return ignoreGone(err)
			}
			return ignoreGone(readProcesses(filepath.Join(path, "cgroup.procs"), found))
		})
		if err != nil {
			return nil, fmt.Errorf("list the processes of %q: %w", root, err)
		}
	}
	ids := make([]int, 0, len(found))
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

func readProcesses(path string, found map[int]bool) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, field := range strings.Fields(string(content)) {
		if id, err := strconv.Atoi(field); err == nil && id > 0 {
			found[id] = true
		}
	}
	return nil
}

// Kill sends SIGKILL to every process of the tree once and returns how many there were.
func (t *Tree) Kill() (int, error) {
	ids, err := t.Processes("")
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := syscall.Kill(id, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, fmt.Errorf("end process %d: %w", id, err)
		}
	}
	return len(ids), nil
}

// Remove removes the tree's groups; those with processes cannot be removed.
func (t *Tree) Remove() error {
	for _, h := range t.hierarchies {
		var groups []string
		err := filepath.WalkDir(filepath.Join(h.mount, t.name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				groups = append(groups, path)
			}
			return ignoreGone(err)
		})
		if err != nil {
			return fmt.Errorf("list control groups: %w", err)
		}
		for _, group := range slices.Backward(groups) {
			if err := ignoreGone(os.Remove(group)); err != nil {
				return fmt.Errorf("remove control group: %w", err)
			}
		}
	}
	return nil
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	return err
}
