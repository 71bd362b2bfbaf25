// Package archive builds container images without a container engine: one static binary on an empty base, as a file that
// containerd, Docker and kind can load.
package archive

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Spec says what goes into an image.
type Spec struct {
	// Name is the image's reference, for example lagrange-manager:dev.
	Name string
	// Binary is the path of a statically linked program. It becomes /<base name> and the entrypoint.
	Binary string
	// User is the numeric uid the program runs as; empty means root.
	User string
	// CACertificates is the path of a PEM bundle that is put where Go programs look for it; empty leaves it out.
	CACertificates string
}

// certificatesPath is the first place crypto/x509 looks at on Linux.
const certificatesPath = "etc/ssl/certs/ca-certificates.crt"

// Build returns the image of spec. Equal inputs give an equal digest: every timestamp is the Unix epoch.
func Build(spec Spec) (v1.Image, error) {
	if err := requireStatic(spec.Binary); err != nil {
		return nil, err
	}
	layer, err := fileLayer(files(spec))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, fmt.Errorf("add the layer of %q: %w", spec.Name, err)
	}
	return mutate.ConfigFile(image, configFile(spec, image))
}

// Write builds the image of spec into the file out, in the format of "docker save", and returns the image's digest.
// The file appears whole or not at all.
func Write(spec Spec, out string) (v1.Hash, error) {
	tag, err := name.NewTag(spec.Name)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("image name %q: %w", spec.Name, err)
	}
	image, err := Build(spec)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := writeWhole(out, tag, image); err != nil {
		return v1.Hash{}, fmt.Errorf("write image %q to %q: %w", spec.Name, out, err)
	}
	return image.Digest()
}

func writeWhole(out string, tag name.Tag, image v1.Image) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	partial := fmt.Sprintf("%s.partial-%d", out, os.Getpid())
	if err := tarball.WriteToFile(partial, tag, image); err != nil {
		_ = os.Remove(partial)
		return err
	}
	return os.Rename(partial, out)
}

func files(spec Spec) []file {
	all := []file{{source: spec.Binary, target: filepath.Base(spec.Binary), mode: 0o755}}
	if spec.CACertificates != "" {
		all = append(all, file{source: spec.CACertificates, target: certificatesPath, mode: 0o644})
	}
	return all
}

func configFile(spec Spec, image v1.Image) *v1.ConfigFile {
	config, err := image.ConfigFile()
	if err != nil {
		config = &v1.ConfigFile{}
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	config.Config.User = spec.User
	config.Config.Entrypoint = []string{path.Join("/", filepath.Base(spec.Binary))}
	return config
}
