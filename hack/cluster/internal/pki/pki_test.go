package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func written(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	request := Request{Cluster: "lagrange", Node: "lagrange", Server: "https://10.244.0.2:6443", Addresses: []net.IP{net.ParseIP("10.244.0.2")}}
	if err := Write(folder, request, now); err != nil {
		t.Fatal(err)
	}
	return folder
}

func certificate(t *testing.T, base string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func pool(t *testing.T, path string) *x509.CertPool {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(content) {
		t.Fatalf("no certificate in %s", path)
	}
	return trusted
}

func TestServingCertificate(t *testing.T) {
	folder := written(t)
	serving := certificate(t, filepath.Join(folder, "serving"))
	for _, name := range []string{"10.244.0.2", "kubernetes.default.svc", "lagrange"} {
		options := x509.VerifyOptions{DNSName: name, Roots: pool(t, filepath.Join(folder, "ca.crt")), CurrentTime: now}
		if _, err := serving.Verify(options); err != nil {
			t.Errorf("clients that call %q reject it: %v", name, err)
		}
	}
	options := x509.VerifyOptions{DNSName: "10.244.0.3", Roots: pool(t, filepath.Join(folder, "ca.crt")), CurrentTime: now}
	if _, err := serving.Verify(options); err == nil {
		t.Error("it is good for an address that is not the node's")
	}
}

func TestFrontProxyHasAnAuthorityOfItsOwn(t *testing.T) {
	folder := written(t)
	proxy := certificate(t, filepath.Join(folder, "front-proxy"))
	options := x509.VerifyOptions{
		Roots: pool(t, filepath.Join(folder, "front-proxy-ca.crt")), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if _, err := proxy.Verify(options); err != nil {
		t.Error(err)
	}
	options.Roots = pool(t, filepath.Join(folder, "ca.crt"))
	if _, err := proxy.Verify(options); err == nil {
		t.Error("whoever has a client certificate could pretend to be any user")
	}
}

func TestKubeconfigsNameTheirUsers(t *testing.T) {
	folder := written(t)
	cases := map[string]struct {
		user   string
		groups []string
	}{
		"admin":                   {"admin", []string{"system:masters"}},
		"kubelet":                 {"system:node:lagrange", []string{"system:nodes"}},
		"kube-controller-manager": {"system:kube-controller-manager", nil},
		"kube-scheduler":          {"system:kube-scheduler", nil},
		"kube-proxy":              {"system:kube-proxy", nil},
	}
	for file, want := range cases {
		t.Run(file, func(t *testing.T) {
			config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(folder, file+".conf"))
			if err != nil {
				t.Fatal(err)
			}
			pair, err := tls.X509KeyPair(config.CertData, config.KeyData)
			if err != nil {
				t.Fatal(err)
			}
			if pair.Leaf.Subject.CommonName != want.user || config.Host != "https://10.244.0.2:6443" {
				t.Errorf("user %q at %q, want %q", pair.Leaf.Subject.CommonName, config.Host, want.user)
			}
			if diff := cmp.Diff(want.groups, pair.Leaf.Subject.Organization); diff != "" {
				t.Errorf("groups: -want, +got:\n%s", diff)
			}
		})
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	entries, err := os.ReadDir(written(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", entry.Name(), info.Mode(), err)
		}
	}
}
