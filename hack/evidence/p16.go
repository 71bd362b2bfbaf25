package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// sharedID: two pods with one transactional id fence each other.
func sharedID() experiment {
	shared, own := lossless(), lossless()
	shared.Transaction = &v1alpha1.ProducerTransaction{ID: "orders"}
	own.Transaction = &v1alpha1.ProducerTransaction{ID: "orders-" + producerpolicy.PodName}
	return experiment{
		Pitfall: "P16", Rule: "transactional-id-shared",
		Faults:   "none: two pods write transactions of 20 messages for 8 s, and a pod that is fenced starts again",
		Flagged:  arm{Settings: "`transaction.id: orders`", policy: shared, place: safe(), run: twoPods},
		Lossless: arm{Settings: "`transaction.id: orders-$(POD_NAME)`", policy: own, place: safe(), run: twoPods},
		load:     load{rate: 400, keys: 40, bytes: 200},
		harm:     givingUp,
		fault: func(ctx context.Context, s *scene) error {
			s.breathe(ctx, 8*time.Second)
			return nil
		},
	}
}

func twoPods(ctx context.Context, s *scene, a arm, topic string, book *ledger, enough <-chan struct{}) error {
	var failures [2]error
	var pods sync.WaitGroup
	for i := range failures {
		p := pod{name: fmt.Sprintf("pod-%d", i), servers: s.servers(), policy: a.policy, topic: topic, load: s.load, book: book}
		// Ids are the topic's own, so that both programs don't meet in one.
		p.id = topic + "-" + strings.ReplaceAll(a.policy.Transaction.ID, producerpolicy.PodName, p.name)
		pods.Go(func() { failures[i] = p.run(ctx, enough) })
	}
	pods.Wait()
	return errors.Join(failures[:]...)
}
