package main

import (
	"context"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// impatient: the leader waits for a replica, within the time that it was given,
// and the producer doesn't wait for the leader. Of the clients of a policy
// librdkafka alone has a time of its own for that, so that the rule is asked for
// it; here sarama is given the same times by hand, see saramaConfig.
func impatient() experiment {
	risky := lossless()
	risky.Clients = []v1alpha1.ProducerClient{v1alpha1.ClientLibrdkafka}
	risky.Idempotence = new(false)
	risky.ResponseTimeout.Duration = time.Second
	patient := risky
	patient.ResponseTimeout.Duration = 0 // requestTimeout and 5 s more
	return experiment{
		Pitfall: "P11", Rule: "answer-after-patience",
		Faults:   "for 3 s nothing of the leader's reaches its followers, which stay in sync (proxy between brokers)",
		Flagged:  arm{Settings: "`requestTimeout: 10s`, `responseTimeout: 1s`, `idempotence: false`", policy: risky, place: safe(), run: bareSarama},
		Lossless: arm{policy: lossless(), place: safe(), run: bareSarama},
		Control:  &arm{Settings: "`requestTimeout: 10s`, `responseTimeout: 15s`, `idempotence: false`", policy: patient, place: safe(), run: bareSarama},
		load:     load{rate: 500, keys: 400, bytes: 200},
		harm:     doubling,
		fault: func(ctx context.Context, s *scene) error {
			s.replication[0].hold("")
			s.breathe(ctx, 3*time.Second)
			return nil
		},
	}
}

// bareSarama sends the load with sarama itself.
func bareSarama(ctx context.Context, s *scene, a arm, topic string, book *ledger, enough <-chan struct{}) error {
	producer, err := newSaramaSender(s.servers(), saramaConfig(a.policy), topic)
	if err != nil {
		return err
	}
	return s.load.run(ctx, producer, book, enough)
}
