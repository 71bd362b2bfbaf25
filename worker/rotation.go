package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

const (
	// lookAgain is how often the files are compared, where they are.
	lookAgain = 5 * time.Second
	// refusedBackoff is the longest pause between trials of new credentials
	// that are refused.
	refusedBackoff = time.Minute
)

// watchPlain calls changed when the credentials for PLAIN are others than those
// given and a broker has taken the new ones. sarama keeps what it started with
// for PLAIN alone. Until then the old ones go on: a password that comes too
// early, or is wrong, ends no session.
func (r *runner) watchPlain(ctx context.Context, used kafkaauth.SASL, changed func()) {
	wait := newBackoff(lookAgain, refusedBackoff)
	for failures := 0; pause(ctx, wait(failures)); {
		now, err := r.files.credentials()
		if err == nil && now == used {
			failures = 0
			continue
		}
		if err == nil {
			err = r.try(now)
		}
		if err == nil {
			r.log.Info("the credentials have changed, joining again with the new ones")
			changed()
			return
		}
		failures++
		r.failed(fmt.Errorf("try the changed credentials: %w", err))
	}
}

// try connects with the credentials to one of the brokers.
func (r *runner) try(credentials kafkaauth.SASL) error {
	config, err := r.authenticating(func() (kafkaauth.SASL, error) { return credentials, nil })
	if err != nil {
		return err
	}
	config.Net.ReadTimeout = dialTimeout
	for _, address := range r.config.BootstrapServers {
		broker := sarama.NewBroker(address)
		if err = broker.Open(config); err != nil {
			return fmt.Errorf("open a connection: %w", err)
		}
		connected, refused := broker.Connected()
		_ = broker.Close() // it was opened to see whether it opens
		if connected {
			return nil
		}
		err = refused
	}
	return err
}
