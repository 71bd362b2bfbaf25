package archive

import (
	"archive/tar"
	"errors"
	"io"
	"testing"
)

// modes lists the files of an image's root file system with their permissions.
func modes(t *testing.T, root io.ReadCloser) map[string]int64 {
	t.Helper()
	defer root.Close() //nolint:errcheck // it is read in memory
	found := map[string]int64{}
	files := tar.NewReader(root)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.ModTime.Unix() != 0 {
			t.Errorf("%s has the time %s, which makes digests differ", header.Name, header.ModTime)
		}
		found[header.Name] = header.Mode
	}
}
