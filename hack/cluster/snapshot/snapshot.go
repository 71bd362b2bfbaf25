//go:build linux

// Package snapshot records what a cluster could leave behind on a machine, so that a test can compare before and after.
package snapshot

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// Snapshot maps each thing found to its value, by kind: "sysctl net/ipv4/ip_forward" to "0" for example. Things without
// a value, a mount for example, map to "".
type Snapshot map[string]string

// Options say how to look.
type Options struct {
	// IptablesSave is the path of that program; empty leaves the rules out.
	IptablesSave string
	// Environment is what IptablesSave needs to run, as name=value.
	Environment []string
}

// Take records the machine's processes outside the caller's namespaces, mounts, control groups, network namespaces,
// links, addresses, routes, iptables rules, sysctls, and the entries of the folders that container programs write to.
func Take(ctx context.Context, options Options) (Snapshot, error) {
	found := Snapshot{}
	recorders := []func(Snapshot) error{processes, mounts, groups, network, sysctls, folders}
	for _, record := range recorders {
		if err := record(found); err != nil {
			return nil, err
		}
	}
	return found, rules(ctx, options, found)
}

// Leftovers lists what differs between two snapshots, sorted: things that are new, gone or have another value. Processes
// that are gone are left out, for any process may end.
func Leftovers(before, after Snapshot) []string {
	var differences []string
	for thing, value := range after {
		if old, existed := before[thing]; !existed {
			differences = append(differences, "new: "+thing)
		} else if old != value {
			differences = append(differences, fmt.Sprintf("changed: %s from %q to %q", thing, old, value))
		}
	}
	for thing := range before {
		if _, exists := after[thing]; !exists && !strings.HasPrefix(thing, processKind) {
			differences = append(differences, "gone: "+thing)
		}
	}
	slices.Sort(differences)
	return differences
}

const processKind = "process "

// processes records those in another process, mount or network namespace than the caller: what a cluster starts.
// Others come and go for reasons of their own.
func processes(found Snapshot) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	own := namespaces("self")
	for _, entry := range entries {
		pid := entry.Name()
		if strings.Trim(pid, "0123456789") != "" {
			continue
		}
		other := namespaces(pid)
		if other == nil || maps.Equal(own, other) {
			continue
		}
		arguments, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		if err == nil && len(arguments) > 0 { // kernel threads have none
			found[processKind+pid+" "+strings.ReplaceAll(string(arguments), "\x00", " ")] = ""
			found["network namespace "+other["net"]] = ""
		}
	}
	return nil
}

// namespaces returns nil for a process that is gone.
func namespaces(pid string) map[string]string {
	all := map[string]string{}
	for _, kind := range []string{"pid", "mnt", "net"} {
		name, err := os.Readlink(filepath.Join("/proc", pid, "ns", kind))
		if err != nil {
			return nil
		}
		all[kind] = name
	}
	return all
}

// mounts records the fields of mountinfo that do not depend on the order of mounting.
func mounts(found Snapshot) error {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("list mounts: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 4 {
			found["mount "+fields[4]] = ""
		}
	}
	return nil
}

// groups records the first level of every hierarchy, and clusters' groups at any level: sessions come and go below.
func groups(found Snapshot) error {
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return skipGone(err)
		}
		depth := strings.Count(strings.TrimPrefix(path, "/sys/fs/cgroup"), "/")
		if depth <= 2 || strings.Contains(path, "lagrange") || strings.Contains(path, "kubepods") {
			found["control group "+path] = ""
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list control groups: %w", err)
	}
	return nil
}

func network(found Snapshot) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	for _, link := range links {
		found["link "+link.Attrs().Name] = link.Type()
	}
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, address := range addresses {
		found["address "+address.IPNet.String()] = address.Label
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, route := range routes {
		found["route "+route.String()] = ""
	}
	return nil
}

func rules(ctx context.Context, options Options, found Snapshot) error {
	if options.IptablesSave == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, options.IptablesSave)
	cmd.Env = options.Environment
	output, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("list iptables rules: %w", err)
	}
	for line := range strings.Lines(string(output)) {
		if strings.HasPrefix(line, "-A") || strings.HasPrefix(line, ":") {
			rule, _, _ := strings.Cut(line, " [") // the packet counters
			found["iptables "+strings.TrimSpace(rule)] = ""
		}
	}
	return nil
}

func skipGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
