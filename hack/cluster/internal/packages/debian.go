package packages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Ensure returns the tools of the machine; what it lacks is taken from the cache folder, on Debian and Ubuntu fetched
// into it first. Elsewhere it returns a MissingError.
func Ensure(ctx context.Context, cache string, out io.Writer) (Tools, error) {
	return ensure(ctx, onMachine("/"), cache, out)
}

func ensure(ctx context.Context, machine Tools, cache string, out io.Writer) (Tools, error) {
	missing, incomplete := isMissing(machine.check())
	if !incomplete {
		return machine, nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return Tools{}, missing
	}
	folder := filepath.Join(cache, "packages-"+release("/etc/os-release"))
	both := machine.with(folder)
	if both.check() == nil {
		return both, nil
	}
	_, _ = fmt.Fprintf(out, "fetching the packages %s into %s; nothing is installed\n", strings.Join(missing.Packages, ", "), folder)
	if err := fetch(ctx, folder, missing.Packages); err != nil {
		return Tools{}, errors.Join(missing, err)
	}
	both = machine.with(folder)
	return both, both.check()
}

// with adds unpacked packages after the machine's own programs.
func (t Tools) with(folder string) Tools {
	unpacked := onMachine(folder)
	both := Tools{Path: append(append([]string{}, t.Path...), append(unpacked.Path, filepath.Join(folder, links))...), CNI: t.CNI}
	if both.CNI == "" {
		both.CNI = unpacked.CNI
	}
	libraries, err := filepath.Glob(filepath.Join(folder, "usr/lib/*-linux-gnu*"))
	if err != nil {
		return both // the pattern is well formed
	}
	both.Libraries = libraries
	for _, library := range libraries {
		if _, err := os.Stat(filepath.Join(library, "xtables")); err == nil {
			both.Xtables = filepath.Join(library, "xtables")
		}
	}
	return both
}

// links is the folder of the names that Debian's package scripts would make with update-alternatives.
const links = "links"

// fetch downloads packages with what they need and unpacks them; the folder appears whole or not at all.
func fetch(ctx context.Context, folder string, names []string) error {
	temporary := folder + ".partial"
	archives := filepath.Join(temporary, "archives")
	if err := os.RemoveAll(temporary); err != nil {
		return fmt.Errorf("remove an interrupted fetch: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	if err := download(ctx, archives, names); err != nil {
		return err
	}
	if err := unpack(ctx, archives, temporary); err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("remove older packages: %w", err)
	}
	return os.Rename(temporary, folder)
}

func download(ctx context.Context, archives string, names []string) error {
	arguments := append([]string{"install", "-y", "--no-install-recommends", "--download-only",
		"-o", "Dir::Cache::archives=" + archives}, names...)
	if run(ctx, "apt-get", arguments...) == nil {
		return nil
	}
	if err := run(ctx, "apt-get", "update"); err != nil { // the package lists were absent or outdated
		return err
	}
	return run(ctx, "apt-get", arguments...)
}

func unpack(ctx context.Context, archives, target string) error {
	files, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := run(ctx, "dpkg-deb", "-x", file, target); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(archives); err != nil {
		return err
	}
	return linkIptables(target)
}

func linkIptables(target string) error {
	multi := filepath.Join(target, "usr/sbin/xtables-nft-multi")
	if _, err := os.Stat(multi); errors.Is(err, os.ErrNotExist) {
		return nil // the machine has iptables
	}
	if err := os.Mkdir(filepath.Join(target, links), 0o755); err != nil {
		return err
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			if err := os.Symlink("../usr/sbin/xtables-nft-multi", filepath.Join(target, links, family+suffix)); err != nil {
				return err
			}
		}
	}
	return nil
}

func run(ctx context.Context, program string, arguments ...string) error {
	cmd := exec.CommandContext(ctx, program, arguments...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err, lastLine(string(output)))
	}
	return nil
}

func lastLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return lines[len(lines)-1]
}

// release names the distribution's release, for example debian-12, so that packages of two releases do not mix.
func release(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		fields[name] = strings.Trim(value, `"`)
	}
	return fields["ID"] + "-" + fields["VERSION_ID"]
}
