package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
)

// tier is one kind of test.
type tier struct {
	what string
	run  func(context.Context) result
}

func tiers(rounds int) map[string]tier {
	return map[string]tier{
		"verify":      {"generated files are what their sources generate", verify},
		"lint":        {"linters and import rules (a linter is compiled the first time)", lint},
		"unit":        {"pure decisions and Kafka adapters, with the race detector", unit},
		"integration": {"a real kube-apiserver and an in-process broker", integration},
		"worker":      {"the worker runtime under random failures, and with real databases", workerTrials},
		"kafka":       {"an in-process broker beside Apache Kafka: the lag engine's table of cases, the worker's starts and transactions, resets whose manager is killed", kafkaCases},
		"e2e":         {"manager and workers as pods on a real cluster", endToEnd},
		"soak": {fmt.Sprintf("unit and integration tests, %d rounds; resets of each kind whose manager is killed at each write, and 100 random schedules of the worker, on each kind of Kafka", rounds), func(ctx context.Context) result {
			return soak(ctx, rounds)
		}},
	}
}

// generated are the files that nobody edits.
var generated = []string{"api/v1alpha1/zz_generated.deepcopy.go", "config/crd/bases", "config/rbac/role.yaml"}

func verify(ctx context.Context) result {
	before, err := content(generated)
	if err == nil {
		err = runCommand(ctx, nil, "make", "generate", "manifests")
	}
	after, readErr := content(generated)
	if err = errors.Join(err, readErr); err == nil && !bytes.Equal(before, after) {
		err = fmt.Errorf("generated files were out of date: commit what `make generate manifests` has just written")
	}
	if err == nil {
		err = runCommand(ctx, nil, "go", "mod", "tidy", "-diff")
	}
	return step(err)
}

func content(paths []string) ([]byte, error) {
	var all bytes.Buffer
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			all.WriteString(path)
			all.Write(raw)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

func lint(ctx context.Context) result { return step(runCommand(ctx, nil, "make", "lint")) }

func unit(ctx context.Context) result {
	packages, err := unitPackages(ctx)
	if err != nil {
		return step(err)
	}
	return goTest(ctx, "unit", nil, append([]string{"-race", "-timeout=20m"}, packages...)...)
}

// served are packages whose tests start servers: an API server, Apache Kafka, a
// cluster, databases.
var served = []string{"/lagrange/test/", "/lagrange/worker/dedup", "/lagrange/hack/sqldb", "/lagrange/examples/im"}

// unitPackages are those whose tests start no server.
func unitPackages(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var packages []string
	for line := range strings.Lines(string(out)) {
		needsServer := slices.ContainsFunc(served, func(part string) bool { return strings.Contains(line, part) })
		if !needsServer {
			packages = append(packages, strings.TrimSpace(line))
		}
	}
	return packages, nil
}

func integration(ctx context.Context) result { return withAPIServer(ctx, "integration") }

func withAPIServer(ctx context.Context, name string, flags ...string) result {
	binaries := exec.CommandContext(ctx, "go", "run", "./hack/cluster", "binaries")
	binaries.Stderr = os.Stderr
	out, err := binaries.Output()
	if err != nil {
		return step(fmt.Errorf("compile the API server: %w", err))
	}
	assets := []string{"KUBEBUILDER_ASSETS=" + strings.TrimSpace(string(out))}
	return goTest(ctx, name, assets, append([]string{"-timeout=30m", "./test/integration/..."}, flags...)...)
}

// workerTrials runs what it can where there is no Java or no database, and says so.
func workerTrials(ctx context.Context) result {
	return withApache(ctx, goTest(ctx, "worker", nil, "-race", "-p=1", "-count=1", "-timeout=25m",
		"./test/worker/...", "./worker/dedup/...", "./hack/sqldb/...", "./examples/im/..."))
}

// kafkaCases runs what it can where there is no Java, and says so.
func kafkaCases(ctx context.Context) result {
	cases := goTest(ctx, "kafka", nil, "-race", "-count=1", "-timeout=25m", "./test/kafka/...")
	resets := withAPIServer(ctx, "kafka-resets", "-count=1", "-run=OnApacheKafka$", "-parallel=4", "-apache")
	return withApache(ctx, cases.plus(resets))
}

func withApache(ctx context.Context, r result) result {
	if err := apache.Ensure(ctx, os.Stdout); errors.Is(err, apache.ErrNoJava) {
		return r.plus(unavailable("nothing was tried on Apache Kafka: " + err.Error()))
	}
	return r
}

func endToEnd(ctx context.Context) result {
	if os.Getenv("CLUSTER") == "" && os.Geteuid() != 0 {
		return unavailable("the local cluster needs root; run `sudo make test`, or set CLUSTER=kind or CLUSTER=existing")
	}
	return goTest(ctx, "e2e", nil, "-tags=e2e", "-p=1", "-count=1", "-timeout=40m", "./test/e2e/...", "./hack/cluster/...")
}

func soak(ctx context.Context, rounds int) result {
	count := "-count=" + strconv.Itoa(rounds)
	packages, err := unitPackages(ctx)
	if err != nil {
		return step(err)
	}
	units := goTest(ctx, "soak-unit", nil, append([]string{"-race", count, "-timeout=4h"}, packages...)...)
	server := withAPIServer(ctx, "soak-integration", count, "-timeout=4h")
	kills := withAPIServer(ctx, "soak-kills", "-count=1", "-timeout=4h", "-run=ResetKilledAnywhere", "-parallel=4", "-allkills", "-apache")
	trials := goTest(ctx, "soak-schedules", nil, "-race", "-count=1", "-timeout=4h", "./test/worker", "-schedules=100")
	return units.plus(server).plus(withApache(ctx, kills.plus(trials)))
}

// goTest runs go test through gotestsum, which prints what fails and keeps every event.
func goTest(ctx context.Context, name string, env []string, args ...string) result {
	events := filepath.Join("bin", "test", name+".json")
	if err := os.MkdirAll(filepath.Dir(events), 0o755); err != nil {
		return step(err)
	}
	base := []string{"tool", "-modfile=hack/tools/go.mod", "gotestsum", "--format=pkgname-and-test-fails", "--format-hide-empty-pkg", "--jsonfile=" + events, "--"}
	err := runCommand(ctx, env, "go", append(base, args...)...)
	counted, countErr := count(events)
	counted.err = errors.Join(err, countErr)
	if counted.passed == 0 && counted.err == nil {
		counted.err = fmt.Errorf("no test of tier %s ran", name)
	}
	return counted
}

// runCommand runs a program with this one's output.
func runCommand(ctx context.Context, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), env...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args[:min(3, len(args))], " "), err)
	}
	return nil
}
