//go:build linux

package snapshot

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// volatile are sysctls that change by themselves.
var volatile = []string{"kernel/random/", "kernel/ns_last_pid", "kernel/pty/nr", "net/netfilter/nf_conntrack_count", "vm/stat_refresh", "vm/compact_memory"}

// settingFolders are the parts of /proc/sys that container programs set.
var settingFolders = []string{"net", "vm", "kernel"}

func sysctls(found Snapshot) error {
	for _, folder := range settingFolders {
		err := filepath.WalkDir(filepath.Join("/proc/sys", folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return skipGone(err)
			}
			name := strings.TrimPrefix(path, "/proc/sys/")
			if slices.ContainsFunc(volatile, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
				return nil
			}
			if value, err := os.ReadFile(path); err == nil { // some can only be written
				found["sysctl "+name] = strings.TrimSpace(string(value))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("list sysctls: %w", err)
		}
	}
	return nil
}

// written are folders in which container programs make files.
var written = []string{"/", "/run", "/run/netns", "/run/containerd", "/var", "/var/lib", "/var/lib/cni", "/var/lib/kubelet", "/var/log", "/var/log/pods",
	"/var/log/containers", "/etc", "/etc/cni", "/etc/cni/net.d", "/etc/kubernetes", "/etc/containerd", "/opt", "/opt/cni", "/usr/libexec"}

func folders(found Snapshot) error {
	for _, folder := range written {
		entries, err := os.ReadDir(folder)
		if skipGone(err) != nil {
			return fmt.Errorf("list a folder: %w", err)
		}
		for _, entry := range entries {
			found["file "+filepath.Join(folder, entry.Name())] = ""
		}
	}
	return nil
}
