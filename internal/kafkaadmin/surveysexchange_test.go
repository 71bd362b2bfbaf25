package kafkaadmin

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// TestSurveysOfAnotherCluster: nothing of the old cluster is told when another
// answers by its address, not even while the other can't be read whole.
func TestSurveysOfAnotherCluster(t *testing.T) {
	cases := map[string]func(r *relay, first *kfake.Cluster, second string){
		"BetweenReadings": func(r *relay, _ *kfake.Cluster, second string) { r.to(second) },
		"InAReading": func(r *relay, first *kfake.Cluster, second string) {
			first.ControlKey(int16(kmsg.DescribeConfigs), func(kmsg.Request) (kmsg.Response, error, bool) {
				r.to(second)
				return nil, errors.New("exchanged"), true
			})
		},
	}
	for name, exchange := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRelay(t)
			second, address := behindRelay(t, r, "second", 1)
			second.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Resource: "orders", Err: kerr.RequestTimedOut, Count: -1})
			first, _ := behindRelay(t, r, "first", 1)
			next := eachSurvey(t, ConfigSubscription{Connection: NewConnection([]string{r.Addr().String()}, "", kafkaauth.Security{}), Topics: []string{"orders"}})
			if got := <-next; got.ClusterID != "first" || !got.Whole || !got.Topics["orders"].CleanupPolicy.IsKnown {
				t.Fatalf("before the exchange: %+v", got)
			}
			exchange(r, first, address)
			got := <-next
			for got.ClusterID == "first" && got.Topics["orders"].CleanupPolicy.IsKnown {
				got = <-next // a reading that began before, or one of a connection that was lost
			}
			for got.Err != nil {
				if got.ClusterID != "second" || len(got.Topics) > 0 || got.Whole {
					t.Fatalf("in the exchange: %+v", got)
				}
				got = <-next
			}
			if got.ClusterID != "second" || got.Whole || got.Passing == nil || got.Topics["orders"].CleanupPolicy.IsKnown || got.Topics["orders"].State != kafka.TopicExists {
				t.Errorf("after the exchange: %+v", got)
			}
		})
	}
}

// eachSurvey has surveys wait after each reading until it was taken.
func eachSurvey(t *testing.T, subscription ConfigSubscription) <-chan kafka.ConfigSurvey {
	t.Helper()
	var (
		surveys     *Surveys
		running     sync.WaitGroup
		ctx, cancel = context.WithCancel(context.Background())
		each        = make(chan kafka.ConfigSurvey)
	)
	surveys = NewSurveys(Options{ConfigInterval: 20 * time.Millisecond, OnConfigs: func(owner string) {
		survey, _ := surveys.Latest(owner)
		select {
		case each <- survey:
		case <-ctx.Done():
		}
	}})
	surveys.Watch("a", subscription)
	running.Go(func() { _ = surveys.Start(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return each
}
