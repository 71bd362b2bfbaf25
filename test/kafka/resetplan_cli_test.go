package kafka_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// resetCase is a reset that Kafka's own tool makes of one group, and Lagrange of
// others that began with the same commits on the same topic, which has the
// case's name.
//
// Commits are written one after another, by partition: "3 - 7" is 3 for
// partition 0, none for partition 1. Only offsets are compared so: the tool
// erases metadata everywhere, and we write the plan's tag.
type resetCase struct {
	name       string
	partitions []filled
	// tool are the tool's arguments, besides the group.
	tool func(*resetTrial) []string
	// target is the same for Lagrange.
	target func(*resetTrial) v1alpha1.ResetTarget
	// before happens before the first plan, and what it returns before anything is
	// compared. between happens between Lagrange's plans and all that is committed.
	before  func(*resetTrial) (end func())
	between func(*resetTrial)
	// want is what the tool leaves, and says is part of what it says; it commits
	// nothing where it fails.
	want, says string
	fails      bool
	ours       []way
}

// filled is a partition: messages at these minutes of the trial, the first gone
// of which are deleted, and what is committed.
type filled struct {
	minutes   []int
	gone      int64
	committed int64
}

// ten are ten messages.
func ten(gone, committed int64) filled {
	return filled{minutes: slices.Repeat([]int{0}, 10), gone: gone, committed: committed}
}

const uncommitted = kafka.NoOffset

// way is how Lagrange is asked for the same, and what comes of it. The zero way
// is asked with defaults, and leaves what the tool leaves. Any other outcome has
// a reason why.
type way struct {
	with      func(*v1alpha1.KafkaOffsetResetSpec)
	isolation kafka.Isolation
	// want is what it leaves, refused part of why nothing is committed.
	want, refused string
	why           string
}

// clamped and refused are the two ways with what is not in the log.
func clamped() way {
	return way{with: func(s *v1alpha1.KafkaOffsetResetSpec) { s.OnOutOfRange = v1alpha1.OutOfRangeClamp }}
}

func refused(words, why string) way { return way{refused: words, why: why} }

// resetTrial is one run of a case.
type resetTrial struct {
	*testing.T
	*stand
	resetCase
	admin *kafkaadmin.Admin
	// start is minute 0.
	start time.Time
}

func (x *resetTrial) toolGroup() string { return x.name + "-tool" }

func (x *resetTrial) group(way int) string { return fmt.Sprintf("%s-%d", x.name, way) }

func (x *resetTrial) groups() []string {
	all := []string{x.toolGroup()}
	for i := range x.ours {
		all = append(all, x.group(i))
	}
	return all
}

// TestResetsAreThoseOfKafkasTool holds what Lagrange commits against what
// ConsumerGroupCommand --reset-offsets --execute commits. The differences are on
// purpose: docs/reset.md has them.
func TestResetsAreThoseOfKafkasTool(t *testing.T) {
	s := apacheStand(t)
	elsewhere(t)
	admin := newResetter(t, kafkaadmin.Connection{}, "").admin
	for _, c := range resetCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			(&resetTrial{T: t, stand: s, resetCase: c, admin: admin, start: time.Now().Add(-6 * time.Hour).Truncate(time.Second)}).run()
		})
	}
}

// elsewhere puts what is started from here into another time zone. t.Setenv
// would allow no parallel tests.
func elsewhere(t *testing.T) {
	t.Helper()
	before, set := os.LookupEnv("TZ")
	must(t, "set the time zone", os.Setenv("TZ", "Asia/Kolkata"))
	t.Cleanup(func() {
		if must(t, "set the time zone again", os.Setenv("TZ", before)); !set {
			must(t, "unset the time zone", os.Unsetenv("TZ"))
		}
	})
}

