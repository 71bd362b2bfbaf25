package worker

import (
	"context"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// tenure is the time of one client: until the context ends, or the credentials
// change in a way that only another client can follow.
func (r *runner) tenure() error {
	used, connected := r.connect()
	if !connected {
		return nil // told to stop before a broker was reached
	}
	ctx, end := context.WithCancel(r.ctx)
	var watching sync.WaitGroup
	if used.Mechanism == kafkaauth.Plain {
		watching.Go(func() { r.watchPlain(ctx, used, end) })
	}
	err := r.consume(ctx)
	end()
	watching.Wait()
	r.closed("the Kafka client", r.client.Close())
	return err
}

// connect waits for a broker and returns the credentials that it took. It
// returns false when the context ends first.
func (r *runner) connect() (used kafkaauth.SASL, connected bool) {
	wait := newBackoff(joinBackoff, joinMaxBackoff)
	for attempt := 1; r.ctx.Err() == nil; attempt++ {
		used, err := r.open()
		if err == nil {
			return used, true
		}
		r.failed(fmt.Errorf("connect to %q: %w", r.config.BootstrapServers, err))
		pause(r.ctx, wait(attempt))
	}
	return kafkaauth.SASL{}, false
}

// open makes a client with the credentials of the moment.
func (r *runner) open() (used kafkaauth.SASL, err error) {
	config := r.kafka
	if r.config.SASL != nil {
		if used, err = r.files.credentials(); err != nil {
			return used, err
		}
		credentials := r.files.credentials
		if used.Mechanism == kafkaauth.Plain {
			credentials = func() (kafkaauth.SASL, error) { return used, nil }
		}
		if config, err = r.authenticating(credentials); err != nil {
			return used, err
		}
	}
	r.client, err = sarama.NewClient(r.config.BootstrapServers, config)
	return used, err //nolint:wrapcheck // the caller says what was attempted
}

// authenticating is the configuration of a client with these credentials.
func (r *runner) authenticating(credentials kafkaauth.Credentials) (*sarama.Config, error) {
	config := *r.kafka
	if err := kafkaauth.ApplySASL(&config, credentials); err != nil {
		return nil, err
	}
	return &config, nil
}
