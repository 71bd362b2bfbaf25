package main

import (
	"context"
	"sync/atomic"
	"time"
)

// retriesDouble: the leader has written a message, and its answer is lost.
func retriesDouble() experiment {
	risky := lossless()
	risky.Idempotence = new(false)
	return experiment{
		Pitfall: "P6", Rule: "retries-double",
		Faults:   "for 5 s every fifth answer of the leader is lost with its connection (proxy)",
		Flagged:  arm{Settings: "`idempotence: false`", policy: risky, place: safe()},
		Lossless: arm{policy: lossless(), place: safe()},
		load:     load{rate: 500, keys: 400, bytes: 200},
		harm:     doubling,
		fault: func(ctx context.Context, s *scene) error {
			var answers atomic.Int64
			s.clients[0].disturb(func() trouble { return trouble{cut: answers.Add(1)%5 == 0} })
			s.breathe(ctx, 5*time.Second)
			return nil
		},
	}
}
