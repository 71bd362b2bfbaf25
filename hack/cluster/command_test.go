package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := command()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&bytes.Buffer{})
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestProviderIsChosenByEnvironment(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	cache, err := cacheFolder()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", "/config")
	t.Setenv("BROKER_HOST", "192.0.2.7")
	t.Setenv("IMAGE_REGISTRY", "registry.example.org/team")
	cases := map[string]struct {
		cluster string
		args    []string
		want    string
		wantErr string
	}{
		"KindKubeconfig":      {"kind", []string{"kubeconfig"}, filepath.Join(cache, "kind.kubeconfig"), ""},
		"ExistingKubeconfig":  {"existing", []string{"kubeconfig"}, "/config", ""},
		"ExistingHostAddress": {"existing", []string{"host-address"}, "192.0.2.7", ""},
		"ExistingImage":       {"existing", []string{"image", "a:b"}, "registry.example.org/team/a:b", ""},
		"KindImage":           {"kind", []string{"image", "a:b"}, "a:b", ""},
		"ExistingRestart":     {"existing", []string{"restart", "etcd"}, "", "cannot be restarted"},
		"Unknown":             {"minikube", []string{"up"}, "", `CLUSTER="minikube" is unknown; use local, kind or existing`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CLUSTER", tc.cluster)
			out, err := execute(t, tc.args...)
			if strings.TrimSpace(out) != tc.want {
				t.Errorf("prints %q, want %q", out, tc.want)
			}
			if (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("fails with %v, want %q", err, tc.wantErr)
			}
		})
	}
}
