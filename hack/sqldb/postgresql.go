package sqldb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

type postgreSQL struct{}

func (postgreSQL) name() string   { return "PostgreSQL" }
func (postgreSQL) driver() string { return "pgx" }

// stopSignal is an immediate shutdown: after a SIGKILL its shared memory would stay.
func (postgreSQL) stopSignal() syscall.Signal { return syscall.SIGQUIT }
func (postgreSQL) packages() []string         { return []string{"postgresql"} }
func (postgreSQL) install() string {
	return "install postgresql (Debian, Ubuntu, Homebrew) or postgresql-server (Fedora), or name a server in " + PostgreSQLDSN
}

func (postgreSQL) look(root string) (programs, bool) {
	server, ok := firstOf(append(onPath(root, "postgres"),
		filepath.Join(root, "usr/lib/postgresql/*/bin/postgres"), filepath.Join(root, "usr/pgsql-*/bin/postgres"))...)
	return programs{server: server}, ok
}

func (postgreSQL) initialise(ctx context.Context, run run, programs programs) error {
	password := filepath.Join(run.dir, "password")
	if err := os.WriteFile(password, []byte(run.password), 0o600); err != nil {
		return err
	}
	if err := run.own(password); err != nil {
		return err
	}
	initdb := filepath.Join(filepath.Dir(programs.server), "initdb")
	return run.toEnd(run.command(ctx, programs, initdb, "--pgdata="+run.data, "--username="+run.user, "--pwfile="+password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"))
}

func (postgreSQL) arguments(run run, _ programs) []string {
	return []string{
		"-D", run.data, "-h", "127.0.0.1", "-p", run.port(), "-k", run.dir,
		"-c", "max_connections=500", "-c", "timezone=UTC", "-c", "log_timezone=UTC",
		"-c", "fsync=off", // its folder is thrown away; with it a CREATE DATABASE takes a second
	}
}

func (postgreSQL) dsn(run run) string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(run.user, run.password),
		Host: run.address, Path: "/postgres", RawQuery: "sslmode=disable",
	}
	return address.String()
}

func (postgreSQL) withDatabase(dsn, database string) (string, error) {
	address, err := url.Parse(dsn)
	if err != nil || address.Scheme == "" {
		return "", fmt.Errorf("read the DSN: it must be a URL, postgres://...: %w", errors.Join(err))
	}
	address.Path = "/" + database
	return address.String(), nil
}
