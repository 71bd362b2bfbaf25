// Package archive stores the messages of Kafka in MariaDB: each one once, and
// those of a conversation in order.
package archive

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/lagrange-operator/lagrange/examples/im/chat"
	"github.com/lagrange-operator/lagrange/worker"
	"github.com/lagrange-operator/lagrange/worker/dedup"
)

// Schema is the table of messages. Nothing in it keeps a message from being
// stored twice; position is the order in which they were stored.
const Schema = `CREATE TABLE IF NOT EXISTS messages (
	position     BIGINT AUTO_INCREMENT PRIMARY KEY,
	id           VARCHAR(64) NOT NULL,
	conversation VARCHAR(64) NOT NULL,
	sender       VARCHAR(64) NOT NULL,
	number       INT NOT NULL,
	text         VARCHAR(4096) NOT NULL,
	KEY (conversation, position)
) ENGINE=InnoDB CHARACTER SET utf8mb4`

// Open connects to the database and makes the table of messages.
func Open(ctx context.Context, dsn string) (*sql.DB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the DSN: %w", err)
	}
	// A worker that hangs inside a transaction keeps others from its messages
	// for no longer than this many seconds.
	config.Params = map[string]string{"idle_transaction_timeout": "5"}
	db, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if _, err := db.ExecContext(ctx, Schema); err != nil {
		return nil, fmt.Errorf("create the table of messages: %w", err)
	}
	return db, nil
}

// id tells messages apart by what the sender's device has called them.
var id = dedup.IDFromHeader(chat.IDHeader)

// Run stores messages until the context ends. Messages of many conversations go
// into one transaction; those of one are in no two transactions at the same time.
// In another namespace than before, as after an offset reset that starts a new
// one, all that comes is stored again.
func Run(ctx context.Context, config worker.Config, db *sql.DB) error {
	config.Ordering = worker.OrderByKey
	handled := dedup.Store{Dialect: dedup.MySQL, Namespace: config.DedupNamespace, ID: id}
	if err := handled.EnsureSchema(ctx, db); err != nil {
		return err
	}
	return worker.RunBatches(ctx, config, handled.BatchHandler(db, store))
}

// store is the effect of messages that were not stored before.
func store(ctx context.Context, tx *sql.Tx, messages []worker.Message) error {
	var values []any
	for _, msg := range messages {
		of, err := id(ctx, msg)
		if err != nil {
			return err
		}
		m, err := chat.Decode(of, msg.Key, msg.Value)
		if err != nil {
			return worker.Permanent(err)
		}
		values = append(values, m.ID, m.Conversation, m.Sender, m.Number, m.Text)
	}
	rows := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?), ", len(messages)), ", ")
	statement := "INSERT INTO messages (id, conversation, sender, number, text) VALUES " + rows //nolint:gosec // it has only placeholders
	_, err := tx.ExecContext(ctx, statement, values...)
	if err != nil {
		return fmt.Errorf("store %d messages: %w", len(messages), err)
	}
	return nil
}
