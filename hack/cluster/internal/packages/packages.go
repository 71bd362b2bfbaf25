// Package packages finds the container programs of the machine: containerd, runc, the CNI plugins and iptables. On
// Debian and Ubuntu it fetches those that are missing as packages and unpacks them into the cache: nothing is installed,
// so no service of the host starts and nothing of the host changes.
package packages

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Tools says where the container programs are.
type Tools struct {
	// Path is the search path of executables.
	Path []string
	// Libraries is the search path of shared libraries; empty when the machine's own suffice.
	Libraries []string
	// Xtables is the folder of iptables' extensions; empty for the machine's own.
	Xtables string
	// CNI is the folder of the CNI plugins.
	CNI string
}

// tool is an executable that a node needs and the Debian package that has it.
type tool struct {
	executable string
	pkg        string
}

var (
	tools = []tool{
		{"containerd", "containerd"},
		{"containerd-shim-runc-v2", "containerd"},
		{"ctr", "containerd"},
		{"runc", "runc"},
		{"iptables", "iptables"},
		{"iptables-save", "iptables"},
		{"iptables-restore", "iptables"},
		{"mount", "mount"},
		{"umount", "mount"},
	}
	plugins        = []string{"bridge", "host-local", "loopback"}
	pluginsPackage = "containernetworking-plugins"
	pluginFolders  = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}
	systemPath     = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
)

// MissingError says which packages a machine lacks.
type MissingError struct {
	Packages []string
}

// Error names the packages and the alternatives.
func (e *MissingError) Error() string {
	return fmt.Sprintf("this machine lacks %s: install them, or use CLUSTER=kind or CLUSTER=existing",
		strings.Join(e.Packages, ", "))
}

// Environment is what a program that uses the tools needs to be told, as name=value.
func (t Tools) Environment() []string {
	environment := []string{"PATH=" + strings.Join(t.Path, ":")}
	if len(t.Libraries) > 0 {
		environment = append(environment, "LD_LIBRARY_PATH="+strings.Join(t.Libraries, ":"))
	}
	if t.Xtables != "" {
		environment = append(environment, "XTABLES_LIBDIR="+t.Xtables)
	}
	return environment
}

// Executable returns the full path of one of the tools.
func (t Tools) Executable(name string) (string, error) {
	for _, folder := range t.Path {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return path, nil
		}
	}
	return "", fmt.Errorf("no executable %q in %s", name, strings.Join(t.Path, ":"))
}

// onMachine looks at the machine's own folders below root, which is "/" but in tests.
func onMachine(root string) Tools {
	var found Tools
	for _, folder := range systemPath {
		found.Path = append(found.Path, filepath.Join(root, folder))
	}
	for _, folder := range pluginFolders {
		if hasPlugins(filepath.Join(root, folder)) {
			found.CNI = filepath.Join(root, folder)
			break
		}
	}
	return found
}

func hasPlugins(folder string) bool {
	for _, plugin := range plugins {
		if _, err := os.Stat(filepath.Join(folder, plugin)); err != nil {
			return false
		}
	}
	return true
}

// check returns a MissingError when a tool is not there.
func (t Tools) check() error {
	var absent []string
	for _, tool := range tools {
		if _, err := t.Executable(tool.executable); err != nil {
			absent = append(absent, tool.pkg)
		}
	}
	if t.CNI == "" {
		absent = append(absent, pluginsPackage)
	}
	if len(absent) == 0 {
		return nil
	}
	slices.Sort(absent)
	return &MissingError{Packages: slices.Compact(absent)}
}

func isMissing(err error) (*MissingError, bool) {
	var missing *MissingError
	return missing, errors.As(err, &missing)
}
