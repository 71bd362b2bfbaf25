package dedup

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// idsPerPurge is how many ids one transaction of Purge removes at most: few
// enough for its locks and its log to be small.
const idsPerPurge = 1000

// Purge removes the namespace's ids that were stored longer ago than that, by
// the database's clock and to the second, and returns how many. Each 1,000 go
// in a transaction of their own, beside the workers' own and those of another
// Purge; what was removed before an error stays removed.
//
// Messages whose ids are gone are handled again if Kafka hands them in: see
// CheckRetention for how long to keep them. 0 removes all, which is for a
// namespace that is no longer used.
func (s Store) Purge(ctx context.Context, db *sql.DB, olderThan time.Duration) (removed int64, err error) {
	if err := s.problem(); err != nil {
		return 0, err
	}
	if olderThan < 0 {
		return 0, fmt.Errorf("purge ids older than %s: the age is negative", olderThan)
	}
	for conflicts := 0; ; {
		some, err := s.purgeSome(ctx, db, int64(olderThan/time.Second))
		removed += some
		switch {
		case err != nil && transient(err) && conflicts < attempts:
			conflicts++
		case err != nil:
			return removed, fmt.Errorf("purge ids older than %s: %w", olderThan, err)
		case some < idsPerPurge:
			return removed, nil
		default:
			conflicts = 0
		}
	}
}

// purgeSome reads what is committed: the default of MySQL would lock the gap
// after the last id that it deletes, into which workers insert.
func (s Store) purgeSome(ctx context.Context, db *sql.DB, seconds int64) (removed int64, err error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return 0, err //nolint:wrapcheck // the caller says what was attempted
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	result, err := tx.ExecContext(ctx, s.purgeStatement(seconds))
	if err != nil {
		return 0, err //nolint:wrapcheck // the caller says what was attempted
	}
	if removed, err = result.RowsAffected(); err != nil {
		return 0, err //nolint:wrapcheck // the caller says what was attempted
	}
	if err := tx.Commit(); err != nil {
		return 0, err //nolint:wrapcheck // the caller says what was attempted
	}
	return removed, nil
}
