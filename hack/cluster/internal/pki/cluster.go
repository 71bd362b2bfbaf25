package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Request says for which cluster files are made.
type Request struct {
	// Cluster is the cluster's name in the kubeconfig files.
	Cluster string
	// Node is the name of the only node.
	Node string
	// Server is the API server's URL.
	Server string
	// Addresses are those that the API server, the kubelet and the others serve on.
	Addresses []net.IP
}

const masters = "system:masters"

// Write makes every certificate, key and kubeconfig file of a cluster in folder: ca, front-proxy-ca, serving,
// kubelet-client and front-proxy (.crt and .key each), service-accounts (.key and .pub), and a kubeconfig file
// <user>.conf for admin, kube-controller-manager, kube-scheduler, kube-proxy and kubelet.
func Write(folder string, request Request, now time.Time) error {
	authority, err := newAuthority(folder, "ca", now)
	if err != nil {
		return err
	}
	frontProxy, err := newAuthority(folder, "front-proxy-ca", now)
	if err != nil {
		return err
	}
	serving := Identity{User: "serving", Addresses: request.Addresses, Names: []string{"localhost", request.Node,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}}
	issues := []struct {
		by       *Authority
		file     string
		identity Identity
	}{
		{authority, "serving", serving},
		{authority, "kubelet-client", Identity{User: "kube-apiserver-kubelet-client", Groups: []string{masters}}},
		{frontProxy, "front-proxy", Identity{User: "front-proxy-client"}},
	}
	for _, issue := range issues {
		pair, err := issue.by.Issue(issue.identity, now)
		if err != nil {
			return err
		}
		if err := pair.Write(filepath.Join(folder, issue.file)); err != nil {
			return err
		}
	}
	if err := writeKubeconfigs(folder, authority, request, now); err != nil {
		return err
	}
	return writeServiceAccountKey(folder)
}

func newAuthority(folder, name string, now time.Time) (*Authority, error) {
	authority, err := NewAuthority(name, now)
	if err != nil {
		return nil, err
	}
	pair, err := authority.Pair()
	if err != nil {
		return nil, err
	}
	return authority, pair.Write(filepath.Join(folder, name))
}

func writeKubeconfigs(folder string, authority *Authority, request Request, now time.Time) error {
	users := map[string]Identity{
		"admin":                   {User: "admin", Groups: []string{masters}},
		"kube-controller-manager": {User: "system:kube-controller-manager"},
		"kube-scheduler":          {User: "system:kube-scheduler"},
		"kube-proxy":              {User: "system:kube-proxy"},
		"kubelet":                 {User: "system:node:" + request.Node, Groups: []string{"system:nodes"}},
	}
	trusted, err := authority.Pair()
	if err != nil {
		return err
	}
	for file, identity := range users {
		pair, err := authority.Issue(identity, now)
		if err != nil {
			return err
		}
		config := kubeconfig(request, trusted.Certificate, pair)
		if err := clientcmd.WriteToFile(config, filepath.Join(folder, file+".conf")); err != nil {
			return fmt.Errorf("write the kubeconfig of %q: %w", file, err)
		}
	}
	return nil
}

func kubeconfig(request Request, authority []byte, user Pair) clientcmdapi.Config {
	config := *clientcmdapi.NewConfig()
	config.Clusters[request.Cluster] = &clientcmdapi.Cluster{Server: request.Server, CertificateAuthorityData: authority}
	config.AuthInfos[request.Cluster] = &clientcmdapi.AuthInfo{ClientCertificateData: user.Certificate, ClientKeyData: user.Key}
	config.Contexts[request.Cluster] = &clientcmdapi.Context{Cluster: request.Cluster, AuthInfo: request.Cluster}
	config.CurrentContext = request.Cluster
	return config
}

func writeServiceAccountKey(folder string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the service account key: %w", err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the service account key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode the service account key: %w", err)
	}
	base := filepath.Join(folder, "service-accounts")
	if err := os.WriteFile(base+".key", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return fmt.Errorf("write the service account key: %w", err)
	}
	if err := os.WriteFile(base+".pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600); err != nil {
		return fmt.Errorf("write the service account key: %w", err)
	}
	return nil
}
