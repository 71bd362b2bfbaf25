package dedup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lagrange-operator/lagrange/worker"
)

// attempts bounds how often a transaction is tried that other transactions are
// in the way of. After that the worker's own back-off is better.
const attempts = 5

// errStored is that some of the ids could not be inserted. It is no proof that
// they are there.
var errStored = errors.New("not all ids could be stored")

// apply has the effect of those messages that did not have it before, and
// returns how many that were.
//
// The usual case takes one transaction: all ids are inserted, and all are new.
// If not, it is rolled back, the ids that are there are read, and the rest is
// tried. So a message counts as handled only if its row has been seen.
func (s Store) apply(ctx context.Context, db *sql.DB, messages []worker.Message, effect BatchEffect) (fresh int, err error) {
	if err := s.problem(); err != nil {
		return 0, err
	}
	batch, err := s.batchOf(ctx, messages)
	if err != nil {
		return 0, err
	}
	var handled map[columnID]bool
	for attempt := 1; ; attempt++ {
		todo, duplicates := batch.without(handled)
		err = s.try(ctx, db, todo, effect)
		if err == nil {
			s.tell(duplicates)
			return len(todo.messages), nil
		}
		if attempt == attempts || !errors.Is(err, errStored) && !transient(err) {
			return 0, fmt.Errorf("handle %d messages in one transaction, attempt %d: %w", len(todo.messages), attempt, err)
		}
		if handled, err = s.handled(ctx, db, batch.ids); err != nil {
			return 0, fmt.Errorf("read which messages were handled before: %w", err)
		}
	}
}

func (s Store) tell(duplicates []worker.Message) {
	if s.OnDuplicate == nil {
		return
	}
	for _, duplicate := range duplicates {
		s.OnDuplicate(duplicate)
	}
}

// try stores the ids and has the effect in one transaction.
func (s Store) try(ctx context.Context, db *sql.DB, todo batch, effect BatchEffect) error {
	if len(todo.messages) == 0 {
		return nil
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: s.Isolation})
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	if err := s.insert(ctx, tx, todo.ids); err != nil {
		return err
	}
	if err := effect(ctx, tx, todo.messages); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
			err = context.Cause(ctx) // it was rolled back for that
		}
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// insert stores the ids in ascending order: two transactions with some ids in
// common then wait for each other only one way.
func (s Store) insert(ctx context.Context, tx *sql.Tx, ids []columnID) error {
	sorted := slices.Sorted(slices.Values(ids))
	for part := range slices.Chunk(sorted, idsPerStatement) {
		result, err := tx.ExecContext(ctx, s.insertStatement(part))
		if err != nil {
			return fmt.Errorf("store the message ids: %w", err)
		}
		inserted, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("store the message ids: %w", err)
		}
		if inserted < int64(len(part)) {
			return errStored
		}
	}
	return nil
}

// handled are those of the ids that are stored. It reads in a transaction, which
// a proxy sends to where is written, not to a replica that may be behind.
func (s Store) handled(ctx context.Context, db *sql.DB, ids []columnID) (map[columnID]bool, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what was attempted
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	found := make(map[columnID]bool)
	for part := range slices.Chunk(ids, idsPerStatement) {
		if err := collect(ctx, tx, s.selectStatement(part), found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func collect(ctx context.Context, tx *sql.Tx, query string, into map[columnID]bool) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err //nolint:wrapcheck // the caller says what was attempted
	}
	defer func() { _ = rows.Close() }() // Err tells what went wrong
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err //nolint:wrapcheck // the caller says what was attempted
		}
		into[columnID(id)] = true
	}
	return rows.Err()
}

// transient says whether the database has rolled a transaction back for the
// sake of another one, so that it may be tried again at once.
//
// Drivers of PostgreSQL give the SQLSTATE. Of MySQL's the number stands in the
// text: this package knows no driver. If the text deceives, a transaction that
// has been rolled back is tried a few times in vain.
func transient(err error) bool {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		const serializationFailure, deadlockDetected = "40001", "40P01"
		return coded.SQLState() == serializationFailure || coded.SQLState() == deadlockDetected
	}
	return strings.Contains(err.Error(), "Error 1213") // deadlock found
}
