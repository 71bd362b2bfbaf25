// Package integration runs the group controller against a real API server and
// an in-process Kafka: no kubelet, so a test plays the Deployment controller.
package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

var (
	testScheme = runtime.NewScheme()
	// server is the one API server of the package.
	server *envtest.Environment
	// config reaches it, kube reads and writes it without a cache.
	config *rest.Config
	kube   client.Client
)

// TestMain starts one API server for all tests; each test has a namespace.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Println("SKIPPED: no API server. Run `make test-integration`, which compiles one, or set KUBEBUILDER_ASSETS.")
		if os.Getenv("CI") == "true" {
			return 1
		}
		return 0
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr), zap.Level(zapLevel())))
	if err := manyAtATime(); err != nil {
		fmt.Println("set the number of parallel tests:", err)
		return 1
	}
	err := start()
	defer func() { _ = server.Stop() }() // also what started before something failed
	if err != nil {
		fmt.Println("start the API server:", err)
		return 1
	}
	return m.Run()
}

// manyAtATime runs more tests in parallel than there are cores, unless -parallel
// says otherwise: they wait most of the time.
func manyAtATime() error {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if chosen {
		return nil
	}
	return flag.Set("test.parallel", "8")
}

func start() error {
	server = &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(testScheme); err != nil {
			return err
		}
	}
	var err error
	if config, err = server.Start(); err != nil {
		return err
	}
	config.QPS, config.Burst = 500, 1000
	if kube, err = client.New(config, client.Options{Scheme: testScheme}); err != nil {
		return err
	}
	return installPolicies(context.Background(), kube)
}

// namespace makes a namespace for one test.
func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{}
	ns.GenerateName = "test-"
	if err := kube.Create(context.Background(), ns); err != nil {
		t.Fatal(err)
	}
	return ns.Name
}

// eventually waits until check returns nil and fails with its last error. The
// bound is only there to end a test that has failed.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	within(t, 90*time.Second, check)
}

// within is eventually for what takes longer by itself.
func within(t *testing.T, bound time.Duration, check func() error) {
	t.Helper()
	deadline := time.NewTimer(bound)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}
