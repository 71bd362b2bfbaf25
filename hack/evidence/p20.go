package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// twoHashes: two programs that hash differently put a key into two partitions.
func twoHashes() experiment {
	return experiment{
		Pitfall: "P20", Rule: "two-hashes",
		Faults: "none: two programs write the messages of each key in turn, each once the one before is acknowledged",
		Flagged: arm{Settings: "`partitioner: murmur2` in one program, `fnv1a` in the other", policy: lossless(), place: safe(), run: inTurn,
			beside: []producerpolicy.TopicPolicy{{Name: "shop/other", Partitioner: v1alpha1.PartitionFNV1a}}},
		Lossless: arm{Settings: "`murmur2` in both", policy: lossless(), place: safe(), run: inTurn,
			beside: []producerpolicy.TopicPolicy{{Name: "shop/other", Partitioner: v1alpha1.PartitionMurmur2}}},
		load: load{rate: 500, keys: 50, bytes: 200},
		harm: reordering,
		fault: func(ctx context.Context, s *scene) error {
			s.breathe(ctx, 4*time.Second)
			return nil
		},
	}
}

// inTurn has two producers: the arm's own and that of the policy beside.
func inTurn(ctx context.Context, s *scene, a arm, topic string, book *ledger, enough <-chan struct{}) error {
	own, err := s.runtime(a, topic)
	if err != nil {
		return err
	}
	a.policy.Partitioner = a.beside[0].Partitioner
	other, err := s.runtime(a, topic)
	if err != nil {
		return errors.Join(err, own.close(ctx))
	}
	sending, stop := untilClosed(ctx, enough)
	defer stop()
	pace := rate.NewLimiter(rate.Limit(s.load.rate), 1)
	var keys sync.WaitGroup
	for key := range s.load.keys {
		keys.Go(func() {
			for number := 0; pace.Wait(sending) == nil; number++ {
				m := message{key: fmt.Sprintf("key-%d", key), number: number}
				book.send(m)
				told := make(chan error, 1)
				[]sender{own, other}[number%2].send(ctx, m, m.value(s.load.bytes), func(err error) { told <- err })
				book.tell(m, <-told)
			}
		})
	}
	keys.Wait()
	return errors.Join(own.close(ctx), other.close(ctx))
}
