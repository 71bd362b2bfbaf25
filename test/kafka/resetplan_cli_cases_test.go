package kafka_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// of adds the topic to the tool's arguments.
func of(args ...string) func(*resetTrial) []string {
	return func(x *resetTrial) []string { return append([]string{"--topic", x.name}, args...) }
}

func resetTo(target v1alpha1.ResetTarget) func(*resetTrial) v1alpha1.ResetTarget {
	return func(*resetTrial) v1alpha1.ResetTarget { return target }
}

func toOffsets(offsets ...int64) func(*resetTrial) v1alpha1.ResetTarget {
	return func(x *resetTrial) v1alpha1.ResetTarget {
		var target v1alpha1.ResetTarget
		for p, offset := range offsets {
			target.Offsets = append(target.Offsets, v1alpha1.PartitionOffset{Topic: v1alpha1.TopicName(x.name), Partition: int32(p), Offset: offset})
		}
		return target
	}
}

var (
	earliest = v1alpha1.ResetTarget{Earliest: &v1alpha1.ResetTargetEarliest{}}
	latest   = v1alpha1.ResetTarget{Latest: &v1alpha1.ResetTargetLatest{}}
	current  = v1alpha1.ResetTarget{ToCurrent: &v1alpha1.ResetTargetCurrent{}}
)

func shiftBy(n int64) v1alpha1.ResetTarget { return v1alpha1.ResetTarget{ShiftBy: &n} }

func pastEnd(policy v1alpha1.PastEndPolicy) func(*v1alpha1.KafkaOffsetResetSpec) {
	return func(s *v1alpha1.KafkaOffsetResetSpec) { s.OnTimestampPastEnd = policy }
}

const (
	neverClamped = "what was asked for is not in the log: somebody has to say that the nearest offset will do"
	higher       = "is higher than latest offset"
	lower        = "is lower than earliest offset"
)

func resetCases() []resetCase {
	var all []resetCase
	for _, some := range [][]resetCase{boundCases(), timeCases(), shiftCases(), offsetCases(), currentCases(), groupCases()} {
		all = append(all, some...)
	}
	return all
}

// boundCases are about the log's bounds.
func boundCases() []resetCase {
	return []resetCase{
		{
			name: "to-earliest", partitions: []filled{ten(3, 5), ten(0, uncommitted), ten(0, 0), {committed: uncommitted}, ten(10, 10)},
			tool: of("--to-earliest"), target: resetTo(earliest),
			between: func(x *resetTrial) { x.deleteRecords(x.T, x.name, 0, 4) }, // the target moves with it
			want:    "4 0 0 0 10", ours: []way{{}},
		},
		{
			name: "to-latest", partitions: []filled{ten(3, 5), ten(0, uncommitted), ten(0, 10), {committed: uncommitted}},
			tool: of("--to-latest"), target: resetTo(latest), want: "10 10 10 0", ours: []way{{}},
		},
		{
			name: "to-latest-later", partitions: []filled{ten(0, 5)}, tool: of("--to-latest"), target: resetTo(latest),
			between: func(x *resetTrial) { x.fill(x.T, x.name, 0, 3) },
			want:    "13", ours: []way{{want: "10", why: "the end is that of the plan: what is produced while it waits for approval is handled"}},
		},
		{
			name: "to-latest-open", partitions: []filled{ten(0, 5)}, tool: of("--to-latest"), target: resetTo(latest),
			before: func(x *resetTrial) func() { return x.openRecords(4) },
			want:   "14", ours: []way{{}, {
				isolation: kafka.ReadCommitted, want: "10",
				why: "workers of read_committed would never get the transaction's messages, which are not committed yet",
			}},
		},
		{
			name: "all-topics", partitions: []filled{ten(0, 5), ten(0, uncommitted)},
			tool: func(*resetTrial) []string { return []string{"--all-topics", "--to-latest"} }, target: resetTo(latest),
			want: "10 -", ours: []way{{want: "10 10", why: "without a commit workers begin at auto.offset.reset: a reset of all moves these too"}},
		},
	}
}

