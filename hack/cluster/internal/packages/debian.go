package packages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lagrange-operator/lagrange/hack/debian"
)

// Ensure returns the tools of the machine; what it lacks is taken from the cache folder, on Debian and Ubuntu fetched
// into it first. Elsewhere it returns a MissingError.
func Ensure(ctx context.Context, cache string, out io.Writer) (Tools, error) {
	return ensure(ctx, onMachine("/"), cache, out)
}

func ensure(ctx context.Context, machine Tools, cache string, out io.Writer) (Tools, error) {
	missing, incomplete := isMissing(machine.check())
	if !incomplete {
		return machine, nil
	}
	if debian.Here() != nil {
		return Tools{}, missing
	}
	folder := filepath.Join(cache, "packages-"+debian.Release("/etc/os-release"))
	both := machine.with(folder)
	if both.check() == nil {
		return both, nil
	}
	_, _ = fmt.Fprintf(out, "fetching the packages %s into %s; nothing is installed\n", strings.Join(missing.Packages, ", "), folder)
	if err := debian.Fetch(ctx, folder, missing.Packages, linkIptables); err != nil {
		return Tools{}, errors.Join(missing, err)
	}
	both = machine.with(folder)
	return both, both.check()
}

// with adds unpacked packages after the machine's own programs.
func (t Tools) with(folder string) Tools {
	unpacked := onMachine(folder)
	both := Tools{Path: append(append([]string{}, t.Path...), append(unpacked.Path, filepath.Join(folder, links))...), CNI: t.CNI}
	if both.CNI == "" {
		both.CNI = unpacked.CNI
	}
	libraries, err := filepath.Glob(filepath.Join(folder, "usr/lib/*-linux-gnu*"))
	if err != nil {
		return both // the pattern is well formed
	}
	both.Libraries = libraries
	for _, library := range libraries {
		if _, err := os.Stat(filepath.Join(library, "xtables")); err == nil {
			both.Xtables = filepath.Join(library, "xtables")
		}
	}
	return both
}

// links is the folder of the names that Debian's package scripts would make with update-alternatives.
const links = "links"

func linkIptables(target string) error {
	multi := filepath.Join(target, "usr/sbin/xtables-nft-multi")
	if _, err := os.Stat(multi); errors.Is(err, os.ErrNotExist) {
		return nil // the machine has iptables
	}
	if err := os.Mkdir(filepath.Join(target, links), 0o755); err != nil {
		return err
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			if err := os.Symlink("../usr/sbin/xtables-nft-multi", filepath.Join(target, links, family+suffix)); err != nil {
				return err
			}
		}
	}
	return nil
}
