package dedup_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
	"github.com/lagrange-operator/lagrange/worker/dedup"
)

// awaitBlocked returns when a transaction of the database waits for a lock.
func (f fixture) awaitBlocked(t *testing.T) {
	t.Helper()
	query := "SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id WHERE trx_state = 'LOCK WAIT' AND db = database()"
	if f.Dialect == dedup.PostgreSQL {
		query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
	}
	look := time.NewTicker(120 * time.Millisecond) // MariaDB shows the same until nobody has looked for 100 ms
	defer look.Stop()
	for f.number(t, query) == 0 {
		select {
		case <-look.C:
		case <-t.Context().Done():
			t.Fatal("nobody waits for a lock")
		}
	}
}

// TestSecondWorkerWaits: two workers have the same message at the same time. The
// second one waits for the first, and does what the first one's end asks for.
func TestSecondWorkerWaits(t *testing.T) {
	for name, outcome := range map[string]error{"FirstCommits": nil, "FirstRollsBack": errBoom} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, f fixture) {
				inside, blocked := make(chan struct{}), make(chan struct{})
				first := make(chan error, 1)
				go func() {
					_, err := f.once(t.Context(), "a", func(context.Context, *sql.Tx) error {
						close(inside)
						<-blocked
						return outcome
					})
					first <- err
				}()
				<-inside
				type result struct {
					already bool
					err     error
				}
				second := make(chan result, 1)
				go func() {
					already, err := f.once(t.Context(), "a", done)
					second <- result{already, err}
				}()
				f.awaitBlocked(t)
				close(blocked)
				if err := <-first; !errors.Is(err, outcome) {
					t.Fatal(err)
				}
				r := <-second
				if r.err != nil || r.already != (outcome == nil) {
					t.Errorf("the second worker: already %v, error %v", r.already, r.err)
				}
				if effects := f.effects(t, "a"); effects != 1 {
					t.Errorf("%d effects", effects)
				}
			})
		})
	}
}

// TestDeadlockIsTriedAgain: two workers lock two rows of the user's in opposite
// order. The database ends one of them, which must succeed all the same.
func TestDeadlockIsTriedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		f.exec(t, "CREATE TABLE accounts (name VARCHAR(8) PRIMARY KEY, balance INT NOT NULL)")
		f.exec(t, "INSERT INTO accounts VALUES ('x', 0), ('y', 0)")
		var met sync.WaitGroup // both have their first row
		met.Add(2)
		var calls atomic.Int32
		add := func(first, second string) func(context.Context, *sql.Tx) error {
			var meet sync.Once
			return func(ctx context.Context, tx *sql.Tx) error {
				calls.Add(1)
				if _, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance + 1 WHERE name = '"+first+"'"); err != nil {
					return err
				}
				meet.Do(func() { met.Done(); met.Wait() })
				_, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance + 1 WHERE name = '"+second+"'")
				if err != nil {
					return fmt.Errorf("pay: %w", err)
				}
				return nil
			}
		}
		failures := make(chan error, 2)
		go func() { _, err := f.once(t.Context(), "a", add("x", "y")); failures <- err }()
		go func() { _, err := f.once(t.Context(), "b", add("y", "x")); failures <- err }()
		if err := errors.Join(<-failures, <-failures); err != nil {
			t.Fatal(err)
		}
		if calls.Load() < 3 {
			t.Fatalf("the effects were called %d times: there was no deadlock", calls.Load())
		}
		if n := f.number(t, "SELECT sum(balance) FROM accounts"); n != 4 {
			t.Errorf("the balances are %d in all, want 4", n)
		}
	})
}

// TestManyWorkers: 8 workers handle the same 60 messages, each in its own order,
// one by one or in batches, and often fail.
func TestManyWorkers(t *testing.T) {
	levels := []sql.IsolationLevel{sql.LevelDefault, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable}
	for _, level := range levels {
		t.Run(level.String(), func(t *testing.T) {
			onEach(t, func(t *testing.T, f fixture) {
				f.Isolation = level
				var all []worker.Message
				for i := range 60 {
					all = append(all, message(fmt.Sprintf("m%02d", i)))
				}
				var workers sync.WaitGroup
				for seed := range uint64(8) {
					workers.Go(func() { f.untilAllHandled(t, rand.New(rand.NewPCG(seed, 1)), all) })
				}
				workers.Wait()
				if n := f.number(t, "SELECT count(*) FROM effects"); n != len(all) {
					t.Errorf("%d effects of %d messages", n, len(all))
				}
				if n := f.number(t, "SELECT count(DISTINCT of_key) FROM effects"); n != len(all) {
					t.Errorf("%d messages had an effect, of %d", n, len(all))
				}
			})
		})
	}
}

// untilAllHandled is a worker that hands its messages in until each succeeded. A
// third of the transactions fail after their effects.
func (f fixture) untilAllHandled(t *testing.T, chance *rand.Rand, all []worker.Message) {
	handle := f.BatchHandler(f.db, func(ctx context.Context, tx *sql.Tx, fresh []worker.Message) error {
		if err := insertAll(ctx, tx, fresh); err != nil {
			return err
		}
		if chance.IntN(3) == 0 {
			return errBoom
		}
		return nil
	})
	todo := append([]worker.Message{}, all...)
	chance.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	for len(todo) > 0 && t.Context().Err() == nil {
		size := 1 + chance.IntN(min(6, len(todo)))
		if handle(t.Context(), todo[:size]) == nil {
			todo = todo[size:]
		}
	}
}

// TestSchemaIsCreatedOnce: the replicas of a Deployment start at the same time.
func TestSchemaIsCreatedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		f.Table = "many"
		var failures [8]error
		var starting sync.WaitGroup
		for i := range failures {
			starting.Go(func() { failures[i] = f.EnsureSchema(t.Context(), f.db) })
		}
		starting.Wait()
		if err := errors.Join(failures[:]...); err != nil {
			t.Fatal(err)
		}
		if already, err := f.once(t.Context(), "a", done); already || err != nil {
			t.Errorf("already %v, error %v", already, err)
		}
		if n := f.number(t, "SELECT count(*) FROM many"); n != 1 {
			t.Errorf("%d ids in the table of that name", n)
		}
	})
}

// TestIsolation: a transaction sees what others commit meanwhile, or it does not.
func TestIsolation(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		for level, sees := range map[sql.IsolationLevel]int{sql.LevelReadCommitted: 1, sql.LevelRepeatableRead: 0} {
			f.Isolation = level
			var before, after int
			_, err := f.once(t.Context(), level.String(), func(ctx context.Context, tx *sql.Tx) error {
				if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM effects").Scan(&before); err != nil {
					return err
				}
				f.exec(t, "INSERT INTO effects VALUES (1, 'another')")
				return tx.QueryRowContext(ctx, "SELECT count(*) FROM effects").Scan(&after)
			})
			if err != nil || after-before != sees {
				t.Errorf("%s: %d rows, then %d, %v; want %d more", level, before, after, err, sees)
			}
		}
	})
}
