//go:build e2e

// Package e2e runs Lagrange as its users do: the manager from its image through
// config/default, workers as pods on a real cluster, kubectl beside them.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

var (
	kube client.WithWatch
	// kubeconfig and kubectl are what a user would have.
	kubeconfig, kubectl string
	// host is where pods reach what listens on this machine.
	host string
	// kafkaProgram is the embedded broker's binary.
	kafkaProgram string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	if err := os.Chdir(filepath.Join("..", "..")); err != nil {
		fmt.Println(err)
		return 1
	}
	if os.Getenv("CLUSTER") == "" && os.Geteuid() != 0 {
		fmt.Println("SKIPPED: the local cluster needs root; or set CLUSTER=kind or CLUSTER=existing")
		if os.Getenv("CI") == "true" {
			return 1
		}
		return 0
	}
	ctrl.SetLogger(logr.Discard())
	started, err := start()
	if started {
		defer func() {
			if err := tool("cluster", "down"); err != nil {
				fmt.Println(err)
				code = 1
			}
		}()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return m.Run()
}

// start brings the cluster up, unless one runs already, and installs Lagrange.
func start() (started bool, err error) {
	running := tool("cluster", "status") == nil
	for _, step := range [][]string{{"make", "images"}, {"go", "run", "./hack/cluster", "up", "--reuse"},
		{"go", "run", "./hack/cluster", "load", "bin/images/manager.tar", "bin/images/worker.tar"}} {
		if err := program(step[0], step[1:]...); err != nil {
			return !running, err
		}
	}
	var errs [4]error
	kubeconfig, errs[0] = output("go", "run", "./hack/cluster", "kubeconfig")
	host, errs[1] = output("go", "run", "./hack/cluster", "host-address")
	kubectl, errs[2] = output("go", "run", "./hack/cluster", "binaries")
	kubectl += "/kubectl"
	kafkaProgram = filepath.Join("bin", "lagrange-kafka")
	errs[3] = program("go", "build", "-o", kafkaProgram, "./hack/kafka")
	if err := errors.Join(errs[:]...); err != nil {
		return !running, err
	}
	if err := connect(); err != nil {
		return !running, err
	}
	return !running, install(running)
}

func connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	kube, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	return err
}

// install installs Lagrange, again if there may be one: pods of an earlier run
// have an older image of the same name.
func install(again bool) error {
	if out, err := kubectlRun("apply", "--server-side", "-k", "test/e2e/manager"); err != nil {
		return fmt.Errorf("install: %w: %s", err, out)
	}
	if again {
		if out, err := kubectlRun("-n", "lagrange-system", "rollout", "restart", "deployment/lagrange-manager"); err != nil {
			return fmt.Errorf("restart the manager: %w: %s", err, out)
		}
	}
	if out, err := kubectlRun("-n", "lagrange-system", "rollout", "status", "deployment/lagrange-manager", "--timeout=120s"); err != nil {
		return fmt.Errorf("the manager did not start: %w: %s", err, out)
	}
	return nil
}

func tool(name string, args ...string) error {
	return program("go", append([]string{"run", "./hack/" + name}, args...)...)
}

func program(name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

func output(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	return strings.TrimSpace(string(out)), err
}

// kubectlRun is what a user types; it returns both outputs.
func kubectlRun(args ...string) (string, error) {
	c := exec.Command(kubectl, args...)
	c.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	out, err := c.CombinedOutput()
	return string(out), err
}

// mustKubectl fails the test when the command fails.
func mustKubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := kubectlRun(args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// eventually waits until check returns nil; the bound only ends a test that has failed.
func eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-tick.C:
		}
	}
}
