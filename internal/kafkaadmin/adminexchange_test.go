package kafkaadmin

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// A plan made from two clusters would be of neither.
func TestClusterExchangedInASurvey(t *testing.T) {
	for _, key := range []int16{16, 9, 2} { // ListGroups, OffsetFetch, ListOffsets
		t.Run(kmsg.NameForKey(key), func(t *testing.T) {
			r := newRelay(t)
			_, second := behindRelay(t, r, "second", 9)
			first, _ := behindRelay(t, r, "first", 4)
			admin := NewAdmin(Options{})
			defer func() {
				ended, cancel := context.WithCancel(context.Background())
				cancel()
				_ = admin.Start(ended)
			}()
			connection := NewConnection([]string{r.Addr().String()}, "", kafkaauth.Security{})
			ask := func() (kafka.Survey, error) {
				return admin.Survey(t.Context(), connection, Question{GroupID: "billing", Topics: []string{"orders"}})
			}
			if got, err := ask(); err != nil || got.ClusterID != "first" || got.Topics[0].Partitions[0].End != 4 {
				t.Fatalf("before the exchange: %+v, %v", got, err)
			}
			first.ControlKey(key, func(kmsg.Request) (kmsg.Response, error, bool) {
				r.to(second)
				return nil, errors.New("exchanged"), true
			})
			if got, err := ask(); !errors.Is(err, kafka.ErrUnavailable) {
				t.Errorf("the survey of the exchange says %+v, %v", got, err)
			}
			if got, err := ask(); err != nil || got.ClusterID != "second" || got.Topics[0].Partitions[0].End != 9 {
				t.Errorf("after the exchange: %+v, %v", got, err)
			}
		})
	}
}
