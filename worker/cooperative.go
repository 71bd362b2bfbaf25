package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// With a cooperative assignment sarama calls Setup once in a membership, and
// opens what comes later at the group's commit. So that the policies hold for
// that too, it is resolved and committed in between:
//
//	JoinGroup -> SyncGroup -> OnAssignment -> revoke -> read commits -> open
//	                          resolve, commit           of what was added
//
// OnAssignment is called by the goroutine that opens the claims, before it
// does. The commit carries the new generation: the broker refuses it when the
// group has gone on.

// endable runs one membership, which openLate may end with an error. sarama
// opens no claim once the context is done.
func (r *runner) endable(ctx context.Context, consume func(context.Context) error) error {
	during, end := context.WithCancelCause(ctx)
	defer end(nil)
	r.endMembership = end
	err := consume(during)
	if cause := context.Cause(during); cause != nil && ctx.Err() == nil {
		return cause //nolint:wrapcheck // it is openLate's own
	}
	return err
}

// openLate opens what a membership that goes on was given. What can't be opened
// ends the membership, and with the next one all is resolved by Setup.
func (r *runner) openLate(assigned map[string][]int32, generation int32) {
	s := r.live.Load()
	if s == nil {
		return // Setup comes
	}
	added := s.progress.without(assigned)
	if len(added) == 0 {
		return
	}
	if err := s.openLate(added, generation); err != nil {
		r.endMembership(fmt.Errorf("open partitions in generation %d: %w", generation, err))
	}
}

// openLate holds up the heartbeats, hence half the session timeout for all of
// it, the hook too.
func (s *session) openLate(added map[string][]int32, generation int32) error {
	ctx, cancel := context.WithTimeout(s.membership, s.config.SessionTimeout/2)
	defer cancel()
	opens, err := s.resolve(ctx, added)
	if err != nil {
		return err
	}
	if err := s.commitLate(opens, generation); err != nil {
		return fmt.Errorf("commit where the partitions open: %w", err)
	}
	for tp, at := range opens {
		at.committed = at.next
		opens[tp] = at
	}
	s.open(opens)
	s.opened(ctx, opens)
	s.log.Info("was given more partitions", "partitions", len(opens), "generation", generation)
	return nil
}

// commitLate does not go through the session's commits: those are of the old
// generation until sarama has taken the new one over.
func (s *session) commitLate(opens openings, generation int32) error {
	starts := newProgress()
	for tp, at := range opens {
		starts.put(newClaim(tp, at.position, flow.NoLane))
	}
	commits := &committer{
		client: s.client, group: s.config.GroupID, progress: starts,
		member: memberIn{s.member.MemberID(), generation},
	}
	_, err := commits.commit()
	return err
}

// memberIn is a member in a generation.
type memberIn struct {
	id         string
	generation int32
}

// MemberID implements memberOf.
func (m memberIn) MemberID() string { return m.id }

// GenerationID implements memberOf.
func (m memberIn) GenerationID() int32 { return m.generation }

// without are the partitions that there is no claim of.
func (p *progress) without(assigned map[string][]int32) map[string][]int32 {
	added := make(map[string][]int32)
	for topic, numbers := range assigned {
		for _, number := range numbers {
			if p.of(kafka.TopicPartition{Topic: topic, Partition: number}) == nil {
				added[topic] = append(added[topic], number)
			}
		}
	}
	return added
}

// betweenGenerations tells that a commit was refused because this member is
// about to be in the next generation: with a cooperative assignment claims go
// on meanwhile. If it is not, its heartbeats find out.
func (r *runner) betweenGenerations(err error) bool {
	return errors.Is(err, sarama.ErrIllegalGeneration) &&
		slices.ContainsFunc(r.kafka.Consumer.Group.Rebalance.GroupStrategies, cooperative)
}
