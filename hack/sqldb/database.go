package sqldb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/lagrange-operator/lagrange/hack/process"
)

// Database is an empty database on a server.
type Database struct {
	// Driver and DSN are for sql.Open.
	Driver, DSN string

	server *Server
	name   string
}

// Create makes an empty database with a name of its own.
func (s *Server) Create(ctx context.Context) (*Database, error) {
	name := "lagrange_" + strings.ToLower(rand.Text())
	dsn, err := s.kind.withDatabase(s.dsn, name)
	if err != nil {
		return nil, err
	}
	if err := s.exec(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, fmt.Errorf("create a database: %w", err)
	}
	return &Database{Driver: s.kind.driver(), DSN: dsn, server: s, name: name}, nil
}

// Open returns a pool of connections to the database.
func (d *Database) Open() (*sql.DB, error) { return sql.Open(d.Driver, d.DSN) }

// Drop removes the database; nobody may be connected to it.
func (d *Database) Drop(ctx context.Context) error {
	if err := d.server.exec(ctx, "DROP DATABASE "+d.name); err != nil {
		return fmt.Errorf("drop the database: %w", err)
	}
	return nil
}

func (s *Server) exec(ctx context.Context, statement string) error {
	db, err := sql.Open(s.kind.driver(), s.dsn)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// toEnd runs a command as the server's user and returns what it said if it failed.
func (r run) toEnd(command *exec.Cmd) error {
	command.SysProcAttr = process.As(r.credential)
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w:\n%s", command.Path, err, process.LastLines(said, 20))
	}
	return nil
}
