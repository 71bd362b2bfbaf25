package sqldb

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// started starts a server for the length of the test. Where there is none the
// test is skipped, or fails where CI says that everything must run.
func started(t *testing.T, start func(context.Context, io.Writer) (*Server, error)) *Server {
	t.Helper()
	server, err := start(t.Context(), t.Output())
	var unavailable *UnavailableError
	if errors.As(err, &unavailable) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return server
}

var kinds = map[string]func(context.Context, io.Writer) (*Server, error){
	"MariaDB": StartMariaDB, "PostgreSQL": StartPostgreSQL,
}

func TestServers(t *testing.T) {
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			server := started(t, start)
			database, err := server.Create(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			db, err := database.Open()
			if err != nil {
				t.Fatal(err)
			}
			var version string
			if err := db.QueryRow("SELECT version()").Scan(&version); err != nil || !strings.Contains(version, name) {
				t.Errorf("version() = %q, %v; want a real %s", version, err, name)
			}
			if err := errors.Join(db.Close(), database.Drop(t.Context()), server.Close()); err != nil {
				t.Fatal(err)
			}
			if server.dir == "" {
				return // it was given
			}
			if _, err := os.Stat(server.dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the server's folder is still there: %v", err)
			}
			if server.process.Failure() == nil {
				t.Error("the server still runs after Close")
			}
		})
	}
}

func TestGivenServerGoesOn(t *testing.T) {
	server := started(t, StartPostgreSQL)
	t.Cleanup(func() { _ = server.Close() })
	t.Setenv(PostgreSQLDSN, server.dsn)
	given, err := StartPostgreSQL(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if given.process != nil || given.dsn != server.dsn {
		t.Error("a server was started beside the given one")
	}
	if err := given.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.await(t.Context()); err != nil {
		t.Errorf("the given server has ended with the one that used it: %v", err)
	}
}

// TestFailureIsTold: a server that can't start says why, in its own words, and at once.
func TestFailureIsTold(t *testing.T) {
	server := started(t, StartPostgreSQL)
	t.Cleanup(func() { _ = server.Close() })
	if server.dir == "" {
		t.Skip("the server was given")
	}
	programs, err := find(t.Context(), postgreSQL{}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	second := &Server{kind: refusing{}}
	t.Cleanup(func() { _ = second.Close() })
	err = second.begin(t.Context(), programs)
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("error %v, want the server's own words", err)
	}
}

// refusing is a PostgreSQL with a setting that it doesn't know.
type refusing struct{ postgreSQL }

func (r refusing) arguments(run run, p programs) []string {
	return append(r.postgreSQL.arguments(run, p), "-c", "no_such_setting=1")
}

// absent is a MariaDB that the machine lacks.
type absent struct{ mariaDB }

func (absent) look(string) (programs, bool) { return programs{}, false }

func TestUnavailable(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // without apt-get
	_, err := find(t.Context(), absent{}, t.Output())
	var unavailable *UnavailableError
	if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "mariadb-server") || !strings.Contains(err.Error(), MySQLDSN) {
		t.Errorf("error %v, want one that names what to install and the variable", err)
	}
}

// TestReachable: what nobody may not run is copied to where he may, links and all.
func TestReachable(t *testing.T) {
	unpacked := filepath.Join(t.TempDir(), "cache")
	for _, folder := range []string{unpacked, filepath.Join(unpacked, "usr/lib")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(unpacked, "server"), []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../server", filepath.Join(unpacked, "usr/lib/link")); err != nil {
		t.Fatal(err)
	}
	credential, err := nobody()
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	r := run{dir: t.TempDir(), credential: credential}
	p, err := r.reachable(programs{server: unpacked + "/usr/lib/link", share: "/usr/share", unpacked: unpacked, libraries: unpacked + "/usr/lib"})
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(r.dir, "programs")
	want := programs{server: target + "/usr/lib/link", share: "/usr/share", unpacked: target, libraries: target + "/usr/lib"}
	if p != want {
		t.Errorf("programs %+v, want %+v", p, want)
	}
	if text, err := os.ReadFile(p.server); err != nil || !bytes.Equal(text, []byte("program")) {
		t.Errorf("the copy holds %q, %v", text, err)
	}
}
