package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lagrange-operator/lagrange/hack/process"
)

// The environment variables that name a server to use instead of starting one.
// Its user must be allowed to create databases.
const (
	// MySQLDSN is as github.com/go-sql-driver/mysql takes it, for example
	// root:secret@tcp(127.0.0.1:3306)/.
	MySQLDSN = "LAGRANGE_TEST_MYSQL_DSN"
	// PostgreSQLDSN is a URL, for example postgres://me:secret@127.0.0.1/postgres.
	PostgreSQLDSN = "LAGRANGE_TEST_POSTGRES_DSN"
)

const (
	readyTimeout = time.Minute
	stopTimeout  = 10 * time.Second
	lookEvery    = 50 * time.Millisecond
)

// Server is a database server.
type Server struct {
	kind    kind
	dsn     string
	process *process.Process // nil for one that was given
	port    *process.Port    // likewise
	dir     string
}

// StartMariaDB starts a MariaDB, or takes the server that MySQLDSN names, and
// returns when it answers. Progress is told what takes long. ctx bounds the
// start only: the server runs until Close.
func StartMariaDB(ctx context.Context, progress io.Writer) (*Server, error) {
	return start(ctx, mariaDB{}, os.Getenv(MySQLDSN), progress)
}

// StartPostgreSQL is StartMariaDB for PostgreSQL, with PostgreSQLDSN.
func StartPostgreSQL(ctx context.Context, progress io.Writer) (*Server, error) {
	return start(ctx, postgreSQL{}, os.Getenv(PostgreSQLDSN), progress)
}

func start(ctx context.Context, kind kind, given string, progress io.Writer) (*Server, error) {
	server := &Server{kind: kind, dsn: given}
	if given != "" {
		return server, server.await(ctx)
	}
	programs, err := find(ctx, kind, progress)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := server.begin(ctx, programs); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", kind.name(), err), server.Close())
	}
	_, _ = fmt.Fprintf(progress, "started %s from %s in %s\n", kind.name(), programs.server, time.Since(began).Round(10*time.Millisecond))
	return server, nil
}

func (s *Server) begin(ctx context.Context, programs programs) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "lagrange-sql-"); err != nil {
		return fmt.Errorf("make a folder for its data: %w", err)
	}
	if s.port, err = process.Reserve("127.0.0.1"); err != nil {
		return err
	}
	run, err := newRun(s.dir, s.port.Address)
	if err != nil {
		return err
	}
	if programs, err = run.reachable(programs); err != nil {
		return err
	}
	if err := s.kind.initialise(ctx, run, programs); err != nil {
		return fmt.Errorf("initialise its data: %w", err)
	}
	command := run.command(context.Background(), programs, programs.server, s.kind.arguments(run, programs)...)
	s.process, err = process.Start(command, process.Options{
		Log: filepath.Join(s.dir, "log"), Credential: run.credential, Death: s.kind.stopSignal(),
	})
	if err != nil {
		return err
	}
	s.dsn = s.kind.dsn(run)
	return s.await(ctx)
}

// await returns when the server answers.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	db, err := sql.Open(s.kind.driver(), s.dsn)
	if err != nil {
		return fmt.Errorf("read the DSN: %w", err)
	}
	defer func() { _ = db.Close() }()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if s.process != nil && s.process.Failure() != nil {
			return s.process.Failure()
		}
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to answer: %w", s.kind.name(), errors.Join(ctx.Err(), err))
		}
	}
}

// Close ends the server and removes its data. One that was given goes on.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var err error
	if s.process != nil {
		err = s.process.Stop(ctx, s.kind.stopSignal())
	}
	if s.port != nil {
		err = errors.Join(err, s.port.Close())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	if err != nil {
		return fmt.Errorf("end %s: %w", s.kind.name(), err)
	}
	return nil
}

// kind is what differs between the two.
type kind interface {
	name() string
	driver() string
	// initialise makes the data folder; the server's account is run.user with run.password.
	initialise(ctx context.Context, run run, programs programs) error
	arguments(run run, programs programs) []string
	dsn(run run) string
	// withDatabase is the DSN of a database of the same server.
	withDatabase(dsn, database string) (string, error)
	stopSignal() syscall.Signal
	// look finds the server's program in the folders of a machine, or of
	// unpacked packages, whose root is given.
	look(root string) (programs, bool)
	// packages are Debian's, install what to install elsewhere.
	packages() []string
	install() string
}

// run is what one run of a server needs to know.
type run struct {
	dir, data      string
	address        string // 127.0.0.1 and a port
	user, password string
	credential     *syscall.Credential // nil: this process's own user
}

func (r run) port() string { return r.address[strings.LastIndex(r.address, ":")+1:] }

// command is one of the server's programs, with nothing of our environment.
func (r run) command(ctx context.Context, programs programs, path string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, path, arguments...)
	command.Dir = r.dir
	command.Env = []string{
		"LC_ALL=C", "TZ=UTC", "HOME=" + r.dir, "TMPDIR=" + r.dir,
		"PATH=" + filepath.Dir(path) + ":" + cmp.Or(os.Getenv("PATH"), "/usr/bin:/bin"),
	}
	if programs.libraries != "" {
		command.Env = append(command.Env, "LD_LIBRARY_PATH="+programs.libraries)
	}
	return command
}
