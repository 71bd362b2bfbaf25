package trial

import (
	"context"
	"fmt"

	"github.com/lagrange-operator/lagrange/hack/sqldb"
)

// verdict is what became of the messages.
type verdict struct {
	sent, acknowledged, stored   int
	lost, duplicated, outOfOrder int
}

func (v verdict) good() bool { return v.lost+v.duplicated+v.outOfOrder == 0 }

func (v verdict) String() string {
	return fmt.Sprintf("sent %d, acknowledged %d, stored %d, lost %d, duplicated %d, out of order %d",
		v.sent, v.acknowledged, v.stored, v.lost, v.duplicated, v.outOfOrder)
}

// row is a stored message.
type row struct {
	id, conversation string
	number           int
}

// stored are all rows, in the order in which they were stored.
func stored(ctx context.Context, database *sqldb.Database) (rows []row, err error) {
	db, err := database.Open()
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	defer func() { _ = db.Close() }() // it has only read
	found, err := db.QueryContext(ctx, "SELECT id, conversation, number FROM messages ORDER BY position")
	if err != nil {
		return nil, fmt.Errorf("read the stored messages: %w", err)
	}
	defer func() { _ = found.Close() }() // Err tells what went wrong
	for found.Next() {
		var r row
		if err := found.Scan(&r.id, &r.conversation, &r.number); err != nil {
			return nil, fmt.Errorf("read a stored message: %w", err)
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

// judge compares what the senders know with what is stored. A message that was
// stored twice is judged for its order by the first time.
func judge(known *ledger, rows []row) verdict {
	v := verdict{sent: known.sent}
	seen, newest := make(map[string]bool, len(rows)), make(map[string]int)
	for _, r := range rows {
		if seen[r.id] {
			v.duplicated++
			continue
		}
		seen[r.id] = true
		v.stored++
		if r.number < newest[r.conversation] {
			v.outOfOrder++
		}
		newest[r.conversation] = max(newest[r.conversation], r.number)
	}
	for _, ids := range known.acknowledged {
		v.acknowledged += len(ids)
		for _, id := range ids {
			if !seen[id] {
				v.lost++
			}
		}
	}
	return v
}
