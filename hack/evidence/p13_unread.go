package main

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// errorsUnread: the program counts as written what sarama has taken.
func errorsUnread() experiment {
	return experiment{
		Pitfall: "P13",
		Faults:  "the leader is killed (`kill -9`) under load",
		Flagged: arm{Settings: "`retryBudget: 300ms`, and nobody reads results: what `Input()` has taken counts as written",
			policy: unreadPolicy(), place: safe(), run: unread},
		Lossless: arm{policy: lossless(), place: safe()},
		load:     load{rate: 500, keys: 400, bytes: 200},
		harm:     losing,
		fault:    killLeader,
	}
}

func unreadPolicy() v1alpha1.KafkaProducerPolicySpec {
	policy := lossless()
	policy.RetryBudget.Duration = 300 * time.Millisecond
	return policy
}

func unread(ctx context.Context, s *scene, a arm, topic string, book *ledger, enough <-chan struct{}) error {
	config := saramaConfig(a.policy)
	config.Producer.Return.Successes, config.Producer.Return.Errors = false, false
	async, err := sarama.NewAsyncProducer(s.servers(), config)
	if err != nil {
		return err
	}
	return s.load.run(ctx, careless{topic, async}, book, enough)
}

// careless takes a message for written once sarama has it.
type careless struct {
	topic string
	async sarama.AsyncProducer
}

func (c careless) send(_ context.Context, m message, value []byte, told func(error)) {
	c.async.Input() <- saramaMessage(c.topic, m, value, nil)
	told(nil)
}

func (c careless) close(context.Context) error { return c.async.Close() }
