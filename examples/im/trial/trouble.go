package trial

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"
)

// trouble makes things fail until all messages are sent, or the first error.
// Brokers and workers fail at the same time, each in an order of chance.
func (r *round) trouble(ctx context.Context, sent <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ofBrokers := series{round: r, chance: r.chance(1), kinds: []failure{
		{"brokers shut down", (*series).stopBroker}, {"brokers killed", (*series).killBroker},
	}}
	ofWorkers := series{round: r, chance: r.chance(2), kinds: []failure{
		{"workers killed", (*series).killWorker}, {"workers paused", (*series).pauseWorker},
		{"rebalances with one more and one less", (*series).rebalance},
	}}
	ended := make(chan error, 2)
	go func() { ended <- ofBrokers.run(ctx, sent) }()
	go func() { ended <- ofWorkers.run(ctx, sent) }()
	first := <-ended
	if first != nil {
		cancel()
	}
	second := <-ended
	r.troubles = ofBrokers.String() + ", " + ofWorkers.String()
	if first != nil {
		return first
	}
	return second
}

// failure is one kind of trouble.
type failure struct {
	name string
	do   func(*series, context.Context) error
}

// series is one failure after another.
type series struct {
	*round
	chance *rand.Rand
	kinds  []failure
	// done counts the failures of each kind.
	done [3]int
}

// run goes on until all messages are sent and each kind has been done.
func (s *series) run(ctx context.Context, sent <-chan struct{}) error {
	for {
		for _, kind := range s.chance.Perm(len(s.kinds)) {
			if isClosed(sent) && slices.Min(s.done[:len(s.kinds)]) > 0 {
				return nil
			}
			if err := s.breathe(ctx, time.Duration(s.chance.Int64N(int64(2*time.Second)))); err != nil {
				return err
			}
			if err := s.kinds[kind].do(s, ctx); err != nil {
				return err
			}
			s.done[kind]++
		}
	}
}

func (s *series) String() string {
	var kinds []string
	for i, kind := range s.kinds {
		kinds = append(kinds, fmt.Sprintf("%d %s", s.done[i], kind.name))
	}
	return strings.Join(kinds, ", ")
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// breathe lets time go by.
func (s *series) breathe(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// anyone is a worker by chance.
func (s *series) anyone() *member { return s.crew.members[s.chance.IntN(len(s.crew.members))] }

func (s *series) killWorker(ctx context.Context) error {
	m := s.anyone()
	s.tell("kill -9 %s", m.name)
	if err := s.crew.dismiss(ctx, m, syscall.SIGKILL); err != nil {
		return err
	}
	return s.crew.fill(s.Workers)
}

// pauseWorker stops a worker in the middle of what it does, for longer than the
// group waits for it. When it goes on, others have its messages.
func (s *series) pauseWorker(ctx context.Context) error {
	m := s.anyone()
	s.tell("kill -STOP %s", m.name)
	m.Signal(syscall.SIGSTOP)
	err := s.breathe(ctx, sessionTimeout+3*time.Second)
	s.tell("kill -CONT %s", m.name)
	m.Signal(syscall.SIGCONT)
	return err
}

func (s *series) rebalance(ctx context.Context) error {
	if err := s.crew.fill(s.Workers + 1); err != nil {
		return err
	}
	s.tell("one more worker, %s", s.crew.members[s.Workers].name)
	err := s.until(ctx, "the new worker is a member", func(ctx context.Context) error {
		members, err := s.servers.members(ctx, s.name)
		if err == nil && members <= s.Workers {
			err = fmt.Errorf("the group has %d members", members)
		}
		return err
	})
	if err != nil {
		return err
	}
	m := s.anyone()
	s.tell("kill -TERM %s", m.name)
	return s.crew.dismiss(ctx, m, syscall.SIGTERM)
}

func (s *series) stopBroker(ctx context.Context) error {
	broker := s.chance.IntN(brokers)
	s.tell("broker %d is shut down and started again", broker)
	if err := s.servers.kafka.Stop(broker); err != nil {
		return err
	}
	return s.servers.kafka.StartAgain(ctx, broker)
}

func (s *series) killBroker(ctx context.Context) error {
	broker := s.chance.IntN(brokers)
	s.tell("broker %d is killed and started again", broker)
	s.servers.kafka.Kill(broker)
	return s.servers.kafka.StartAgain(ctx, broker)
}
