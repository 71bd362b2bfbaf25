// Package programs compiles Kubernetes and etcd, once, from the versions pinned in hack/cluster/binaries/go.mod into the
// user's cache directory.
package programs

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"
)

const (
	kubernetesModule = "k8s.io/kubernetes"
	etcdModule       = "go.etcd.io/etcd/server/v3"
)

// Program is one executable of the cluster.
type Program struct {
	// Name of the executable, for example kube-apiserver.
	Name string
	// Package is the Go package it is compiled from.
	Package string
	// Cgo is set for programs that need a C compiler.
	Cgo bool
	// Typical is how long the first compile takes on two cores, in the order of All.
	Typical time.Duration
}

// All lists the programs of a whole cluster, in the order they are compiled.
func All() []Program {
	kubernetes := func(name string, typical time.Duration) Program {
		return Program{Name: name, Package: kubernetesModule + "/cmd/" + name, Typical: typical}
	}
	kubelet := kubernetes("kubelet", 5*time.Minute)
	kubelet.Cgo = true
	return append(ForAPIServer(),
		kubernetes("kube-controller-manager", 2*time.Minute),
		kubernetes("kube-scheduler", 30*time.Second),
		kubernetes("kube-proxy", 30*time.Second),
		kubelet,
	)
}

// ForAPIServer lists the programs of an API server without nodes, what integration tests need.
func ForAPIServer() []Program {
	return []Program{
		{Name: "etcd", Package: etcdModule, Typical: 2 * time.Minute},
		{Name: "kube-apiserver", Package: kubernetesModule + "/cmd/kube-apiserver", Typical: 8 * time.Minute},
		{Name: "kubectl", Package: kubernetesModule + "/cmd/kubectl", Typical: 30 * time.Second},
	}
}

// Versions are those that hack/cluster/binaries/go.mod pins, for example v1.36.3 and v3.6.8.
type Versions struct {
	Kubernetes string
	Etcd       string
}

// ReadVersions reads the pinned versions from the module in the folder source.
func ReadVersions(source string) (Versions, error) {
	path := filepath.Join(source, "go.mod")
	content, err := os.ReadFile(path)
	if err != nil {
		return Versions{}, fmt.Errorf("read the pinned versions: %w", err)
	}
	module, err := modfile.ParseLax(path, content, nil)
	if err != nil {
		return Versions{}, fmt.Errorf("read the pinned versions: %w", err)
	}
	versions := Versions{Kubernetes: required(module, kubernetesModule), Etcd: required(module, etcdModule)}
	if versions.Kubernetes == "" || versions.Etcd == "" {
		return Versions{}, fmt.Errorf("%q must require %s and %s", path, kubernetesModule, etcdModule)
	}
	return versions, nil
}

func required(module *modfile.File, path string) string {
	for _, requirement := range module.Require {
		if requirement.Mod.Path == path {
			return requirement.Mod.Version
		}
	}
	return ""
}

// Folder is the name of the cache folder that holds the programs of these versions.
func (v Versions) Folder() string {
	return "kubernetes-" + v.Kubernetes + "-etcd-" + v.Etcd
}
