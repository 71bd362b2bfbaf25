package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// handles is a member that handles all there is.
func handles() hesitant {
	work := make(chan struct{})
	close(work)
	return hesitant{work: work}
}

// joined has a member in the group under the client id "laptop", which handles
// all it gets, or nothing.
func (s *stand) joined(t *testing.T, handler sarama.ConsumerGroupHandler) (leave func()) {
	t.Helper()
	leave = s.b.memberWith(t, "moved", "laptop", handler)
	eventually(t, func() error {
		info := s.b.GroupInfo("moved")
		if info == nil || info.State != "Stable" || !slices.ContainsFunc(info.Members, func(m kfake.GroupMember) bool { return m.ClientID == "laptop" }) {
			return fmt.Errorf("the group is %+v", info)
		}
		return nil
	})
	return leave
}

// passSession lets the session of the last worker end.
func (s *stand) passSession(t *testing.T, r *v1alpha1.KafkaOffsetReset) {
	t.Helper()
	eventually(t, func() error {
		now, err := resetNow(r)
		if err != nil {
			return err
		}
		if now.Status.Outcome != nil {
			return nil // on a slow machine it is over already
		}
		if d := now.Status.Draining; now.Status.Phase != v1alpha1.PhaseDraining || d == nil || d.PodsGoneSince == nil || len(d.WaitingFor) == 0 {
			return fmt.Errorf("phase %s, draining %+v", now.Status.Phase, d)
		}
		return mentions(now.Status.Message, `member with client id "laptop"`)
	})
	s.clock.jump(time.Minute)
	s.passResuming(t, r)
}

// passResuming ends the wait for the workers: to a clock ahead no sample is new.
func (s *stand) passResuming(t *testing.T, r *v1alpha1.KafkaOffsetReset) {
	t.Helper()
	eventually(t, func() error {
		now, err := resetNow(r)
		if err == nil && now.Status.Outcome == nil {
			err = fmt.Errorf("phase %s: %s", now.Status.Phase, now.Status.Message)
		}
		return err
	})
	s.clock.jump(6 * time.Minute)
}

// TestResetFaultForeignMember (A1, A5): somebody else's member stops a reset before
// the commit, by name, and the workers are started again.
func TestResetFaultForeignMember(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"before it", "in Draining", "in Rechecking"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			if point == "before it" {
				s.joined(t, idler{})
			}
			stop := s.moments.stopAt(point)
			r := s.toThree("kor", automatic)
			create(t, r)
			if point != "before it" {
				stop.do(t, func() { s.joined(t, idler{}) })
			}
			s.passSession(t, r)
			s.wantOld(t, r, v1alpha1.PhaseFailed, v1alpha1.ReasonForeignMembers, `client id "laptop"`, "nothing was committed")
		})
	}
}

// TestResetFaultForeignMemberAtCommit (A1): the broker's fence refuses the commit
// of a group that somebody has just joined.
func TestResetFaultForeignMemberAtCommit(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	stop := s.moments.stopAt("before commit")
	r := s.toThree("kor", automatic)
	create(t, r)
	stop.do(t, func() { s.joined(t, idler{}) })
	s.wantOld(t, r, v1alpha1.PhaseFailed, v1alpha1.ReasonForeignMembers, `client id "laptop"`, "nothing was committed")
}

// TestResetFaultForeignMemberAfterCommit: once a part is committed, the workers
// stay stopped until whoever has joined leaves, and what it committed is undone.
func TestResetFaultForeignMemberAfterCommit(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"after commit", "in Verifying"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			stop := s.moments.stopAt(point)
			r := s.toThree("kor", automatic)
			create(t, r)
			leave := func() {}
			stop.do(t, func() {
				leave = s.joined(t, handles())
				eventually(t, func() error { return s.committedSomewhere(0, 10) })
			})
			wantStalled(t, r, v1alpha1.PhaseCommitting, v1alpha1.ReasonForeignMembers, `client id "laptop"`)
			wantReplicas(t, s.g, 0)
			leave()
			now := s.wantMoved(t, r)
			if now.Status.Intent.Rounds < 2 {
				t.Errorf("%d rounds, want what was overwritten to be committed again", now.Status.Intent.Rounds)
			}
		})
	}
}

// committedSomewhere: the partition of orders is committed there.
func (s *stand) committedSomewhere(partition int32, at int64) error {
	committed, err := committedOf(context.Background(), s.workers.servers, "moved")
	if err != nil {
		return err
	}
	for p, offset := range committed {
		if p.Partition == partition {
			return same(p.String(), offset, at)
		}
	}
	return errors.New("it has no commit")
}

// TestResetFaultOverwrittenOnce (A6): what somebody who is no member commits in
// between is found, and committed over.
func TestResetFaultOverwrittenOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, point := range []string{"after commit", "in Verifying"} {
		stop := s.moments.stopAt(point)
		r := s.toThree(nameAt(point), automatic)
		create(t, r)
		stop.do(t, func() { s.b.commit(t, "moved", "orders", 7) })
		now := s.wantMoved(t, r)
		if now.Status.Intent.Rounds != 2 || len(now.Status.Intent.Overwritten) != 0 {
			t.Errorf("%d rounds, overwritten %q", now.Status.Intent.Rounds, now.Status.Intent.Overwritten)
		}
	}
}

// TestResetFaultOverwrittenAgain (A6): while somebody overwrites the offsets time
// and again, the workers stay stopped; the reset ends when that does.
func TestResetFaultOverwrittenAgain(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.toThree("kor", automatic)
	create(t, r)
	wantPhase(t, r, v1alpha1.PhaseDraining)
	end := s.overwriting(7)
	defer end()
	wantStalled(t, r, v1alpha1.PhaseVerifying, v1alpha1.ReasonOverwritten, "orders-0: 7 instead of 3", "orders-3: 7 instead of 3", "no member of the group")
	wantReplicas(t, s.g, 0)
	s.clock.jump(2 * time.Minute) // it is tried again, for nothing
	eventually(t, func() error {
		now, err := resetNow(r)
		if err == nil && now.Status.Intent.Rounds < 4 {
			err = fmt.Errorf("%d rounds", now.Status.Intent.Rounds)
		}
		return err
	})
	wantStalled(t, r, v1alpha1.PhaseVerifying, v1alpha1.ReasonOverwritten, "orders-0: 7 instead of 3")
	wantReplicas(t, s.g, 0)
	end()
	s.clock.jump(2 * time.Minute)
	s.passResuming(t, r)
	s.wantMoved(t, r)
}

// overwriting commits all the time, where the broker lets it.
func (s *stand) overwriting(at int64) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	offsets := map[int32]sarama.OffsetAndMetadata{}
	for p := range int32(4) {
		offsets[p] = sarama.OffsetAndMetadata{Offset: at, LeaderEpoch: -1}
	}
	go func() {
		defer close(ended)
		for tick := time.NewTicker(10 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			_, _ = s.b.admin.AlterConsumerGroupOffsets("moved", map[string]map[int32]sarama.OffsetAndMetadata{"orders": offsets}, nil)
		}
	}()
	return sync.OnceFunc(func() { cancel(); <-ended })
}
