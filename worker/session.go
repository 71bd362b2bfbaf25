package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// errDrained is why the context of a handler ends whose partition or process
// has to be given up.
var errDrained = errors.New("the partition has to be given up and the drain deadline has passed")

// longestAbandon bounds how long handlers may take to return once their context
// has ended, before they are abandoned.
const longestAbandon = time.Second

// session is one membership in the group: one generation of it, or with a
// cooperative assignment many.
type session struct {
	*runner
	// membership is done as soon as nothing new may be taken. leave ends it.
	membership context.Context
	leave      context.CancelFunc
	// handling is what handlers run under: it outlives membership by the
	// drain deadline.
	handling context.Context
	cancel   context.CancelCauseFunc
	progress *progress
	commits  committing
	// transactor is nil but for RunTransactions, and so is due: that there is
	// enough for a transaction before its time.
	transactor *transactor
	due        chan struct{}
	pool       *pool
	inFlight   inFlight
	// surplus is what of that the pool has not been given.
	surplus inFlight
	// fetching stops and resumes the fetching of partitions.
	fetching  fetching
	laneNames *laneNames
	member    memberOf
	log       *slog.Logger

	ended   chan struct{}
	running sync.WaitGroup
}

// committing brings what is finished to the broker. It returns nil only when the
// broker has accepted all of it.
type committing interface {
	commit() (partitions int, err error)
}

// fetching is what of sarama.ConsumerGroup a session needs.
type fetching interface {
	Pause(partitions map[string][]int32)
	Resume(partitions map[string][]int32)
}

func newSession(run *runner, member sarama.ConsumerGroupSession, fetching fetching) *session {
	s := &session{
		runner:    run,
		progress:  newProgress(),
		fetching:  fetching,
		laneNames: newLaneNames(),
		log:       run.log.With("generation", member.GenerationID()),
		ended:     make(chan struct{}),
	}
	s.membership, s.leave = context.WithCancel(member.Context())
	s.handling, s.cancel = context.WithCancelCause(context.WithoutCancel(run.ctx))
	s.member = member
	s.commits = &committer{client: run.client, group: run.config.GroupID, member: member, progress: s.progress}
	s.pool = newPool(run.caller.pool(run.config), s.work)
	return s
}

// open adds the claims of the partitions, which nothing is taken of yet.
func (s *session) open(opens openings) {
	for tp, at := range opens {
		c := newClaim(tp, at.position, s.laneNames.ofPartition(tp.Topic, tp.Partition))
		c.before = s.handled.of(tp)
		c.metrics = s.metrics.ofTopic(tp.Topic)
		_, c.transactional = s.caller.(transforming)
		s.progress.put(c)
	}
}

// start runs what accompanies the claims: commits, and the grace period.
func (s *session) start() {
	s.running.Go(s.commitRegularly)
	s.running.Go(s.enforceGrace)
}

// end stops what start began. The claims have returned. Handlers that were
// abandoned go on, and nothing of theirs counts any more.
func (s *session) end() {
	close(s.ended)
	s.running.Wait()
	s.leave()
	s.cancel(nil)
	given, stop := context.WithTimeout(context.Background(), s.abandonAfter())
	defer stop()
	if !s.pool.close(given.Done()) {
		s.log.Warn("handlers have not returned and are left behind")
	}
	if s.transactor != nil {
		s.closed("the producer of transactions", s.transactor.close())
	}
}

func (s *session) commitRegularly() {
	tick := time.NewTicker(s.config.CommitInterval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, c := range s.progress.all() {
				c.observe(now)
			}
			s.commit()
		case <-s.due:
			s.commit()
		case <-s.ended:
			return
		}
	}
}

// enforceGrace lets the messages in hand go on for a while after the process
// was told to end.
func (s *session) enforceGrace() {
	processEnds := s.ctx.Done()
	var grace <-chan time.Time
	for {
		select {
		case <-processEnds:
			processEnds, grace = nil, time.After(s.config.GracePeriod)
		case <-grace:
			s.cancel(errDrained)
		case <-s.ended:
			return
		}
	}
}

// consume has one claim's messages handled until the claim has to end, and
// finishes or abandons what is in hand.
func (s *session) consume(c *claim, messages <-chan *sarama.ConsumerMessage) {
	f := &feeder{session: s, claim: c, messages: messages, keys: s.laneNames.ofTopic(c.Topic)}
	f.feed()
	s.finish(c)
	s.settleAbandoned(c)
}

