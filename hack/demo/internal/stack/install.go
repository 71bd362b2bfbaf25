package stack

import (
	"context"
	_ "embed" // the overlays
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed manager.yaml.tmpl
var managerOverlay string

//go:embed group.yaml.tmpl
var groupOverlay string

const crd = "kafkaconsumergroups.kafka.lagrange.dev"

// Install installs Lagrange with the demo's settings and waits until it runs.
func (s *Stack) Install(ctx context.Context, progress io.Writer) error {
	before, err := s.askKubectl(ctx, "get", "crd", crd, "--ignore-not-found", "--output=name")
	if err != nil {
		return err
	}
	image, err := s.image(ctx, "lagrange-manager:dev")
	if err != nil {
		return err
	}
	overlay, err := s.writeOverlay("manager", managerOverlay, map[string]string{"Image": image})
	if err != nil {
		return err
	}
	s.installed, s.began = before == "", beganManager
	if err := s.runKubectl(ctx, progress, "apply", "--server-side", "--force-conflicts", "-k", overlay); err != nil {
		return err
	}
	if before != "" { // pods of an earlier demo run an image of the same name
		if err := s.runKubectl(ctx, progress, "-n", system, "rollout", "restart", "deployment/lagrange-manager"); err != nil {
			return err
		}
	}
	return s.runKubectl(ctx, progress, "-n", system, "rollout", "status", "deployment/lagrange-manager", "--timeout=90s")
}

// MakeNamespace makes the group's namespace, without what an earlier demo left in it.
func (s *Stack) MakeNamespace(ctx context.Context, progress io.Writer) error {
	if err := s.runKubectl(ctx, progress, "delete", "namespace", Namespace, "--ignore-not-found"); err != nil {
		return err
	}
	if err := s.runKubectl(ctx, progress, "create", "namespace", Namespace); err != nil {
		return err
	}
	return s.runKubectl(ctx, progress, "label", "namespace", Namespace, "pod-security.kubernetes.io/enforce=restricted")
}

// Addresses are where pods reach the broker and the tally.
type Addresses struct{ Broker, Tally string }

// PrepareGroup writes the overlay of config/samples that ApplyGroup applies.
func (s *Stack) PrepareGroup(ctx context.Context, addresses Addresses) (overlay string, err error) {
	image, err := s.image(ctx, "lagrange-worker:dev")
	if err != nil {
		return "", err
	}
	return s.writeOverlay("group", groupOverlay, map[string]string{
		"Namespace": Namespace, "Group": Group, "Image": image, "Broker": addresses.Broker, "Tally": addresses.Tally,
	})
}

// ApplyGroup applies the overlay that PrepareGroup wrote.
func (s *Stack) ApplyGroup(ctx context.Context, progress io.Writer, overlay string) error {
	s.began = beganGroup
	return s.runKubectl(ctx, progress, "apply", "--server-side", "-k", overlay)
}

// writeOverlay writes bin/demo/<name>/kustomization.yaml, a kustomization that
// names what only this machine knows, and returns its folder.
func (s *Stack) writeOverlay(name, text string, values map[string]string) (string, error) {
	parsed, err := template.New(name).Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("read the overlay %q: %w", name, err)
	}
	folder := s.Path("bin/demo", name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("write the overlay %q: %w", name, err)
	}
	file, err := os.Create(filepath.Join(folder, "kustomization.yaml"))
	if err != nil {
		return "", fmt.Errorf("write the overlay %q: %w", name, err)
	}
	if err := parsed.Execute(file, values); err != nil {
		_ = file.Close() // that the text is not whole is known
		return "", fmt.Errorf("write the overlay %q: %w", name, err)
	}
	if err := file.Close(); err != nil {
		return "", fmt.Errorf("write the overlay %q: %w", name, err)
	}
	return folder, nil
}
