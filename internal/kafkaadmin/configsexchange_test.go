package kafkaadmin

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// TestClusterExchangedWhileConfigsAreRead: the settings of the new cluster are not
// told as the old one's.
func TestClusterExchangedWhileConfigsAreRead(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.ApiVersions, kmsg.DescribeConfigs} {
		t.Run(key.Name(), func(t *testing.T) {
			r := newRelay(t)
			_, second := behindRelay(t, r, "second", 1)
			first, _ := behindRelay(t, r, "first", 1)
			admin := NewAdmin(Options{})
			defer func() {
				ended, cancel := context.WithCancel(context.Background())
				cancel()
				_ = admin.Start(ended)
			}()
			read := func() (kafka.ConfigSurvey, error) {
				return admin.Configs(t.Context(), NewConnection([]string{r.Addr().String()}, "", kafkaauth.Security{}), []string{"orders"})
			}
			if got, err := read(); err != nil || got.ClusterID != "first" {
				t.Fatalf("before the exchange: %+v, %v", got, err)
			}
			first.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
				r.to(second)
				return nil, errors.New("exchanged"), true
			})
			if got, err := read(); !errors.Is(err, kafka.ErrUnavailable) || got.Topics != nil {
				t.Errorf("in the exchange: %+v, %v", got, err)
			}
			if got, err := read(); err != nil || got.ClusterID != "second" {
				t.Errorf("after the exchange: %+v, %v", got, err)
			}
		})
	}
}
