package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/lagrange-operator/lagrange/hack/debian"
)

// UnavailableError is that this machine has no such server and can't get one.
// A test that needs it is then skipped, or fails where CI says that it must run.
type UnavailableError struct {
	// Server is its name, Install what would help.
	Server, Install string
	// Cause is why the distribution's packages could not be had.
	Cause error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("no %s on this machine: %s (%v)", e.Server, e.Install, e.Cause)
}

func (e *UnavailableError) Unwrap() error { return e.Cause }

// programs are where a server's files are.
type programs struct {
	// server is the path of the server's program.
	server string
	// share is the folder of what it comes with, where it must be told.
	share string
	// unpacked is the folder of unpacked packages, empty for the machine's own
	// programs; libraries is the LD_LIBRARY_PATH that they need.
	unpacked, libraries string
}

// find returns the machine's programs, or fetches the distribution's packages.
func find(ctx context.Context, kind kind, progress io.Writer) (programs, error) {
	if found, ok := kind.look("/"); ok {
		return found, nil
	}
	folder, err := fetched(ctx, kind, progress)
	if err != nil {
		return programs{}, &UnavailableError{Server: kind.name(), Install: kind.install(), Cause: err}
	}
	found, ok := kind.look(folder)
	if !ok {
		return programs{}, fmt.Errorf("the packages %q in %q don't hold the server of %s", kind.packages(), folder, kind.name())
	}
	found.unpacked = folder
	libraries, err := filepath.Glob(filepath.Join(folder, "usr/lib/*-linux-gnu*"))
	found.libraries = strings.Join(libraries, string(filepath.ListSeparator))
	return found, err
}

// fetched is the folder of the unpacked packages.
func fetched(ctx context.Context, kind kind, progress io.Writer) (string, error) {
	if err := debian.Here(); err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	cache = filepath.Join(cache, "lagrange")
	folder := filepath.Join(cache, strings.ToLower(kind.name())+"-"+debian.Release("/etc/os-release"))
	unlock, err := lock(ctx, cache)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		return folder, err
	}
	began := time.Now()
	_, _ = fmt.Fprintf(progress, "fetching Debian's packages %s into %s; nothing is installed\n", strings.Join(kind.packages(), ", "), folder)
	if err := debian.Fetch(ctx, folder, kind.packages(), nil); err != nil {
		return "", err
	}
	_, _ = fmt.Fprintf(progress, "fetched %s in %s\n", kind.name(), time.Since(began).Round(100*time.Millisecond))
	return folder, nil
}

// lock keeps two processes from fetching the same.
func lock(ctx context.Context, cache string) (unlock func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	lock := flock.New(filepath.Join(cache, ".sqldb.lock"))
	if _, err := lock.TryLockContext(ctx, lookEvery); err != nil {
		return nil, fmt.Errorf("lock the cache folder %q: %w", cache, err)
	}
	return func() { _ = lock.Close() }, nil
}

// firstOf is the first of the patterns' matches, links followed.
func firstOf(patterns ...string) (string, bool) {
	for _, pattern := range patterns {
		matches, err := filepath.Glob(pattern)
		if err != nil || len(matches) == 0 {
			continue
		}
		path, err := filepath.EvalSymlinks(matches[len(matches)-1]) // the newest of several versions
		if err == nil {
			return path, true
		}
	}
	return "", false
}

// onPath are the patterns of a program in the folders of PATH, if the root is
// the machine's.
func onPath(root, program string) []string {
	if root != "/" {
		return nil
	}
	var paths []string
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		paths = append(paths, filepath.Join(folder, program))
	}
	return paths
}
