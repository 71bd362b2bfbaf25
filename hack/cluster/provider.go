package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/existing"
	"github.com/lagrange-operator/lagrange/hack/cluster/internal/kind"
)

// provider is a way to have a cluster: a kubeconfig, and a way to load an image.
type provider interface {
	Up(ctx context.Context, reuse, keep bool) error
	Down(ctx context.Context) error
	Status(ctx context.Context, out io.Writer) error
	Load(ctx context.Context, archives []string) error
	Restart(ctx context.Context, component string) error
	Kubeconfig() string
	HostAddress(ctx context.Context) (string, error)
	Image(name string) (string, error)
}

// choose returns the provider that the environment variable CLUSTER names. Progress goes to out.
func choose(out io.Writer) (provider, error) {
	cache, err := cacheFolder()
	if err != nil {
		return nil, err
	}
	switch chosen := os.Getenv("CLUSTER"); chosen {
	case "", "local":
		return newLocal(cache, out)
	case "kind":
		return kind.New(cache, out), nil
	case "existing":
		return existing.New(existing.Settings{
			Kubeconfig: os.Getenv("KUBECONFIG"),
			Registry:   os.Getenv("IMAGE_REGISTRY"),
			BrokerHost: os.Getenv("BROKER_HOST"),
		}, out)
	default:
		return nil, fmt.Errorf("CLUSTER=%q is unknown; use local, kind or existing", chosen)
	}
}

// cacheFolder is ${XDG_CACHE_HOME:-~/.cache}/lagrange.
func cacheFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	return filepath.Join(cache, "lagrange"), nil
}