func (x *resetTrial) run() {
	x.fillAll()
	began := x.began()
	for _, group := range x.groups() {
		x.commitAll(group)
	}
	end := func() {}
	if x.before != nil {
		end = x.before(x)
	}
	var resets []*ourReset
	for i, w := range x.ours {
		resets = append(resets, x.plan(x.group(i), w))
	}
	if x.between != nil {
		x.between(x)
	}
	for _, r := range resets {
		x.carryOut(r)
	}
	said := x.runTool()
	end()
	x.wantCommits(x.toolGroup(), x.want, func(kadm.Offset) string {
		if x.fails {
			return metadataBefore
		}
		return ""
	})
	if !strings.Contains(said, x.says) {
		x.Errorf("Kafka's tool said %q, want %q in it", said, x.says)
	}
	for i, r := range resets {
		x.wantOurs(x.group(i), r, began)
	}
}

// fillAll makes the topic as the case has it.
func (x *resetTrial) fillAll() {
	x.Helper()
	x.createTopic(x.T, x.name, int32(len(x.partitions)), nil)
	x.awaitTopic(x.T, x.name, func(topic kadm.TopicDetail) bool { return len(topic.Partitions) == len(x.partitions) })
	for p, f := range x.partitions {
		var records []*kgo.Record
		for _, minute := range f.minutes {
			at := x.start.Add(time.Duration(minute) * time.Minute)
			records = append(records, &kgo.Record{Topic: x.name, Partition: int32(p), Timestamp: at, Value: []byte("x")})
		}
		must(x.T, "produce", x.client.ProduceSync(within(x.T), records...).FirstErr())
		if f.gone > 0 {
			x.deleteRecords(x.T, x.name, int32(p), f.gone)
		}
	}
}

const metadataBefore = "before"

func (x *resetTrial) commitAll(group string) {
	x.Helper()
	eventually(x.T, "the coordinator of group "+group, func() bool {
		_, err := x.admin.Membership(within(x.T), x.connection(), group)
		return err == nil
	})
	offsets := kadm.Offsets{}
	for p, f := range x.partitions {
		if f.committed != uncommitted {
			offsets.Add(kadm.Offset{Topic: x.name, Partition: int32(p), At: f.committed, LeaderEpoch: -1, Metadata: metadataBefore})
		}
	}
	if len(offsets) == 0 {
		return
	}
	eventually(x.T, "a commit of group "+group, func() bool { return x.stand.admin.CommitAllOffsets(within(x.T), group, offsets) == nil })
}

// began is what is committed at the beginning.
func (x *resetTrial) began() string {
	var words []string
	for _, f := range x.partitions {
		words = append(words, dash(f.committed))
	}
	return strings.Join(words, " ")
}

// runTool returns all that the tool says; it warns on standard error.
func (x *resetTrial) runTool() string {
	x.Helper()
	log := filepath.Join(x.TempDir(), "tool.log")
	args := slices.Concat([]string{"--bootstrap-server", strings.Join(x.servers, ","), "--group", x.toolGroup(), "--reset-offsets", "--execute"}, x.tool(x))
	tool, err := x.apache.Begin("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", log, args...)
	must(x.T, "run Kafka's tool", err)
	eventually(x.T, "the end of Kafka's tool", func() bool { return tool.Err() != nil }) // with 0, for some failures too
	said, err := os.ReadFile(log)
	must(x.T, "read what Kafka's tool said", err)
	return string(said)
}

// wantCommits holds a group's commits against what is wanted, with the metadata
// that a partition has.
func (x *resetTrial) wantCommits(group, want string, metadata func(kadm.Offset) string) {
	x.Helper()
	offsets, err := x.stand.admin.FetchOffsets(within(x.T), group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		x.Fatalf("fetch the offsets of %s: %v", group, err)
	}
	var words []string
	for p := range x.partitions {
		o, found := offsets.Lookup(x.name, int32(p))
		if !found || o.At < 0 {
			words = append(words, "-")
			continue
		}
		words = append(words, fmt.Sprint(o.At))
		if wanted := metadata(o.Offset); o.Metadata != wanted {
			x.Errorf("%s: partition %d has the metadata %q, want %q", group, p, o.Metadata, wanted)
		}
	}
	if got := strings.Join(words, " "); got != want {
		x.Errorf("%s has committed %s, want %s", group, got, want)
	}
}

