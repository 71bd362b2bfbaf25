package dedup_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/lagrange-operator/lagrange/worker/dedup"
)

// The environment of a worker process that is to be killed.
const (
	victimDSN     = "LAGRANGE_DEDUP_VICTIM_DSN"
	victimDriver  = "LAGRANGE_DEDUP_VICTIM_DRIVER"
	victimDialect = "LAGRANGE_DEDUP_VICTIM_DIALECT"
)

// victim has the effect, says so, and never commits.
func victim() {
	db, err := sql.Open(os.Getenv(victimDriver), os.Getenv(victimDSN))
	if err != nil {
		panic(err)
	}
	f := fixture{db: db, Store: dedup.Store{
		Dialect: dedup.Dialect(os.Getenv(victimDialect)), Namespace: "test", ID: dedup.IDFromHeader("id"),
	}}
	_, err = f.once(context.Background(), "a", func(context.Context, *sql.Tx) error {
		fmt.Println("effect")
		select {}
	})
	panic(err)
}

// TestKilledBeforeCommit: a worker is killed between effect and commit, for
// real. Nothing of it stays, and the next owner is not held up.
func TestKilledBeforeCommit(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), victimDSN+"="+f.database.DSN, victimDriver+"="+f.database.Driver, victimDialect+"="+string(f.Dialect))
		command.Stderr = os.Stderr
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "effect\n" {
			t.Errorf("the worker said %q, %v", line, err)
		}
		if err := command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = command.Wait() // it was killed

		already, err := f.once(t.Context(), "a", done)
		if already || err != nil {
			t.Errorf("the next owner: already %v, error %v", already, err)
		}
		if effects, ids := f.effects(t, "a"), f.ids(t); effects != 1 || ids != 1 {
			t.Errorf("%d effects, %d ids; want 1 of each", effects, ids)
		}
	})
}

// TestConnectionLostAtCommit: the database has committed, and its answer never
// comes. The worker must take that for a failure, and find out with the next try.
func TestConnectionLostAtCommit(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		through, cutAtCommit := f.proxied(t)
		f.db = through
		_, err := f.once(t.Context(), "a", func(context.Context, *sql.Tx) error { cutAtCommit.Store(true); return nil })
		if err == nil {
			t.Fatal("no error, although the answer to the commit was lost")
		}
		already, err := f.once(t.Context(), "a", done)
		if !already || err != nil {
			t.Errorf("the next try: already %v, error %v; want it to be found", already, err)
		}
		if effects := f.effects(t, "a"); effects != 1 {
			t.Errorf("%d effects", effects)
		}
	})
}

// proxied connects through a proxy. While the flag is set, a connection on which
// the client says COMMIT is cut when the server answers: the answer proves that
// it has committed.
func (f fixture) proxied(t *testing.T) (through *sql.DB, cutAtCommit *atomic.Bool) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target, dsn := f.redirected(t, listener.Addr().String())
	cutAtCommit = &atomic.Bool{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			serving.Go(func() { relay(client, server, cutAtCommit) })
		}
	})
	if through, err = sql.Open(f.database.Driver, dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = through.Close(), listener.Close()
		serving.Wait()
	})
	return through, cutAtCommit
}

// redirected is the server's address, and the DSN with another one.
func (f fixture) redirected(t *testing.T, address string) (target, dsn string) {
	t.Helper()
	if f.Dialect == dedup.MySQL {
		config, err := mysql.ParseDSN(f.database.DSN)
		if err != nil {
			t.Fatal(err)
		}
		target, config.Addr = config.Addr, address
		return target, config.FormatDSN()
	}
	parsed, err := url.Parse(f.database.DSN)
	if err != nil {
		t.Fatal(err)
	}
	target, parsed.Host = parsed.Host, address
	return target, parsed.String()
}

func relay(client, server net.Conn, cutAtCommit *atomic.Bool) {
	var committing atomic.Bool
	var relaying sync.WaitGroup
	end := func() { _, _ = client.Close(), server.Close() }
	relaying.Go(func() {
		defer end()
		_ = pass(client, server, func(text string) error {
			committing.Store(strings.Contains(strings.ToUpper(text), "COMMIT"))
			return nil
		})
	})
	relaying.Go(func() {
		defer end()
		_ = pass(server, client, func(string) error {
			if committing.Load() && cutAtCommit.CompareAndSwap(true, false) {
				return errors.New("cut")
			}
			return nil
		})
	})
	relaying.Wait()
}

// pass copies until the look at what passes fails.
func pass(from io.Reader, to io.Writer, look func(text string) error) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return err
		}
		if err := look(string(buffer[:n])); err != nil {
			return err
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return err
		}
	}
}
