// Package debian fetches Debian and Ubuntu packages and unpacks them into a folder: nothing is installed, so no service
// of the host starts and nothing of the host changes.
package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrElsewhere means that the machine runs neither Debian nor Ubuntu.
var ErrElsewhere = errors.New("this machine has no apt-get")

// Here returns ErrElsewhere on a machine without apt-get.
func Here() error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return ErrElsewhere
	}
	return nil
}

// Fetch downloads packages with what they need and unpacks them; finish is called on the result, if not nil. The folder
// appears whole or not at all, and replaces an older one.
func Fetch(ctx context.Context, folder string, names []string, finish func(folder string) error) error {
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
	if finish != nil {
		if err := finish(temporary); err != nil {
			return err
		}
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
	return os.RemoveAll(archives)
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

// Release names the distribution's release, for example debian-12, so that packages of two releases do not mix.
func Release(path string) string {
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
