package programs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPinnedVersionsAreReadable(t *testing.T) {
	versions, err := ReadVersions("../../binaries")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(versions.Kubernetes, "v1.") || !strings.HasPrefix(versions.Etcd, "v3.") {
		t.Errorf("ReadVersions() = %+v", versions)
	}
}

func TestLinkerFlags(t *testing.T) {
	const variable = "k8s.io/component-base/version."
	want := "-s -w -X " + variable + "gitVersion=v1.36.3 -X " + variable + "gitMajor=1 -X " + variable + "gitMinor=36"
	if got := linkerFlags(Versions{Kubernetes: "v1.36.3"}); got != want {
		t.Errorf("linkerFlags() = %q, want %q", got, want)
	}
}

// fakeGo puts a program named go on the search path: it answers "go env CC" with compiler, and compiles by the script,
// in which $out is the file that go build was asked for.
func fakeGo(t *testing.T, compiler, script string) {
	t.Helper()
	content := `#!/bin/sh
if [ "$1" = env ]; then echo ` + compiler + `; exit; fi
out= ; previous= ; package=
for argument; do [ "$previous" = -o ] && out=$argument; previous=$argument; package=$argument; done
` + script
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "go"), []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
}

func builder(t *testing.T) (Builder, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	return Builder{Cache: t.TempDir(), Source: "../../binaries", Out: out}, out
}

func TestEnsureCompilesOnlyWhatIsMissing(t *testing.T) {
	fakeGo(t, "sh", `echo "$package cgo=$CGO_ENABLED" > "$out"`)
	b, out := builder(t)
	folder, err := b.Ensure(t.Context(), ForAPIServer())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "compiling kube-apiserver, 2 of 3, about 8 min the first time\n") {
		t.Errorf("progress is %q", out)
	}
	out.Reset()
	again, err := b.Ensure(t.Context(), All())
	if err != nil || again != folder {
		t.Fatalf("Ensure() = %q, %v, want %q as before", again, err, folder)
	}
	if strings.Contains(out.String(), "compiling etcd") || !strings.Contains(out.String(), "compiling kubelet, 4 of 4") {
		t.Errorf("the second time, progress is %q", out)
	}
	contents := map[string]string{
		"etcd":    "go.etcd.io/etcd/server/v3 cgo=0\n",
		"kubectl": "k8s.io/kubernetes/cmd/kubectl cgo=0\n",
		"kubelet": "k8s.io/kubernetes/cmd/kubelet cgo=1\n",
	}
	for name, want := range contents {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v: -want, +got:\n%s", name, err, diff)
		}
	}
}

func TestEnsureLeavesNoHalfProgram(t *testing.T) {
	fakeGo(t, "sh", `echo half > "$out"; echo "undefined: x" >&2; exit 1`)
	b, _ := builder(t)
	_, err := b.Ensure(t.Context(), ForAPIServer())
	if err == nil || !strings.Contains(err.Error(), "compile go.etcd.io/etcd/server/v3") || !strings.Contains(err.Error(), "undefined: x") {
		t.Errorf("Ensure() = %v, want the package and the compiler's words", err)
	}
	if left := programsIn(t, b); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestEnsureRemovesAnInterruptedCompile(t *testing.T) {
	fakeGo(t, "sh", `touch "$out"`)
	b, _ := builder(t)
	folder, err := b.Ensure(t.Context(), ForAPIServer())
	if err != nil {
		t.Fatal(err)
	}
	killed := partialName(filepath.Join(folder, "etcd"))
	if err := os.WriteFile(killed, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Ensure(t.Context(), All()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(killed); err == nil {
		t.Errorf("%s is still there", killed)
	}
}

func TestMissingCompilerIsOneSentence(t *testing.T) {
	fakeGo(t, "no-such-compiler", `touch "$out"`)
	b, out := builder(t)
	_, err := b.Ensure(t.Context(), All())
	if err == nil || !strings.Contains(err.Error(), `kubelet needs a C compiler and "no-such-compiler" is not installed: install gcc`) {
		t.Errorf("Ensure() = %v", err)
	}
	if strings.Contains(out.String(), "compiling etcd") {
		t.Error("minutes were spent before the compiler was found missing")
	}
	if _, err := b.Ensure(t.Context(), ForAPIServer()); err != nil {
		t.Errorf("an API server needs no C compiler, but: %v", err)
	}
}

func programsIn(t *testing.T, b Builder) []string {
	t.Helper()
	var found []string
	paths, err := filepath.Glob(filepath.Join(b.Cache, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := filepath.Glob(filepath.Join(b.Cache, "*", ".partial*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, hidden...) {
		if filepath.Base(path) != ".lock" {
			found = append(found, path)
		}
	}
	return found
}
