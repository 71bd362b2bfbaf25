package kafka_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// row is one line of the table: what we say of one partition in one case, and
// what Kafka's tool says.
type row struct {
	order int    // of the case
	name  string // of the case
	what  string // the partition, or what else is compared
	ours  string
	tool  string // "" where the tool was not asked
	kinds []string
	why   string // the reason of a difference, "" for none
}

// table collects the rows of all cases that were run.
type table struct {
	mu   sync.Mutex
	rows []row
}

var theTable table

// add takes a row; the same one from the other kind of Kafka is the same row.
func (t *table) add(r row, kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.rows, func(old row) bool { return old.name == r.name && old.what == r.what })
	if i < 0 {
		t.rows, i = append(t.rows, r), len(t.rows)
	}
	same := &t.rows[i]
	same.tool, same.kinds = cmp.Or(same.tool, r.tool), append(same.kinds, kind)
	if same.ours != r.ours {
		same.ours += "; on " + kind + " " + r.ours
	}
}

func (t *table) markdown() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortStableFunc(t.rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.what, b.what)) })
	var text strings.Builder
	text.WriteString("Offsets are committed / end / lag; `-` is none.\n\n")
	text.WriteString("| case | partition | Lagrange | Kafka's tool | tried on | why they differ |\n|---|---|---|---|---|---|\n")
	for _, r := range t.rows {
		slices.Sort(r.kinds)
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", r.name, r.what, r.ours, cmp.Or(r.tool, "not asked"), strings.Join(r.kinds, ", "), r.why)
	}
	return text.String()
}
