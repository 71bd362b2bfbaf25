package programs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// heartbeat is how often a running compile reports that it is alive.
const heartbeat = 15 * time.Second

// Builder compiles programs that the cache does not have yet.
type Builder struct {
	// Cache is the project's folder in the user's cache directory.
	Cache string
	// Source is the folder of the module that pins the versions, hack/cluster/binaries.
	Source string
	// Out receives progress lines.
	Out io.Writer
}

// Ensure compiles those of wanted that are missing and returns the folder that has them all, each under its own name.
// Programs appear in that folder whole or not at all, and two calls at once compile once.
func (b Builder) Ensure(ctx context.Context, wanted []Program) (string, error) {
	versions, err := ReadVersions(b.Source)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(b.Cache, versions.Folder())
	if len(missing(folder, wanted)) == 0 {
		return folder, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	unlock, err := lockFolder(ctx, folder, b.Out)
	if err != nil {
		return "", err
	}
	defer unlock()
	return folder, b.compileAll(ctx, folder, versions, missing(folder, wanted))
}

func missing(folder string, wanted []Program) []Program {
	var absent []Program
	for _, program := range wanted {
		if _, err := os.Stat(filepath.Join(folder, program.Name)); err != nil {
			absent = append(absent, program)
		}
	}
	return absent
}

func (b Builder) compileAll(ctx context.Context, folder string, versions Versions, absent []Program) error {
	if err := requireCompiler(ctx, absent); err != nil {
		return err
	}
	if err := removePartials(folder); err != nil {
		return err
	}
	for i, program := range absent {
		b.say("compiling %s, %d of %d, about %s the first time", program.Name, i+1, len(absent), round(program.Typical))
		if err := b.compile(ctx, folder, versions, program); err != nil {
			return err
		}
	}
	return nil
}

func (b Builder) compile(ctx context.Context, folder string, versions Versions, program Program) error {
	target := filepath.Join(folder, program.Name)
	partial := partialName(target)
	defer os.Remove(partial) //nolint:errcheck // gone after the rename; left only by a failure, which is reported
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", linkerFlags(versions), "-o", partial, program.Package)
	cmd.Dir = b.Source
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED="+cgo(program))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := b.runWithHeartbeat(cmd, program.Name); err != nil {
		return errors.Join(fmt.Errorf("compile %s %s: %w", program.Package, versions.Kubernetes, err), lastLines(output.String()))
	}
	return os.Rename(partial, target)
}

func (b Builder) runWithHeartbeat(cmd *exec.Cmd, name string) error {
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err == nil {
				b.say("  %s: done after %s", name, round(time.Since(started)))
			}
			return err
		case <-tick.C:
			b.say("  %s: %s", name, round(time.Since(started)))
		}
	}
}

func (b Builder) say(format string, values ...any) {
	_, _ = fmt.Fprintf(b.Out, format+"\n", values...)
}

// linkerFlags strips the program and tells it its version, as the release builds of Kubernetes do.
func linkerFlags(versions Versions) string {
	const variable = "k8s.io/component-base/version"
	major, minor, _ := strings.Cut(strings.TrimPrefix(semver.MajorMinor(versions.Kubernetes), "v"), ".")
	return fmt.Sprintf("-s -w -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s",
		variable, versions.Kubernetes, major, minor)
}

func cgo(program Program) string {
	if program.Cgo {
		return "1"
	}
	return "0"
}

// requireCompiler reports a missing C compiler before minutes are spent on the programs that need none.
func requireCompiler(ctx context.Context, absent []Program) error {
	for _, program := range absent {
		if !program.Cgo {
			continue
		}
		compiler, err := exec.CommandContext(ctx, "go", "env", "CC").Output()
		if err != nil {
			return fmt.Errorf("ask go for its C compiler: %w", err)
		}
		name, _, _ := strings.Cut(strings.TrimSpace(string(compiler)), " ")
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("compiling %s needs a C compiler and %q is not installed: install gcc and libc6-dev "+
				"(Debian, Ubuntu), or use CLUSTER=kind or CLUSTER=existing", program.Name, name)
		}
	}
	return nil
}

func partialName(target string) string {
	return filepath.Join(filepath.Dir(target), ".partial-"+filepath.Base(target))
}

// removePartials removes what an interrupted compile left.
func removePartials(folder string) error {
	partials, err := filepath.Glob(filepath.Join(folder, ".partial-*"))
	if err != nil {
		return err
	}
	for _, partial := range partials {
		if err := os.Remove(partial); err != nil {
			return fmt.Errorf("remove an interrupted compile: %w", err)
		}
	}
	return nil
}

func lastLines(output string) error {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if len(lines) > 20 {
		lines = lines[len(lines)-20:]
	}
	return errors.New(strings.Join(lines, "\n"))
}

// round says 8 min or 45 s.
func round(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
}
