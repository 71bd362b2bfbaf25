//go:build linux

package node

import (
	"path/filepath"
)

// Component is one program of the node.
type Component struct {
	// Name of the component, of its log and of its control group.
	Name string
	// Command is the program with its arguments.
	Command []string
	// After names the components that must be healthy before this one starts.
	After []string
	// Once is set for a command that ends; the others are started again when they end.
	Once bool
	// Health says how to ask a component that runs whether it works.
	Health Health
}

// Health is a URL that answers 200 or a Unix socket that accepts. A component that runs Once has neither: it is healthy
// when it ended well.
type Health struct {
	URL    string
	Socket string
}

// Components lists what the node runs.
func (c Config) Components() ([]Component, error) {
	containerd, err := c.Tools.Executable("containerd")
	if err != nil {
		return nil, err
	}
	importPause, err := c.ImportImage(c.PauseArchive)
	if err != nil {
		return nil, err
	}
	control := []string{"kube-apiserver"}
	return []Component{
		{Name: "etcd", Command: c.etcd(), Health: Health{URL: "http://" + Address + ":2381/health"}},
		{Name: "containerd", Command: []string{containerd, "--config", c.file("containerd.toml")}, Health: Health{Socket: c.Socket()}},
		{Name: "pause-image", Command: importPause, After: []string{"containerd"}, Once: true},
		{Name: "kube-apiserver", Command: c.apiServer(), After: []string{"etcd"}, Health: Health{URL: Server + "/readyz"}},
		{Name: "kube-controller-manager", Command: c.controllerManager(), After: control, Health: Health{URL: "https://" + Address + ":10257/healthz"}},
		{Name: "kube-scheduler", Command: c.scheduler(), After: control, Health: Health{URL: "https://" + Address + ":10259/healthz"}},
		{Name: "kubelet", Command: c.kubelet(), After: []string{"kube-apiserver", "pause-image"}, Health: Health{URL: "http://" + Address + ":10248/healthz"}},
		{Name: "kube-proxy", Command: c.proxy(), After: control, Health: Health{URL: "http://" + Address + ":10256/healthz"}},
	}, nil
}

func (c Config) program(name string) string { return filepath.Join(c.Programs, name) }

func (c Config) pki(file string) string { return filepath.Join(c.PKI(), file) }

func (c Config) etcd() []string {
	return []string{c.program("etcd"),
		"--name=" + c.Name,
		"--data-dir=" + c.file("etcd"),
		"--listen-client-urls=http://127.0.0.1:2379",
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--listen-metrics-urls=http://" + Address + ":2381",
		"--unsafe-no-fsync", // the data does not outlive the cluster
		"--log-level=warn",
	}
}

func (c Config) apiServer() []string {
	return append(c.apiServerIdentity(),
		"--etcd-servers=http://127.0.0.1:2379",
		"--advertise-address="+Address,
		"--bind-address=0.0.0.0",
		"--secure-port=6443",
		"--service-cluster-ip-range="+serviceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--kubelet-preferred-address-types=InternalIP",
	)
}

func (c Config) apiServerIdentity() []string {
	return []string{c.program("kube-apiserver"),
		"--tls-cert-file=" + c.pki("serving.crt"),
		"--tls-private-key-file=" + c.pki("serving.key"),
		"--client-ca-file=" + c.pki("ca.crt"),
		"--kubelet-certificate-authority=" + c.pki("ca.crt"),
		"--kubelet-client-certificate=" + c.pki("kubelet-client.crt"),
		"--kubelet-client-key=" + c.pki("kubelet-client.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.pki("service-accounts.pub"),
		"--service-account-signing-key-file=" + c.pki("service-accounts.key"),
		"--requestheader-client-ca-file=" + c.pki("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + c.pki("front-proxy.crt"),
		"--proxy-client-key-file=" + c.pki("front-proxy.key"),
	}
}

func (c Config) controllerManager() []string {
	return append([]string{c.program("kube-controller-manager"),
		"--use-service-account-credentials=true",
		"--root-ca-file=" + c.pki("ca.crt"),
		"--service-account-private-key-file=" + c.pki("service-accounts.key"),
		"--cluster-signing-cert-file=" + c.pki("ca.crt"),
		"--cluster-signing-key-file=" + c.pki("ca.key"),
	}, c.client("kube-controller-manager")...)
}

func (c Config) scheduler() []string {
	return append([]string{c.program("kube-scheduler")}, c.client("kube-scheduler")...)
}

// client are the arguments that the scheduler and the controller manager share.
func (c Config) client(user string) []string {
	kubeconfig := c.pki(user + ".conf")
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--tls-cert-file=" + c.pki("serving.crt"),
		"--tls-private-key-file=" + c.pki("serving.key"),
		"--leader-elect=false",
	}
}

func (c Config) kubelet() []string {
	return []string{c.program("kubelet"),
		"--config=" + c.file("kubelet.yaml"),
		"--kubeconfig=" + c.pki("kubelet.conf"),
		"--hostname-override=" + c.Name,
		"--node-ip=" + Address,
		"--root-dir=" + c.file("kubelet"),
	}
}

func (c Config) proxy() []string {
	return []string{c.program("kube-proxy"), "--config=" + c.file("kube-proxy.yaml")}
}
