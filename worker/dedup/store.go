package dedup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/worker"
)

// DefaultTable is where ids are stored.
const DefaultTable = "lagrange_handled"

// Store says how messages are told apart and where that is kept. It is a value
// without state of its own: goroutines, processes and hosts may use equal ones
// at the same time.
type Store struct {
	// Dialect is the kind of database. Required.
	Dialect Dialect
	// Namespace is within which ids are unique: the consumer, and the pass if
	// there is more than one. 1 to 64 letters, digits and any of -_./: in
	// ASCII. Required: without one, two consumers would take each other's
	// messages for their own. worker.Config.DedupNamespace is the operator's.
	Namespace string
	// ID is what tells messages apart. Required.
	ID IDFunc
	// Table is where ids are stored, as "table" or "schema.table". Default
	// DefaultTable. Several namespaces may share one.
	Table string
	// Isolation of the transactions. Default: the database's own. With
	// RepeatableRead and Serializable there are more conflicts to try again.
	Isolation sql.IsolationLevel
	// OnDuplicate is told of each message that had no effect since it was
	// handled before, to count them. Nil tells nobody. It is called by the
	// handler, after the transaction: a panic in it fails the call, as one in
	// the handler itself does.
	OnDuplicate func(msg worker.Message)
}

// Effect is what a message does, in the transaction that also stores its id. It
// must return the errors of tx. After one the transaction is rolled back, and
// Effect may be called again for the same message.
type Effect func(ctx context.Context, tx *sql.Tx, msg worker.Message) error

// BatchEffect is Effect for several messages, in the order in which they were
// handed in, without those that were handled before. There is at least one.
type BatchEffect func(ctx context.Context, tx *sql.Tx, msgs []worker.Message) error

// Handler handles each message in a transaction of its own.
func (s Store) Handler(db *sql.DB, effect Effect) worker.Handler {
	return func(ctx context.Context, msg worker.Message) error {
		_, err := s.Once(ctx, db, msg, func(ctx context.Context, tx *sql.Tx) error { return effect(ctx, tx, msg) })
		return err
	}
}

// BatchHandler handles each batch in one transaction. If that fails, nothing of
// the batch is stored, and worker.RunBatches hands its messages in one by one.
func (s Store) BatchHandler(db *sql.DB, effect BatchEffect) worker.BatchHandler {
	return func(ctx context.Context, batch []worker.Message) error {
		_, err := s.apply(ctx, db, batch, effect)
		return err
	}
}

// Once has the effect unless the message had it before, which already tells.
// Without an error the effect is in the database, by this call or by another.
//
// With an error of the connection it may be there or not, if the connection
// broke during the commit: calling Once again finds out.
func (s Store) Once(ctx context.Context, db *sql.DB, msg worker.Message, effect func(context.Context, *sql.Tx) error) (already bool, err error) {
	fresh, err := s.apply(ctx, db, []worker.Message{msg}, func(ctx context.Context, tx *sql.Tx, _ []worker.Message) error {
		return effect(ctx, tx)
	})
	return err == nil && fresh == 0, err
}

// EnsureSchema creates the table if it is not there. Several processes may do so
// at the same time. Programs that have their tables made by other means find
// the statements in Schema.
func (s Store) EnsureSchema(ctx context.Context, db *sql.DB) error {
	if err := s.problem(); err != nil {
		return err
	}
	statements := s.Schema()
	if s.Dialect == PostgreSQL { // which lets only one of two creators through
		statements = append([]string{"SELECT pg_advisory_xact_lock(hashtext('lagrange dedup'))"}, statements...)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("create the table %q: %w", s.table(), err)
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("create the table %q: %w", s.table(), err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("create the table %q: %w", s.table(), err)
	}
	return nil
}

// problem is what is wrong with the settings. What it lets pass can stand in a
// statement as it is.
func (s Store) problem() error {
	var problems []error
	if s.Dialect != MySQL && s.Dialect != PostgreSQL {
		problems = append(problems, fmt.Errorf("dialect %q is not one of %q", s.Dialect, []Dialect{MySQL, PostgreSQL}))
	}
	if s.Namespace == "" {
		problems = append(problems, fmt.Errorf("no namespace: a program that takes worker.Config.DedupNamespace gets one by consumer.dedup.namespace of the KafkaConsumerGroup, or by %s", workerconfig.EnvDedupNamespace))
	} else if !plain(s.Namespace, "-_./:") || len(s.Namespace) > maxColumn {
		problems = append(problems, fmt.Errorf("namespace %q is not %d or fewer letters, digits and -_./: characters", s.Namespace, maxColumn))
	}
	schema, table, qualified := strings.Cut(s.table(), ".")
	if !plain(schema, "_") || qualified && !plain(table, "_") {
		problems = append(problems, fmt.Errorf("table %q is not a name of letters, digits and _, with or without a schema", s.table()))
	}
	if s.ID == nil {
		problems = append(problems, errors.New("no ID: nothing tells messages apart"))
	}
	if len(problems) > 0 {
		return fmt.Errorf("settings of dedup.Store: %w", errors.Join(problems...))
	}
	return nil
}

// plain says whether the text is of letters, digits and the others, at least one.
func plain(text, others string) bool {
	for _, r := range text {
		letter, digit := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z', r >= '0' && r <= '9'
		if !letter && !digit && !strings.ContainsRune(others, r) {
			return false
		}
	}
	return text != ""
}
