//go:build linux

// Package node is the inside of the local cluster: one machine in Linux namespaces of its own (processes, mounts,
// network), in which etcd, the control plane, containerd and a kubelet run.
//
//	host                                  | namespaces of the node
//	lagrange0 10.244.0.1 <-- veth pair ---|--> host0 -- bridge pods0 10.244.0.2 -- pods 10.244.0.10 ...
//
// The host, the node and the pods are on one network, so each reaches the others by address. Everything the node
// changes (mounts, addresses, iptables, sysctls, network namespaces of pods) belongs to its namespaces, and the kernel
// removes it when the first process of the node dies, whatever it died of.
package node

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/packages"
)

// Fixed addresses and names of the node.
const (
	// HostAddress is the host's address on the node's network: pods reach there what listens on the host.
	HostAddress = "10.244.0.1"
	// HostLink is the host's end of the link to the node.
	HostLink = "lagrange0"
	// NodeLink is the node's end of the link to the host.
	NodeLink = "host0"
	// Address is the node's own; the API server and the others listen on it.
	Address = "10.244.0.2"
	// PodRange holds the host, the node and the pods.
	PodRange = "10.244.0.0/24"
	// Server is the URL of the API server, the same inside and outside.
	Server = "https://" + Address + ":6443"
	// PauseName is the image name of the container that holds a pod's namespaces.
	PauseName = "lagrange.local/pause:1"

	bridge            = "pods0"
	firstPod          = "10.244.0.10"
	serviceRange      = "10.96.0.0/16"
	kubernetesService = "10.96.0.1"
	prefixLength      = 24
)

// Config is what the node is told by its launcher.
type Config struct {
	// Name of the cluster and of its only node.
	Name string
	// State is the folder for data, logs and certificates.
	State string
	// Run is the folder for sockets and the kubeconfig.
	Run string
	// Programs is the folder of the Kubernetes programs and etcd.
	Programs string
	// Cache is the folder that holds Programs and unpacked packages; it stays visible inside the node.
	Cache string
	// PauseArchive is the image archive of the pause container.
	PauseArchive string
	// Cgroup is the name of the node's tree of control groups.
	Cgroup string
	// Snapshotter is containerd's way to stack image layers, overlayfs or native; the node finds out which.
	Snapshotter string
	// Tools are the container programs.
	Tools packages.Tools
}

// PauseName is the image name of the container that holds a pod's namespaces.
func (c Config) PauseName() string { return PauseName }

// PKI is the folder of certificates and kubeconfig files.
func (c Config) PKI() string { return filepath.Join(c.State, "pki") }

// Logs is the folder of the components' logs.
func (c Config) Logs() string { return filepath.Join(c.State, "logs") }

// Log is the file of one component's log.
func (c Config) Log(component string) string { return filepath.Join(c.Logs(), component+".log") }

// Socket is containerd's.
func (c Config) Socket() string { return filepath.Join(c.Run, "containerd.sock") }

// CgroupRoot is what the kubelet calls the tree.
func (c Config) CgroupRoot() string { return "/" + c.Cgroup }

// Bridge is the node's network device that pods are attached to.
func (c Config) Bridge() string { return bridge }

// PodRange holds the host, the node and the pods.
func (c Config) PodRange() string { return PodRange }

// FirstPod is the lowest address of a pod.
func (c Config) FirstPod() string { return firstPod }

// Address is the node's own.
func (c Config) Address() string { return Address }

// ServingAddresses are those that clients verify.
func ServingAddresses() []net.IP {
	return []net.IP{net.ParseIP(Address), net.ParseIP(kubernetesService), net.IPv4(127, 0, 0, 1)}
}

// ImportImage is the command that puts an image archive into the node's containerd.
func (c Config) ImportImage(archive string) ([]string, error) {
	ctr, err := c.Tools.Executable("ctr")
	if err != nil {
		return nil, err
	}
	return []string{ctr, "--address", c.Socket(), "--namespace", "k8s.io",
		"image", "import", "--snapshotter", c.Snapshotter, archive}, nil
}

// Save writes the configuration for Load.
func (c Config) Save(path string) error {
	content, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the node's configuration: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write the node's configuration: %w", err)
	}
	return nil
}

// Load reads what Save wrote.
func Load(path string) (Config, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the node's configuration: %w", err)
	}
	var config Config
	if err := json.Unmarshal(content, &config); err != nil {
		return Config{}, fmt.Errorf("read the node's configuration %q: %w", path, err)
	}
	return config, nil
}
