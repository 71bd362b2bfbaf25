package worker_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/worker"
)

// A listener that does not authenticate says so by a code, which sarama drops,
// or closes the connection.
func TestAListenerWithoutSASLIsNamedAsTheCause(t *testing.T) {
	t.Parallel()
	const byCode, byClosing = "sasl.mechanism: the listener does not authenticate by SASL", "sasl: the broker closed the connection instead of authenticating"
	for name, tc := range map[string]struct {
		mechanism, want string
	}{
		"PLAIN by code":          {"PLAIN", byCode},
		"SCRAM-SHA-256 by code":  {"SCRAM-SHA-256", byCode},
		"PLAIN, closing":         {"PLAIN", byClosing},
		"SCRAM-SHA-512, closing": {"SCRAM-SHA-512", byClosing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mechanism, want := tc.mechanism, tc.want
			b := newBroker(t, 1)
			if want == byCode {
				b.ControlKey(int16(kmsg.SASLHandshake), func(request kmsg.Request) (kmsg.Response, error, bool) {
					b.KeepControl()
					response := request.ResponseKind().(*kmsg.SASLHandshakeResponse)
					response.ErrorCode = kerr.IllegalSaslState.Code
					return response, nil, true
				})
			}
			files := newMount(t, map[string]string{"password": "s3cr3t"})
			var log lockedBuffer
			config := b.config()
			config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			config.SASL = &workerconfig.SASL{Mechanism: mechanism, Username: "workers", PasswordFile: files.file("password")}
			w := start(t, config, newRecord().handle)
			await(t, "Run names the cause", func() bool { return strings.Contains(log.String(), want) })
			w.stop(t)
			for what, try := range map[string]func() error{
				"Replay": func() error {
					_, err := worker.Replay(t.Context(), config, worker.ReplayOptions{Topic: topic}, newRecord().handle)
					return err
				},
				"NewProducer": func() error {
					_, err := worker.NewProducer(config)
					return err
				},
				"TopicIDs": func() error {
					_, err := worker.TopicIDs(t.Context(), config, topic)
					return err
				},
			} {
				if err := try(); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want the cause", what, err)
				}
			}
		})
	}
}
