package main

import (
	"context"
	"time"
)

const smallTopic = 20_000

// aboveTopic: while the leader is slow batches grow until the topic refuses them.
func aboveTopic() experiment {
	place := safe().with("max.message.bytes", "20000")
	fitting := lossless()
	fitting.MaxMessageBytes = smallTopic
	return experiment{
		Pitfall: "P10", Rule: "message-above-topic",
		Faults:   "for 5 s the leader answers 0.4 s late (proxy); no message is larger than 200 bytes",
		Flagged:  arm{Settings: "`maxMessageBytes: 1048576`, `max.message.bytes=20000`", policy: lossless(), place: place},
		Lossless: arm{Settings: "`maxMessageBytes: 20000`", policy: fitting, place: place},
		load:     load{rate: 2000, keys: 1000, bytes: 200},
		harm:     givingUp,
		fault: func(ctx context.Context, s *scene) error {
			s.clients[0].disturb(func() trouble { return trouble{wait: 400 * time.Millisecond} })
			s.breathe(ctx, 5*time.Second)
			return nil
		},
	}
}
