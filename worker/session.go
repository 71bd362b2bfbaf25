package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

var errDrained = errors.New("the partition has to be given up and the drain deadline has passed")

// session is one generation of the group as this member lives it.
type session struct {
	*runner
	// membership is done as soon as nothing new may be taken.
	membership context.Context
	// handling is what handlers run under: it outlives membership by the
	// drain deadline.
	handling context.Context
	cancel   context.CancelCauseFunc
	progress *progress
	commits  *committer
	log      *slog.Logger

	ended   chan struct{}
	running sync.WaitGroup
}

func newSession(run *runner, member sarama.ConsumerGroupSession, opens openings) *session {
	handling, cancel := context.WithCancelCause(context.WithoutCancel(run.ctx))
	progress := newProgress(opens)
	return &session{
		runner:     run,
		membership: member.Context(),
		handling:   handling,
		cancel:     cancel,
		progress:   progress,
		commits: &committer{
			client: run.client, group: run.config.GroupID,
			memberID: member.MemberID(), generation: member.GenerationID(),
			progress: progress,
		},
		log:   run.log.With("generation", member.GenerationID()),
		ended: make(chan struct{}),
	}
}

// start runs what accompanies the claims: commits, and the drain deadline.
func (s *session) start() {
	s.running.Go(s.commitRegularly)
	s.running.Go(s.enforceDrain)
}

// end stops what start began. The claims have returned.
func (s *session) end() {
	close(s.ended)
	s.running.Wait()
	s.cancel(nil)
}

func (s *session) commitRegularly() {
	tick := time.NewTicker(s.config.CommitInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.commit()
		case <-s.ended:
			return
		}
	}
}

// enforceDrain lets the messages in hand go on for a while after the session,
// or the process, was told to end.
func (s *session) enforceDrain() {
	sessionEnds, processEnds := s.membership.Done(), s.ctx.Done()
	var drain, grace <-chan time.Time
	for {
		select {
		case <-sessionEnds:
			sessionEnds, drain = nil, time.After(s.config.drainTimeout())
		case <-processEnds:
			processEnds, grace = nil, time.After(s.config.GracePeriod)
		case <-drain:
			s.cancel(errDrained)
		case <-grace:
			s.cancel(errDrained)
		case <-s.ended:
			return
		}
	}
}

// commit brings what is finished to the broker. What fails is tried again at
// the next occasion; what never arrives is handled again by the next owner.
func (s *session) commit() {
	partitions, err := s.commits.commit()
	switch {
	case partitions == 0:
		return
	case err == nil:
		s.metrics.commits.WithLabelValues("ok").Inc()
	case lostOwnership(err):
		s.metrics.commits.WithLabelValues("lost").Inc()
		s.log.Info("commit refused, the group went on without this member", "error", err.Error())
	default:
		s.metrics.commits.WithLabelValues("error").Inc()
		s.log.Error("commit failed", "partitions", partitions, "error", err.Error())
	}
}
