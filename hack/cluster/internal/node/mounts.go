//go:build linux

package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hidden are host folders in which components write at fixed paths (/var/log/pods, /var/lib/cni, /run/containerd, ...).
// The node has folders of its own in their place.
var hidden = []string{"/run", "/var/lib", "/var/log"}

// sysctls are settings of the whole machine that a kubelet insists on. The node sees files with the wanted values in
// their place, so the kubelet is content and the host keeps its own.
var sysctls = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// prepareMounts arranges the node's own mount namespace; the host's mounts stay as they are.
func prepareMounts(config Config) error {
	// Mounts of the host come in, none go out; inside, pods may share theirs.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("separate the mounts from the host's: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share the mounts with pods: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := hideFolders(config); err != nil {
		return err
	}
	if err := coverSysctls(config); err != nil {
		return err
	}
	return coverResolver(config)
}

// hideFolders covers the hidden folders and brings back those below them that the node needs.
func hideFolders(config Config) error {
	kept := []string{config.State, config.Run, config.Cache}
	handles := map[string]*os.File{}
	for _, path := range kept {
		handle, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("open a folder of the node: %w", err)
		}
		defer handle.Close() //nolint:errcheck // opened for its place only
		handles[path] = handle
	}
	for _, folder := range hidden {
		if err := makeMountPoints(filepath.Join(config.State, "private", folder), folder, kept); err != nil {
			return err
		}
	}
	// Sources are named by handle from here on: the paths disappear as their parents are covered.
	for _, folder := range hidden {
		if err := bind(handlePath(handles[config.State])+"/private"+folder, folder); err != nil {
			return err
		}
	}
	for _, path := range kept {
		if !isHidden(path) {
			continue
		}
		if err := bind(handlePath(handles[path]), path); err != nil {
			return err
		}
	}
	return nil
}

func handlePath(handle *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", handle.Fd()) }

func makeMountPoints(private, folder string, kept []string) error {
	if err := os.MkdirAll(private, 0o755); err != nil {
		return fmt.Errorf("make a folder of the node: %w", err)
	}
	for _, path := range kept {
		below, ok := strings.CutPrefix(path, folder+"/")
		if !ok {
			continue
		}
		if err := os.MkdirAll(filepath.Join(private, below), 0o755); err != nil {
			return fmt.Errorf("make a folder of the node: %w", err)
		}
	}
	return nil
}

func isHidden(path string) bool {
	for _, folder := range hidden {
		if strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

func coverSysctls(config Config) error {
	for name, value := range sysctls {
		target := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(target); err != nil {
			continue // this kernel does not have it, so the kubelet does not ask
		}
		cover := filepath.Join(config.State, "sysctls", strings.ReplaceAll(name, "/", "."))
		if err := writeFile(cover, []byte(value+"\n")); err != nil {
			return err
		}
		if err := bind(cover, target); err != nil {
			return err
		}
	}
	return nil
}

// coverResolver hides the host's name servers, which the node cannot reach: without any, pods and image pulls that ask
// for a name outside fail at once instead of after a timeout.
func coverResolver(config Config) error {
	if err := writeFile(config.file("resolv.conf"), nil); err != nil {
		return err
	}
	target, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was in /run: hidden already
	}
	if err != nil {
		return fmt.Errorf("find the host's resolver configuration: %w", err)
	}
	return bind(config.file("resolv.conf"), target)
}

// snapshotter returns the way to stack image layers that works on the file system of folder: overlayfs, or native, which
// copies, where the folder is itself on an overlay (in a container).
func snapshotter(folder string) string {
	base, err := os.MkdirTemp(folder, "overlay-")
	if err != nil {
		return "native"
	}
	defer os.RemoveAll(base) //nolint:errcheck // it goes with the state folder
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(base, name), 0o755); err != nil {
			return "native"
		}
	}
	merged := filepath.Join(base, "merged")
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", base)
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return "native"
	}
	if err := unix.Unmount(merged, 0); err != nil {
		return "native"
	}
	return "overlayfs"
}

func bind(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("put %q in the place of %q: %w", source, target, err)
	}
	return nil
}

// setSysctl sets a value of the node's own network namespace.
func setSysctl(name string, value int) error {
	if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(strconv.Itoa(value)), 0); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}
