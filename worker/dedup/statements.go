package dedup

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strings"
)

// Dialect is the kind of a database.
type Dialect string

// The dialects.
const (
	// MySQL is for MariaDB 10.5 and MySQL 8.0 and newer, with InnoDB.
	MySQL Dialect = "mysql"
	// PostgreSQL is for PostgreSQL 12 and newer.
	PostgreSQL Dialect = "postgresql"
)

// idsPerStatement bounds the length of a statement: 500 ids of 64 bytes are 75
// KB, far below the 16 MB that MySQL takes.
const idsPerStatement = 500

func (s Store) table() string { return cmp.Or(s.Table, DefaultTable) }

// Schema are the statements that create the table and its index where they are
// not there.
func (s Store) Schema() []string {
	_, name, qualified := strings.Cut(s.table(), ".")
	if !qualified {
		name = s.table()
	}
	if s.Dialect == PostgreSQL {
		return []string{
			fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
	first_seen bigint NOT NULL,
	namespace  varchar(64) COLLATE "C" NOT NULL,
	id         bytea NOT NULL,
	PRIMARY KEY (namespace, id)
)`, s.table()),
			fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s_by_time ON %s (namespace, first_seen)", name, s.table()),
		}
	}
	return []string{fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
	namespace  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	id         VARBINARY(64) NOT NULL,
	first_seen BIGINT NOT NULL,
	PRIMARY KEY (namespace, id),
	KEY %s_by_time (namespace, first_seen)
) ENGINE=InnoDB`, s.table(), name)}
}

// The statements have their values in their text: the namespace is of harmless
// characters, the ids are hex digits. That takes one round trip with every
// driver, where a prepared statement may take two, and leaves nothing in the
// drivers' caches of statements.

// insertStatement affects as many rows as ids are new. The time is the
// database's, so that the clocks of the workers don't matter.
func (s Store) insertStatement(ids []columnID) string {
	head, now, tail := "INSERT IGNORE INTO", "UNIX_TIMESTAMP()", ""
	if s.Dialect == PostgreSQL {
		head, now, tail = "INSERT INTO", "extract(epoch FROM now())", " ON CONFLICT (namespace, id) DO NOTHING"
	}
	rows := make([]string, len(ids))
	for i, id := range ids {
		rows[i] = fmt.Sprintf("('%s', %s, %s)", s.Namespace, s.literal(id), now)
	}
	return fmt.Sprintf("%s %s (namespace, id, first_seen) VALUES %s%s", head, s.table(), strings.Join(rows, ", "), tail)
}

// selectStatement returns those of the ids that are stored.
func (s Store) selectStatement(ids []columnID) string {
	literals := make([]string, len(ids))
	for i, id := range ids {
		literals[i] = s.literal(id)
	}
	return fmt.Sprintf("SELECT id FROM %s WHERE namespace = '%s' AND id IN (%s)", s.table(), s.Namespace, strings.Join(literals, ", "))
}

// purgeStatement deletes some of the ids that are older than so many seconds.
func (s Store) purgeStatement(seconds int64) string {
	if s.Dialect == PostgreSQL { // which has no DELETE with a LIMIT
		return fmt.Sprintf(`DELETE FROM %[1]s WHERE ctid = ANY(ARRAY(SELECT ctid FROM %[1]s
	WHERE namespace = '%[2]s' AND first_seen <= extract(epoch FROM now())::bigint - %[3]d
	ORDER BY first_seen LIMIT %[4]d FOR UPDATE SKIP LOCKED))`, s.table(), s.Namespace, seconds, idsPerPurge)
	}
	return fmt.Sprintf("DELETE FROM %s WHERE namespace = '%s' AND first_seen <= CAST(UNIX_TIMESTAMP() AS SIGNED) - %d ORDER BY first_seen LIMIT %d",
		s.table(), s.Namespace, seconds, idsPerPurge)
}

func (s Store) literal(id columnID) string {
	digits := hex.EncodeToString([]byte(id))
	if s.Dialect == PostgreSQL {
		return "decode('" + digits + "', 'hex')"
	}
	return "x'" + digits + "'"
}
