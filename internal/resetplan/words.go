package resetplan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// fewest is how many names fit into a sentence.
const fewest = 5

// firstFew is a list that fits into a sentence. It says that there are more, and
// not how many, so that a problem isn't a new one with each.
func firstFew(words []string) string {
	if len(words) > fewest {
		return strings.Join(words[:fewest], ", ") + " and others"
	}
	return strings.Join(words, ", ")
}

// about is a problem with a list, nil where the list is empty.
func about(words []string, reason, format string) *Problem {
	if len(words) == 0 {
		return nil
	}
	return &Problem{reason, fmt.Sprintf(format, firstFew(words))}
}

// places are the texts of some partitions.
func places[T any](of []T, text func(T) string) []string {
	texts := make([]string, 0, len(of))
	for _, one := range of {
		texts = append(texts, text(one))
	}
	return texts
}

func quoted(names []string) []string { return places(names, strconv.Quote) }

// label names the partition in a sentence. That of a plan has no numbers, since
// a plan that is refused is made again and again and they move; its row has them.
func (m move) label() string {
	if m.row == nil || !m.commits() {
		return m.String()
	}
	return fmt.Sprintf("%s (%d, and the log has %d to %d)", m, m.asked, m.now.Start, m.now.End)
}

// ruleOf is the target in words.
func ruleOf(target v1alpha1.ResetTarget, at time.Time) string {
	switch {
	case target.Earliest != nil:
		return "earliest: the log start"
	case target.Latest != nil:
		return "latest: the log end when this was planned"
	case target.DateTime != nil:
		return "datetime: the first message that is not older than " + at.Format(time.RFC3339Nano)
	case target.Ago != nil:
		return fmt.Sprintf("ago %s: the first message that is not older than %s", target.Ago.Duration, at.Format(time.RFC3339Nano))
	case target.Offsets != nil:
		return "offsets: those that the spec names"
	case target.ShiftBy != nil:
		return fmt.Sprintf("shiftBy %+d: counted from what is committed once the workers have stopped", *target.ShiftBy)
	case target.ToCurrent != nil:
		return "toCurrent: what is committed once the workers have stopped, the log end where nothing is"
	case target.FromGroup != "":
		return fmt.Sprintf("fromGroup %q: what that group had committed when this was planned", target.FromGroup)
	default:
		return fmt.Sprintf("rollbackOf %q: what was committed right before it", target.RollbackOf)
	}
}
