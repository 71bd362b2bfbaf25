package worker

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/IBM/sarama"
)

// A broker's login module may quote what it was sent.
func TestABrokersWordsOnAuthenticationAreNotRepeated(t *testing.T) {
	var log bytes.Buffer
	config, err := Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRunner(t.Context(), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := sarama.Wrap(sarama.ErrSASLAuthenticationFailed, errors.New("s3cr3t is not the password"))
	r.failed(fmt.Errorf("connect: %w", sarama.Wrap(sarama.ErrOutOfBrokers, refused)))
	for where, text := range map[string]string{"log": log.String(), "health": r.health.ready().Error()} {
		if strings.Contains(text, "s3cr3t") || !strings.Contains(text, "sasl: the broker refused the credentials") {
			t.Errorf("the %s says %s", where, text)
		}
	}
	r.failed(errors.New("something else"))
	if !strings.Contains(log.String(), "something else") {
		t.Errorf("the log says %s", log.String())
	}
}