// openRecords leaves a transaction open after so many messages in partition 0,
// and returns what ends it.
func (x *resetTrial) openRecords(count int) (end func()) {
	producer := x.newClient(x.T, kgo.TransactionalID(x.name))
	must(x.T, "begin", producer.BeginTransaction())
	must(x.T, "produce", producer.ProduceSync(within(x.T), messages(x.name, 0, count)...).FirstErr())
	return func() { must(x.T, "end", producer.EndTransaction(within(x.T), kgo.TryCommit)) }
}

// toolTime is a time without a zone, which the tool takes for UTC.
const toolTime = "2006-01-02T15:04:05.000"

// minute60 is the time that the cases ask for.
func (x *resetTrial) minute60() time.Time { return x.start.Add(time.Hour) }

// byTime are partitions of all kinds: a message at the time, all after it, all
// before it, none at it, no messages at all, out of order twice, the first gone.
func byTime() []filled {
	return []filled{
		{minutes: []int{0, 60, 120}, committed: 3}, {minutes: []int{90, 120}, committed: 1}, {minutes: []int{0, 10}, committed: 1},
		{minutes: []int{0, 30, 70, 90}, committed: uncommitted}, {committed: uncommitted}, {minutes: []int{0, 100, 20, 90}, committed: 4},
		{minutes: []int{100, 0, 100}, committed: 3}, {minutes: []int{0, 60, 90}, gone: 2, committed: 3},
	}
}

func timeCases() []resetCase {
	const found = "1 0 2 2 0 1 0 2"
	const end = "somebody may rather have it as it is, or know"
	policies := []way{
		{},
		{with: pastEnd(v1alpha1.PastEndSkip), want: "1 0 1 2 - 1 0 2", why: end},
		{with: pastEnd(v1alpha1.PastEndFail), refused: "no message is as young as the target", why: end},
	}
	ago := func(x *resetTrial) time.Duration {
		return time.Since(x.minute60()).Truncate(time.Minute) + 5*time.Minute
	} // minute 55
	return []resetCase{
		{
			name: "to-datetime", partitions: byTime(), want: found, says: "Falling back to latest known offset", ours: policies,
			tool: func(x *resetTrial) []string { return of("--to-datetime", x.minute60().UTC().Format(toolTime))(x) },
			target: func(x *resetTrial) v1alpha1.ResetTarget {
				return v1alpha1.ResetTarget{DateTime: &metav1.Time{Time: x.minute60()}}
			},
		},
		{
			name: "by-duration", partitions: byTime(), want: found, ours: policies,
			tool: func(x *resetTrial) []string {
				return of("--by-duration", fmt.Sprintf("PT%dM", int(ago(x).Minutes())))(x)
			},
			target: func(x *resetTrial) v1alpha1.ResetTarget {
				return v1alpha1.ResetTarget{Ago: &metav1.Duration{Duration: ago(x)}}
			},
		},
	}
}

// TestDateTimeHasAZone: to-datetime is without one, and means UTC.
func TestDateTimeHasAZone(t *testing.T) {
	var at metav1.Time
	if err := json.Unmarshal([]byte(`"2026-03-01T14:00:00.000"`), &at); err == nil {
		t.Errorf("it is taken for %v", at)
	}
}

func shiftCases() []resetCase {
	const left = "the others move: a partition that has no commit has nothing to be counted from"
	return []resetCase{
		{
			name: "shift-ahead", partitions: []filled{ten(0, 5), ten(0, 9)}, tool: of("--shift-by", "3"), target: resetTo(shiftBy(3)),
			want: "8 10", says: higher, ours: []way{clamped(), refused("above the log end", neverClamped)},
		},
		{
			name: "shift-back", partitions: []filled{ten(0, 5), ten(4, 6)}, tool: of("--shift-by", "-3"), target: resetTo(shiftBy(-3)),
			want: "2 4", says: lower, ours: []way{clamped(), refused("below the log start", neverClamped)},
		},
		{
			name: "shift-uncommitted", partitions: []filled{ten(0, 5), ten(0, uncommitted)}, tool: of("--shift-by", "-3"), target: resetTo(shiftBy(-3)),
			want: "5 -", fails: true, says: "Cannot shift offset for partition", ours: []way{{want: "2 -", why: left}},
		},
	}
}

