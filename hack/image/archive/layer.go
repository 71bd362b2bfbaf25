package archive

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

type file struct {
	source string
	target string
	mode   int64
}

// requireStatic refuses a program that would not start in an image that has no C library.
func requireStatic(binary string) error {
	program, err := elf.Open(binary)
	if err != nil {
		return fmt.Errorf("open program %q (a Linux executable is needed): %w", binary, err)
	}
	defer program.Close() //nolint:errcheck // opened for reading only
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			return fmt.Errorf("program %q is dynamically linked; build it with CGO_ENABLED=0", binary)
		}
	}
	return nil
}

func fileLayer(all []file) (v1.Layer, error) {
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	for _, f := range all {
		if err := addFile(archive, f); err != nil {
			return nil, fmt.Errorf("add %q to the image: %w", f.source, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("finish the image's layer: %w", err)
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	})
}

func addFile(archive *tar.Writer, f file) error {
	content, err := os.ReadFile(f.source)
	if err != nil {
		return err
	}
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: f.target, Mode: f.mode,
		Size: int64(len(content)), ModTime: time.Unix(0, 0),
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err = archive.Write(content)
	return err
}
