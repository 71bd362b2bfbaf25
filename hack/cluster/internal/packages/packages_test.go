package packages

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root makes a file system with the given executables.
func root(t *testing.T, paths ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, path := range paths {
		touch(t, filepath.Join(folder, path), 0o755)
	}
	return folder
}

func touch(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, mode); err != nil {
		t.Fatal(err)
	}
}

var complete = []string{
	"usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/bin/ctr", "usr/sbin/runc", "usr/sbin/iptables",
	"usr/sbin/iptables-save", "usr/sbin/iptables-restore", "bin/mount", "bin/umount",
	"opt/cni/bin/bridge", "opt/cni/bin/host-local", "opt/cni/bin/loopback",
}

func TestCheck(t *testing.T) {
	cases := map[string]struct {
		reason string
		paths  []string
		want   []string
	}{
		"Complete": {
			reason: "A machine with everything lacks nothing.",
			paths:  complete,
		},
		"NoRunc": {
			reason: "A single absent program is named by its package.",
			paths:  without(complete, "usr/sbin/runc"),
			want:   []string{"runc"},
		},
		"HalfOfCNI": {
			reason: "A folder without all plugins is none: the network would fail with the first pod.",
			paths:  without(complete, "opt/cni/bin/loopback"),
			want:   []string{"containernetworking-plugins"},
		},
		"Bare": {
			reason: "Each package is named once.",
			want:   []string{"containerd", "containernetworking-plugins", "iptables", "mount", "runc"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := onMachine(root(t, tc.paths...)).check()
			var missing *MissingError
			if errors.As(err, &missing) != (tc.want != nil) {
				t.Fatalf("%s\ncheck() = %v", tc.reason, err)
			}
			if missing != nil {
				if diff := cmp.Diff(tc.want, missing.Packages); diff != "" {
					t.Errorf("%s\nPackages: -want, +got:\n%s", tc.reason, diff)
				}
			}
		})
	}
}

func without(all []string, one string) []string {
	var rest []string
	for _, path := range all {
		if path != one {
			rest = append(rest, path)
		}
	}
	return rest
}

func TestExecutableIgnoresWhatCannotRun(t *testing.T) {
	folder := root(t)
	touch(t, filepath.Join(folder, "usr/bin/ctr"), 0o644)
	if path, err := onMachine(folder).Executable("ctr"); err == nil {
		t.Errorf("Executable() = %q, which cannot be executed", path)
	}
}

func TestUnpackedPackagesComeAfterTheMachines(t *testing.T) {
	machine := onMachine(root(t, "usr/bin/containerd"))
	unpacked := root(t, append(complete, "usr/lib/x86_64-linux-gnu/xtables/libxt_comment.so")...)
	both := machine.with(unpacked)
	if err := both.check(); err != nil {
		t.Error(err)
	}
	own, err := both.Executable("containerd")
	if err != nil || strings.HasPrefix(own, unpacked) {
		t.Errorf("Executable(containerd) = %q, %v, want the machine's", own, err)
	}
	environment := strings.Join(both.Environment(), "\n")
	for _, want := range []string{
		"LD_LIBRARY_PATH=" + unpacked + "/usr/lib/x86_64-linux-gnu",
		"XTABLES_LIBDIR=" + unpacked + "/usr/lib/x86_64-linux-gnu/xtables",
	} {
		if !strings.Contains(environment, want) {
			t.Errorf("no %q in\n%s", want, environment)
		}
	}
}

// fakeApt puts programs on the search path that behave like a Debian with outdated package lists: apt-get finds packages
// only after an update, and dpkg-deb unpacks one with every program.
func fakeApt(t *testing.T) (calls string) {
	t.Helper()
	folder := t.TempDir()
	calls = filepath.Join(folder, "calls")
	apt := `#!/bin/sh
echo "apt-get $*" >> ` + calls + `
if [ "$1" = update ]; then touch ` + folder + `/updated; exit; fi
[ -e ` + folder + `/updated ] || { echo "E: Unable to locate package" >&2; exit 100; }
for argument; do case $argument in Dir::Cache::archives=*) touch "${argument#*=}/all.deb";; esac; done
`
	dpkg := `#!/bin/sh
for file in ` + strings.Join(complete, " ") + ` usr/sbin/xtables-nft-multi; do
  mkdir -p "$3/$(dirname $file)"; touch "$3/$file"; chmod +x "$3/$file"
done
rm "$3"/usr/sbin/iptables*
`
	for name, content := range map[string]string{"apt-get": apt, "dpkg-deb": dpkg} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	return calls
}

func TestFetch(t *testing.T) {
	calls := fakeApt(t)
	cache := t.TempDir()
	var out bytes.Buffer
	bare := onMachine(root(t, "bin/mount", "bin/umount"))
	tools, err := ensure(t.Context(), bare, cache, &out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "fetching the packages containerd, containernetworking-plugins, iptables, runc into") {
		t.Errorf("it says %q", out.String())
	}
	iptables, err := tools.Executable("iptables")
	if err != nil || filepath.Base(filepath.Dir(iptables)) != links {
		t.Errorf("Executable(iptables) = %q, %v, want the link that stands for update-alternatives", iptables, err)
	}
	if target, err := filepath.EvalSymlinks(iptables); err != nil || filepath.Base(target) != "xtables-nft-multi" {
		t.Errorf("iptables is %q, %v", target, err)
	}
	made, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(made), "--download-only") != 2 || strings.Count(string(made), "apt-get install") != 2 || strings.Count(string(made), "apt-get update") != 1 {
		t.Errorf("calls, want a download, an update and a download, and never an install:\n%s", made)
	}
	out.Reset()
	if _, err := ensure(t.Context(), bare, cache, &out); err != nil || out.Len() > 0 {
		t.Errorf("the second time: %v, and it says %q", err, out.String())
	}
}
