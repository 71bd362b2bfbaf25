package existing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

var errNoRegistry = errors.New("CLUSTER=existing needs IMAGE_REGISTRY, a host/prefix that this machine may push to and the cluster pulls from")

// Image is the name by which pods refer to a loaded image: the registry's prefix before the name it was built with.
func (c *Cluster) Image(image string) (string, error) {
	if c.settings.Registry == "" {
		return "", errNoRegistry
	}
	return strings.TrimSuffix(c.settings.Registry, "/") + "/" + image, nil
}

// Load pushes the images of archives to the registry, with the credentials of the user's Docker configuration.
func (c *Cluster) Load(ctx context.Context, archives []string) error {
	for _, archive := range archives {
		if err := c.push(ctx, archive); err != nil {
			return fmt.Errorf("load image archive %q: %w", archive, err)
		}
	}
	return nil
}

func (c *Cluster) push(ctx context.Context, archive string) error {
	tags, err := tagsOf(archive)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		target, err := c.Image(tag)
		if err != nil {
			return err
		}
		if err := pushOne(ctx, archive, tag, target); err != nil {
			return fmt.Errorf("push %q: %w", target, err)
		}
		if _, err := fmt.Fprintf(c.out, "pushed %s\n", target); err != nil {
			return err
		}
	}
	return nil
}

func tagsOf(archive string) ([]string, error) {
	manifest, err := tarball.LoadManifest(pathOpener(archive))
	if err != nil {
		return nil, err
	}
	var tags []string
	for _, image := range manifest {
		tags = append(tags, image.RepoTags...)
	}
	if len(tags) == 0 {
		return nil, errors.New("it has no tagged image")
	}
	return tags, nil
}

func pushOne(ctx context.Context, archive, tag, target string) error {
	source, err := name.NewTag(tag)
	if err != nil {
		return err
	}
	image, err := tarball.ImageFromPath(archive, &source)
	if err != nil {
		return err
	}
	reference, err := name.ParseReference(target)
	if err != nil {
		return err
	}
	return remote.Write(reference, image, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

func pathOpener(path string) tarball.Opener {
	return func() (io.ReadCloser, error) { return os.Open(path) }
}
