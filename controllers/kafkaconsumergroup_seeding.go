package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

const (
	// seedFor is how long the first workers wait before the last attempt begins,
	// and seedAttempt what one may take: 30 s together. They would find their
	// places themselves, and a broker that is restarted is back by then.
	seedFor     = 20 * time.Second
	seedAttempt = 10 * time.Second
	// seedAgain is when it is tried again while workers wait, and seedIdle after a
	// failure while none are wanted.
	seedAgain = time.Second
	seedIdle  = time.Minute
)

// seeding is what is remembered of it from one reconcile to the next.
type seeding struct {
	// since is since when the first workers wait, zero while none do.
	since time.Time
	// tried is when it was last tried, and failed what came of it.
	tried  time.Time
	failed error
	// read is when all commits were last read: older samples tell nothing new.
	read time.Time
}

// seed commits what is due. Workers that are about to start wait for it, and for
// what isn't known, as long as it may pass by itself within seedFor.
func (r *KafkaConsumerGroupReconciler) seed(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, m *memory) decision {
	s := &m.seeding
	if d.blocked != nil || d.held != nil {
		d.seed = seedDecision{} // what expired comes first
	}
	switch {
	case !d.seed.starts:
		s.since = time.Time{}
	case s.since.IsZero():
		s.since = seen.now
	}
	problem := d.seed.unknown
	if d.seed.due {
		d.seed.told = r.trySeed(ctx, group, seen, s.pace(d.seed.starts), m)
		problem, d.seed.again = s.failed, seedAgain
	}
	switch {
	case problem == nil || !d.seed.starts && !d.seed.due:
	case d.seed.starts && maySucceed(problem) && seen.now.Sub(s.since) < seedFor:
		d.held = &blocked{v1alpha1.ReasonSeedingOffsets, fmt.Sprintf(
			"the first workers wait, for at most %s, until partitions without a commit have one: %s", seedFor+seedAttempt, problem)}
		d.seed.again = seedAgain
	default:
		d.seed.told = &v1alpha1.SeedingStatus{At: metav1.NewTime(seen.now), Failed: problem.Error()}
		d.seed.again = seedIdle
	}
	return d
}

// pace is how long after one attempt the next is made.
func (s *seeding) pace(starts bool) time.Duration {
	if starts || s.failed == nil {
		return seedAgain
	}
	return seedIdle
}

// trySeed makes an attempt when it is time for one, and tells of its success. That
// somebody joined meanwhile is no failure: the workers find their places with them.
func (r *KafkaConsumerGroupReconciler) trySeed(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, pace time.Duration, m *memory,
) *v1alpha1.SeedingStatus {
	s := &m.seeding
	if !s.tried.IsZero() && seen.now.Sub(s.tried) < pace {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, seedAttempt)
	defer cancel()
	seeded, err := r.commitSeeds(ctx, group, seen, m)
	s.tried, s.failed = seen.now, err
	if errors.Is(err, kafka.ErrGroupNotEmpty) {
		s.failed = nil
	}
	if err != nil || seeded == 0 {
		return nil
	}
	log.FromContext(ctx).Info("committed offsets for partitions that had none", "group", group.Spec.GroupID, "partitions", seeded)
	return &v1alpha1.SeedingStatus{At: metav1.NewTime(seen.now), Partitions: int32(seeded)}
}

// commitSeeds reads what is committed now, and commits what is missing.
func (r *KafkaConsumerGroupReconciler) commitSeeds(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, m *memory) (int, error) {
	if err := r.unclaimedBut(ctx, group, nil); err != nil {
		return 0, err
	}
	connection := seen.connection.connection
	survey, err := r.surveyOf(ctx, group, seen)
	switch {
	case err != nil:
		return 0, err
	case !survey.Empty():
		return 0, kafka.ErrGroupNotEmpty
	}
	wanted := resetplan.Seeds(survey, kafka.InitialOffset(group.Spec.Consumer.InitialOffset))
	for _, w := range wanted {
		at := kafka.TopicPartition{Topic: w.Topic, Partition: w.Partition}
		if _, kept := m.keeping.table.by[at]; kept { // since the sample: it is committed again first
			return 0, fmt.Errorf("commit the first offset of partition %q: %w: its commit has just expired", at, kafka.ErrUnavailable)
		}
	}
	for _, request := range resetplan.Split(group.Spec.GroupID, wanted, resetplan.CommitLimit) {
		if err := r.Kafka.Commit(ctx, connection, group.Spec.GroupID, commitsOf(request)); err != nil {
			return 0, err
		}
	}
	m.seeding.read = survey.At
	return len(wanted), nil
}

// existing are the topics of a sample that exist.
func existing(sample kafka.GroupSample) []string {
	var names []string
	for _, t := range sample.Topics {
		if t.Err == nil {
			names = append(names, t.Name)
		}
	}
	return names
}

// maySucceed: trying again within seconds may bring another answer.
func maySucceed(err error) bool {
	lasting := []error{kafka.ErrUnauthorized, kafka.ErrUnsupported, kafka.ErrInvalid, kafka.ErrTooLarge, kafka.ErrRejected}
	return !slices.ContainsFunc(lasting, func(kind error) bool { return errors.Is(err, kind) })
}

// setSeeding says what was committed, or why not. A failure is told once, and
// forgotten when every partition has a commit.
func setSeeding(s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, maxAge time.Duration) {
	last, told := s.Seeding, d.seed.told
	switch {
	case told != nil && (last == nil || told.Failed == "" || told.Failed != last.Failed):
		s.Seeding = told
	case told == nil && last != nil && last.Failed != "":
		if missing, _, err := commitsIn(seen, maxAge); err == nil && missing == 0 {
			s.Seeding = nil
		}
	}
}

// seedWarnings tell that the workers started without.
func seedWarnings(s *v1alpha1.SeedingStatus) []string {
	if s == nil || s.Failed == "" {
		return nil
	}
	return []string{"partitions without a commit could not be given one before workers start, which find their places themselves: " +
		"one that ends before its first commit may skip messages (consumer.seedOffsets): " + s.Failed}
}
