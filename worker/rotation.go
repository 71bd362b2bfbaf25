package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
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
	return reach(config, r.config.BootstrapServers)
}

// reach opens a connection to one of the brokers, to see whether it opens.
func reach(config *sarama.Config, servers []string) (err error) {
	config.Net.ReadTimeout = dialTimeout
	for _, address := range servers {
		broker := sarama.NewBroker(address)
		if err = broker.Open(config); err != nil {
			return fmt.Errorf("open a connection: %w", err)
		}
		connected, refused := broker.Connected()
		_ = broker.Close() // it is not needed any more
		if connected {
			return nil
		}
		err = refused
	}
	return err
}

// errNotAuthenticating is for brokers that give no code.
var errNotAuthenticating = errors.New("the broker closed the connection instead of authenticating," +
	" as one does that has no SASL, expects TLS, or refuses the credentials without a word")

// explainOpening says why a connection could not be opened, nil if not for who
// we are or who the broker is.
func explainOpening(err error, config *sarama.Config) *kafkaauth.FieldError {
	if config.Net.SASL.Enable && hungUp(err) {
		return &kafkaauth.FieldError{Field: "sasl", Err: errNotAuthenticating}
	}
	return kafkaauth.Explain(err)
}

func hungUp(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) }

// explain is kafkaauth.Explain. sarama drops why brokers don't authenticate and
// says no more than that none is left; one of them is asked for it then.
func explain(err error, client sarama.Client, servers []string) *kafkaauth.FieldError {
	field := kafkaauth.Explain(err)
	if field != nil || client == nil || !client.Config().Net.SASL.Enable || !errors.Is(err, sarama.ErrOutOfBrokers) && !hungUp(err) {
		return field
	}
	config := *client.Config()
	return explainOpening(reach(&config, servers), &config)
}
