package stack

import (
	"context"
	"io"

	"github.com/lagrange-operator/lagrange/hack/image/archive"
)

// images are the programs that run in the cluster, by the name of their image.
var images = map[string]string{"lagrange-manager:dev": "manager", "lagrange-worker:dev": "worker"}

// Build compiles manager and worker and makes images of them.
func (s *Stack) Build(ctx context.Context, progress io.Writer) error {
	err := s.run(ctx, progress, []string{"CGO_ENABLED=0", "GOOS=linux"}, "go", "build", "-trimpath", "-ldflags", "-s -w",
		"-o", s.Path("bin")+"/", "./cmd/manager", "./cmd/worker")
	if err != nil {
		return err
	}
	for image, program := range images {
		if _, err := archive.Write(archive.Spec{Name: image, Binary: s.Path("bin", program), User: "65532"}, s.archive(program)); err != nil {
			return err
		}
	}
	return nil
}

// Load brings the images into the cluster.
func (s *Stack) Load(ctx context.Context, progress io.Writer) error {
	return s.run(ctx, progress, nil, s.program(), "load", s.archive("manager"), s.archive("worker"))
}

func (s *Stack) archive(program string) string { return s.Path("bin/images", program+".tar") }

// image is the name by which pods refer to an image.
func (s *Stack) image(ctx context.Context, name string) (string, error) {
	return s.output(ctx, s.program(), "image", name)
}