// ourReset is a reset by Lagrange on its way.
type ourReset struct {
	way
	spec v1alpha1.KafkaOffsetResetSpec
	plan v1alpha1.ResetPlan
	rows []v1alpha1.ResetRow
	// problem is why it goes no further, and written what was committed.
	problem string
	written []v1alpha1.SavedOffset
}

func (x *resetTrial) survey(w way, group string, at time.Time) (kafka.Survey, error) {
	return x.admin.Survey(within(x.T), x.connection(), kafkaadmin.Question{
		GroupID: group, Topics: []string{x.name}, Isolation: w.isolation, At: at,
	})
}

func (x *resetTrial) connection() kafkaadmin.Connection {
	return kafkaadmin.NewConnection(x.servers, "", kafkaauth.Security{})
}

// plan plans as the controller does.
func (x *resetTrial) plan(group string, w way) *ourReset {
	r := &ourReset{way: w, spec: v1alpha1.KafkaOffsetResetSpec{
		Target: x.target(x), OnOutOfRange: v1alpha1.OutOfRangeFail, OnTimestampPastEnd: v1alpha1.PastEndEnd,
	}}
	if w.with != nil {
		w.with(&r.spec)
	}
	at := resetplan.TimeOf(r.spec, time.Now())
	survey, err := x.survey(w, group, at)
	if err != nil {
		r.problem = err.Error()
		return r
	}
	var problems []resetplan.Problem
	r.plan, r.rows, problems = resetplan.Make(resetplan.Request{
		Identity: resetplan.Identity{UID: group, ClusterID: survey.ClusterID, GroupID: group, Revision: 1},
		Spec:     r.spec, Time: at, Survey: survey,
	})
	r.fail(problems)
	return r
}

func (r *ourReset) fail(problems []resetplan.Problem) {
	if len(problems) > 0 {
		r.problem = problems[0].Message
	}
}

// carryOut rechecks and commits as the controller does once the workers have stopped.
func (x *resetTrial) carryOut(r *ourReset) {
	x.Helper()
	if r.problem != "" {
		return
	}
	survey, err := x.survey(r.way, r.plan.GroupID, time.Time{})
	must(x.T, "survey after the drain", err)
	drained, problems := resetplan.Recheck(r.spec, r.plan, r.rows, nil, survey)
	if r.fail(problems); r.problem != "" {
		return
	}
	for _, request := range resetplan.Split(r.plan.GroupID, drained.Writes, resetplan.CommitLimit) {
		var commits []kafka.PartitionCommit
		for _, w := range request {
			commits = append(commits, kafka.PartitionCommit{
				TopicPartition: kafka.TopicPartition{Topic: w.Topic, Partition: w.Partition}, Commit: kafka.Commit{Offset: *w.Offset, Metadata: w.Metadata},
			})
		}
		must(x.T, "commit", x.admin.Commit(within(x.T), x.connection(), r.plan.GroupID, commits))
	}
	r.written = drained.Writes
}

// wantOurs holds what Lagrange did against the way, and else against the tool.
func (x *resetTrial) wantOurs(group string, r *ourReset, began string) {
	x.Helper()
	want := x.want
	switch {
	case r.want != "":
		want = r.want
	case r.refused != "":
		want = began
	}
	if (want != x.want) != (r.why != "") {
		x.Errorf("%s: it differs from Kafka's tool (%s, not %s) for the reason %q: both or neither", group, want, x.want, r.why)
	}
	if (r.problem != "") != (r.refused != "") || !strings.Contains(r.problem, r.refused) {
		x.Errorf("%s: refused with %q, want %q", group, r.problem, r.refused)
	}
	x.wantCommits(group, want, func(o kadm.Offset) string {
		switch {
		case slices.ContainsFunc(r.written, func(w v1alpha1.SavedOffset) bool { return w.Partition == o.Partition }):
			return resetplan.Tag(r.plan.Hash)
		case o.At == x.partitions[o.Partition].committed:
			return metadataBefore
		}
		return "" // a transaction's
	})
}
