package worker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// mount is a folder that changes as a kubelet changes a mounted Secret: all
// files at one moment, by a symbolic link to another folder.
type mount struct {
	path    string
	version int
}

func newMount(t *testing.T, files map[string]string) *mount {
	t.Helper()
	m := &mount{path: t.TempDir()}
	m.swap(t, files)
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), m.file(name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *mount) file(name string) string { return filepath.Join(m.path, name) }

// swap gives the files another content.
func (m *mount) swap(t *testing.T, files map[string]string) {
	t.Helper()
	m.version++
	folder := fmt.Sprintf("..%d", m.version)
	if err := os.Mkdir(m.file(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(m.file(filepath.Join(folder, name)), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(folder, m.file("..next")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(m.file("..next"), m.file("..data")); err != nil {
		t.Fatal(err)
	}
}
