package archive

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// program writes the smallest executable that has one segment of the given type.
func program(t *testing.T, base string, segment elf.ProgType) string {
	t.Helper()
	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64,
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	var content bytes.Buffer
	for _, part := range []any{header, elf.Prog64{Type: uint32(segment)}} {
		if err := binary.Write(&content, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return write(t, base, content.Bytes())
}

func write(t *testing.T, base string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), base)
	if err := os.WriteFile(path, content, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWrite(t *testing.T) {
	certificates := write(t, "bundle.pem", []byte("certificates"))
	spec := Spec{Name: "lagrange-manager:dev", Binary: program(t, "manager", elf.PT_LOAD), User: "65532", CACertificates: certificates}
	out := filepath.Join(t.TempDir(), "images", "manager.tar")
	digest, err := Write(spec, out)
	if err != nil {
		t.Fatal(err)
	}
	tag := name.MustParseReference("lagrange-manager:dev").(name.Tag)
	image, err := tarball.ImageFromPath(out, &tag)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/manager"}, config.Config.Entrypoint); diff != "" {
		t.Errorf("entrypoint: -want, +got:\n%s", diff)
	}
	if config.Config.User != "65532" || config.OS != "linux" {
		t.Errorf("user %q on %q, want 65532 on linux", config.Config.User, config.OS)
	}
	want := map[string]int64{"manager": 0o755, "etc/ssl/certs/ca-certificates.crt": 0o644}
	if diff := cmp.Diff(want, modes(t, mutate.Extract(image))); diff != "" {
		t.Errorf("files: -want, +got:\n%s", diff)
	}
	again, err := Write(Spec{Name: spec.Name, Binary: spec.Binary, User: spec.User, CACertificates: certificates}, out+"2")
	if err != nil || again != digest {
		t.Errorf("the same binary gives %s, then %s (%v)", digest, again, err)
	}
}

func TestWriteRefuses(t *testing.T) {
	static := program(t, "static", elf.PT_LOAD)
	cases := map[string]struct {
		reason string
		spec   Spec
		want   string
	}{
		"Dynamic":     {"An image without a C library cannot run it.", Spec{Name: "a:b", Binary: program(t, "dynamic", elf.PT_INTERP)}, "CGO_ENABLED=0"},
		"Script":      {"There is no shell in the image.", Spec{Name: "a:b", Binary: write(t, "script", []byte("#!/bin/sh"))}, "a Linux executable is needed"},
		"Absent":      {"The path is wrong.", Spec{Name: "a:b", Binary: "absent"}, `"absent"`},
		"BadName":     {"Image names are lower case.", Spec{Name: "A:b", Binary: static}, `image name "A:b"`},
		"Certificate": {"The bundle's path is wrong.", Spec{Name: "a:b", Binary: static, CACertificates: "none.pem"}, `"none.pem"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.tar")
			_, err := Write(tc.spec, out)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nWrite(): %v, want an error with %q", tc.reason, err, tc.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("a refused image left a file")
			}
		})
	}
}
