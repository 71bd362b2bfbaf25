//go:build linux

package node

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed files
var files embed.FS

// WriteFiles writes the configuration files of the components into the state folder.
func (c Config) WriteFiles() error {
	targets := map[string]string{
		"containerd.toml": c.file("containerd.toml"),
		"kubelet.yaml":    c.file("kubelet.yaml"),
		"kube-proxy.yaml": c.file("kube-proxy.yaml"),
		"cni.conflist":    filepath.Join(c.State, "cni/net.d/10-pods.conflist"),
	}
	for name, target := range targets {
		content, err := c.render(name)
		if err != nil {
			return err
		}
		if err := writeFile(target, content); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) file(name string) string { return filepath.Join(c.State, name) }

func (c Config) render(name string) ([]byte, error) {
	parsed, err := template.ParseFS(files, "files/"+name)
	if err != nil {
		return nil, fmt.Errorf("parse %q: %w", name, err)
	}
	var content bytes.Buffer
	if err := parsed.Execute(&content, c); err != nil {
		return nil, fmt.Errorf("render %q: %w", name, err)
	}
	return content.Bytes(), nil
}

func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make a folder of the cluster: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write a file of the cluster: %w", err)
	}
	return nil
}