func offsetCases() []resetCase {
	ways := []way{clamped(), refused("below the log start", neverClamped)}
	partitions := []filled{ten(0, 5), ten(7, uncommitted), {minutes: []int{0, 0}, committed: 1}}
	return []resetCase{
		{name: "to-offset", partitions: partitions, tool: of("--to-offset", "6"), target: toOffsets(6, 6, 6), want: "6 7 2", says: higher, ours: ways},
		{name: "from-file", partitions: partitions, tool: fromFile("0,3", "1,1", "2,9"), target: toOffsets(3, 1, 9), want: "3 7 2", says: lower, ours: ways},
	}
}

// fromFile is of lines such as "0,3", for offset 3 of partition 0.
func fromFile(lines ...string) func(*resetTrial) []string {
	return func(x *resetTrial) []string {
		var text []byte
		for _, line := range lines {
			text = fmt.Appendf(text, "%s,%s\n", x.name, line)
		}
		file := filepath.Join(x.TempDir(), "offsets.csv")
		must(x.T, "write the offsets", os.WriteFile(file, text, 0o600))
		return []string{"--from-file", file}
	}
}

func currentCases() []resetCase {
	const outside = "workers would begin at auto.offset.reset, which may be the other end of the log"
	return []resetCase{
		{
			name: "to-current", partitions: []filled{ten(0, 5), ten(0, uncommitted), ten(3, 3)}, tool: of("--to-current"), target: resetTo(current),
			want: "5 10 3", ours: []way{{}},
		},
		{
			name: "to-current-outside", partitions: []filled{ten(4, 2), ten(0, 15)}, tool: of("--to-current"), target: resetTo(current), want: "2 15",
			ours: []way{
				{with: clamped().with, want: "4 10", why: outside},
				{refused: "below the log start"},
			},
		},
	}
}

// groupCases are about the group as it is.
func groupCases() []resetCase {
	return []resetCase{
		{
			name: "no-group", partitions: []filled{ten(0, uncommitted)}, tool: of("--to-latest"), target: resetTo(latest), want: "10",
			ours: []way{refused("no broker knows the group", "a mistyped name would succeed, and move nobody")},
		},
		{
			name: "members", partitions: []filled{ten(0, 5)}, tool: of("--to-earliest"), target: resetTo(earliest), want: "5",
			before: func(x *resetTrial) func() { return x.join(x.toolGroup()) }, fails: true, says: "is inactive, but the current state is Stable",
			ours: []way{{want: "0", why: "the workers are stopped first: here they are"}},
		},
		{
			name: "open-commit", partitions: []filled{ten(0, 5), ten(0, 5)}, tool: of("--to-earliest"), target: resetTo(earliest), want: "0 0",
			before: func(x *resetTrial) func() { return x.offerAll(7) },
			ours:   []way{{refused: "open-commit-1", want: "5 7", why: "what is offered is what was handled: a rollback has to restore it, and who offers once more overwrites the reset"}},
		},
	}
}

// join makes a member of the group that commits nothing.
func (x *resetTrial) join(group string) (leave func()) {
	member := x.newClient(x.T, kgo.ConsumerGroup(group), kgo.ConsumeTopics(x.name), kgo.DisableAutoCommit(), kgo.Balancers(kgo.RangeBalancer()))
	eventually(x.T, "the member of "+group, func() bool {
		members, err := x.admin.Membership(within(x.T), x.connection(), group)
		return err == nil && inGroup(members)
	})
	return member.Close
}

// offerAll opens a transaction that commits an offset for partition 1 of each
// group. What ends them waits for that: the coordinator tells the group's later.
func (x *resetTrial) offerAll(at int64) (end func()) {
	var ends []func()
	for _, group := range x.groups() {
		ends = append(ends, x.offerOffset(x.T, group, group, kafka.TopicPartition{Topic: x.name, Partition: 1}, at))
	}
	return func() {
		for _, end := range ends {
			end()
		}
		eventually(x.T, "the end of all transactions", func() bool {
			described, err := x.stand.admin.DescribeTransactions(within(x.T), x.groups()...)
			return err == nil && !slices.ContainsFunc(described.Sorted(), func(d kadm.DescribedTransaction) bool { return d.State != "CompleteCommit" })
		})
	}
}
