package sqldb

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// newRun chooses an account, and the user that the server runs as.
func newRun(dir, address string) (run, error) {
	r := run{dir: dir, data: filepath.Join(dir, "data"), address: address, user: "lagrange", password: rand.Text()}
	if os.Geteuid() == 0 {
		var err error
		if r.credential, err = nobody(); err != nil {
			return r, err
		}
	}
	if err := os.Mkdir(r.data, 0o700); err != nil {
		return r, fmt.Errorf("make the data folder: %w", err)
	}
	return r, r.own(dir, r.data)
}

func nobody() (*syscall.Credential, error) {
	account, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("a database server may not be root: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the user id of nobody: %w", err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the group id of nobody: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// own gives folders to the server's user.
func (r run) own(paths ...string) error {
	if r.credential == nil {
		return nil
	}
	for _, path := range paths {
		if err := os.Chown(path, int(r.credential.Uid), int(r.credential.Gid)); err != nil {
			return fmt.Errorf("give %q to nobody: %w", path, err)
		}
	}
	return nil
}

// reachable copies unpacked programs into the server's folder if its user may
// not look into the cache: nobody may not into root's.
func (r run) reachable(p programs) (programs, error) {
	if r.credential == nil || p.unpacked == "" || othersReach(p.unpacked) {
		return p, nil
	}
	target := filepath.Join(r.dir, "programs")
	if err := os.CopyFS(target, os.DirFS(p.unpacked)); err != nil {
		return p, fmt.Errorf("copy the programs to where nobody may run them: %w", err)
	}
	return p.moved(target), nil
}

// othersReach says whether every folder on the way lets others through.
func othersReach(path string) bool {
	for ; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if path == filepath.Dir(path) {
			return true
		}
	}
}

// moved are the same programs in another folder.
func (p programs) moved(target string) programs {
	move := func(path string) string {
		if rest, inside := strings.CutPrefix(path, p.unpacked); inside {
			return target + rest
		}
		return path
	}
	var libraries []string
	for _, folder := range filepath.SplitList(p.libraries) {
		libraries = append(libraries, move(folder))
	}
	return programs{
		server: move(p.server), share: move(p.share), unpacked: target,
		libraries: strings.Join(libraries, string(filepath.ListSeparator)),
	}
}
