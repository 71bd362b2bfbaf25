package existing

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

func TestLoadPushes(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "manager.tar")
	if err := tarball.WriteToFile(archive, name.MustParseReference("lagrange-manager:dev"), image); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	prefix := strings.TrimPrefix(server.URL, "http://") + "/team/"
	cluster, err := New(Settings{Kubeconfig: "config", Registry: prefix}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Load(t.Context(), []string{archive}); err != nil {
		t.Fatal(err)
	}
	reference, err := cluster.Image("lagrange-manager:dev")
	if err != nil || reference != prefix+"lagrange-manager:dev" {
		t.Fatalf("Image() = %q, %v", reference, err)
	}
	parsed, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := remote.Image(parsed)
	if err != nil {
		t.Fatal(err)
	}
	// Pushing compresses the layers, so the configuration's digest is the one that stays.
	want, wantErr := image.ConfigName()
	got, gotErr := pushed.ConfigName()
	if want != got || wantErr != nil || gotErr != nil {
		t.Errorf("the registry has image %s (%v), want %s (%v)", got, gotErr, want, wantErr)
	}
	if !strings.Contains(out.String(), "pushed "+reference) {
		t.Errorf("it says %q", out.String())
	}
}

func TestMissingSettingsAreNamed(t *testing.T) {
	if _, err := New(Settings{}, nil); err == nil || !strings.Contains(err.Error(), "needs KUBECONFIG") {
		t.Errorf("New() = %v", err)
	}
	cluster, err := New(Settings{Kubeconfig: "config"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Image("a:b"); err == nil || !strings.Contains(err.Error(), "needs IMAGE_REGISTRY") {
		t.Errorf("Image() = %v", err)
	}
	if _, err := cluster.HostAddress(t.Context()); err == nil || !strings.Contains(err.Error(), "needs BROKER_HOST") {
		t.Errorf("HostAddress() = %v", err)
	}
	if err := cluster.Load(t.Context(), []string{"absent.tar"}); err == nil || !strings.Contains(err.Error(), `"absent.tar"`) {
		t.Errorf("Load() = %v", err)
	}
}

func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	config := *clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c"}
	config.CurrentContext = "c"
	path := filepath.Join(t.TempDir(), "config")
	if err := clientcmd.WriteToFile(config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUp(t *testing.T) {
	ready := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/readyz" && !ready:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/version":
			_, _ = w.Write([]byte(`{"gitVersion":"v1.30.0"}`))
		}
	}))
	defer server.Close()
	var out bytes.Buffer
	cluster, err := New(Settings{Kubeconfig: kubeconfig(t, server.URL)}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Up(t.Context(), false, false); err != nil || !strings.Contains(out.String(), "is ready, Kubernetes v1.30.0") {
		t.Errorf("Up() = %v, and it says %q", err, out.String())
	}
	ready = false
	if err := cluster.Up(t.Context(), false, false); err == nil || !strings.Contains(err.Error(), server.URL+" is not ready") {
		t.Errorf("Up() = %v, want the name of the server", err)
	}
	if err := cluster.Down(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(cluster.Kubeconfig()); err != nil {
		t.Error("down removed a kubeconfig that is not ours")
	}
}
