package dedup_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/sqldb"
	"github.com/lagrange-operator/lagrange/worker"
	"github.com/lagrange-operator/lagrange/worker/dedup"
)

// server is one database server for all tests, started by the first that needs it.
type server struct {
	start func(context.Context, io.Writer) (*sqldb.Server, error)
	once  sync.Once
	*sqldb.Server
	err error
}

var servers = map[dedup.Dialect]*server{
	dedup.MySQL:      {start: sqldb.StartMariaDB},
	dedup.PostgreSQL: {start: sqldb.StartPostgreSQL},
}

func TestMain(m *testing.M) {
	if os.Getenv(victimDSN) != "" {
		victim() // does not return
	}
	code := m.Run()
	for _, s := range servers {
		if s.Server != nil {
			if err := s.Close(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// database is an empty one. Without a server the test is skipped, or fails where
// CI says that everything must run.
func database(t *testing.T, dialect dedup.Dialect) *sqldb.Database {
	t.Helper()
	s := servers[dialect]
	s.once.Do(func() { s.Server, s.err = s.start(context.Background(), os.Stderr) })
	var unavailable *sqldb.UnavailableError
	if errors.As(s.err, &unavailable) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", s.err)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	created, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := created.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return created
}

// fixture is a database with the table of ids and one for effects.
type fixture struct {
	dedup.Store
	db       *sql.DB
	database *sqldb.Database
}

// onEach runs a test on each database server.
func onEach(t *testing.T, test func(t *testing.T, f fixture)) {
	t.Helper()
	for dialect := range servers {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			created := database(t, dialect)
			db, err := created.Open()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			f := fixture{db: db, database: created, Store: dedup.Store{
				Dialect: dialect, Namespace: "test", ID: dedup.IDFromHeader("id"),
			}}
			if err := f.EnsureSchema(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			f.exec(t, "CREATE TABLE effects (n INT NOT NULL, of_key VARCHAR(64) NOT NULL)")
			test(t, f)
		})
	}
}

func (f fixture) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := f.db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (f fixture) number(t *testing.T, query string) int {
	t.Helper()
	var n int
	if err := f.db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// effects is how many effects there are of the key.
func (f fixture) effects(t *testing.T, key string) int {
	t.Helper()
	return f.number(t, "SELECT count(*) FROM effects WHERE of_key = '"+key+"'")
}

func (f fixture) ids(t *testing.T) int {
	t.Helper()
	return f.number(t, "SELECT count(*) FROM "+dedup.DefaultTable)
}

// message has the id in its header and as its key.
func message(id string) worker.Message {
	return worker.Message{
		Topic: "orders", Key: []byte(id), Timestamp: time.Unix(1_700_000_000, 0),
		Headers: []worker.Header{{Key: []byte("id"), Value: []byte(id)}},
	}
}

// insert is an effect that can be counted.
func insert(ctx context.Context, tx *sql.Tx, msg worker.Message) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO effects (n, of_key) VALUES (1, '"+string(msg.Key)+"')")
	return err
}

func insertAll(ctx context.Context, tx *sql.Tx, messages []worker.Message) error {
	for _, msg := range messages {
		if err := insert(ctx, tx, msg); err != nil {
			return err
		}
	}
	return nil
}

// once has the effect of insert, then what after says.
func (f fixture) once(ctx context.Context, id string, after func(context.Context, *sql.Tx) error) (already bool, err error) {
	msg := message(id)
	return f.Once(ctx, f.db, msg, func(ctx context.Context, tx *sql.Tx) error {
		if err := insert(ctx, tx, msg); err != nil {
			return err
		}
		return after(ctx, tx)
	})
}

func done(context.Context, *sql.Tx) error { return nil }