// settleAbandoned closes the claim, and tells what of it is still running.
func (s *session) settleAbandoned(c *claim) {
	abandoned := c.close(func(running int) int {
		if s.pool.batches || s.pool.most == 0 {
			return running
		}
		return min(running, s.slots.calls(c)) // a hand has more than the message it calls for
	})
	s.inFlight.remove(c.inFlight())
	s.dropSurplus(c)
	if abandoned > 0 {
		s.metrics.abandoned.WithLabelValues(c.Topic).Add(float64(abandoned))
		s.log.Warn("messages abandoned, the partition's next owner is given them again",
			"topic", c.Topic, "partition", c.Partition, "messages", abandoned)
	}
}

// finish waits for the claim's messages in hand: until the drain deadline, or
// that of the process; then their context ends, and they have a moment to see it.
func (s *session) finish(c *claim) {
	idle := c.drain()
	defer c.endSending()
	defer time.AfterFunc(s.abandonAfter(), c.endSending).Stop()
	deadline := time.NewTimer(s.config.drainTimeout())
	defer deadline.Stop()
	select {
	case <-idle:
		return
	case <-deadline.C:
		s.slots.giveUp(c, errDrained)
	case <-s.handling.Done():
	}
	abandon := time.NewTimer(s.abandonAfter())
	defer abandon.Stop()
	select {
	case <-idle:
	case <-abandon.C:
	}
}

// abandonAfter comes on top of the drain timeout, which is three quarters of the
// rebalance timeout, and leaves a sixth of it to commit and to join.
func (s *session) abandonAfter() time.Duration {
	return min(longestAbandon, s.config.RebalanceTimeout/12)
}

// forget removes a claim that is closed and committed.
func (s *session) forget(c *claim) {
	s.handled.note(c)
	s.progress.remove(c)
	s.fetching.Resume(map[string][]int32{c.Topic: {c.Partition}}) // for its next claim
}

// commit brings what is finished to the broker. False means that it failed:
// it is tried again at the next occasion, and what never arrives is handled
// again by the next owner.
func (s *session) commit() (done bool) { return s.committed(s.commits.commit()) }

func (s *session) committed(partitions int, err error) (done bool) {
	switch {
	case partitions == 0:
		return true
	case err == nil:
		s.metrics.commits.WithLabelValues("ok").Inc()
		s.committedSince.Store(true)
		return true
	case errors.Is(err, sarama.ErrRebalanceInProgress) || s.betweenGenerations(err):
		s.metrics.commits.WithLabelValues("rebalancing").Inc()
	case lostOwnership(err):
		s.metrics.commits.WithLabelValues("lost").Inc()
		s.log.Info("commit refused, the group went on without this member", "error", err.Error())
		s.leave()
		return true // another one is the owner
	default:
		s.metrics.commits.WithLabelValues("error").Inc()
		s.log.Error("commit failed", "partitions", partitions, "error", err.Error())
	}
	var transaction *transactionError
	if errors.As(err, &transaction) {
		s.leave() // its messages are handled again, after a pause
		s.endMembership(err)
		return true
	}
	return false
}

// commitLast is for the end of a claim, when there is no later occasion.
func (s *session) commitLast() {
	for attempt := 1; !s.commit() && attempt < commitAttempts; attempt++ {
		time.Sleep(commitBackoff)
	}
}

// freed notes that a message is done with, and what that frees. False means
// that it came too late: the claim is closed.
func (s *session) freed(t *task) bool {
	freed, room, inTime := t.claim.finish(t.ticket)
	if freed.Messages > 0 {
		s.inFlight.remove(freed)
		if room {
			s.unlimit(t.claim)
		}
	}
	return inTime
}

// handledInAll is what a process has handled, over all its sessions.
type handledInAll struct {
	mutex  sync.Mutex
	before map[kafka.TopicPartition]handledBefore
}

func newHandledInAll() *handledInAll {
	return &handledInAll{before: make(map[kafka.TopicPartition]handledBefore)}
}

func (h *handledInAll) of(tp kafka.TopicPartition) handledBefore {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.before[tp]
}

func (h *handledInAll) note(c *claim) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.before[c.TopicPartition] = c.handled()
}
