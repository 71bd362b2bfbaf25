package kafkaadmin_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// away has the brokers hang up on whoever asks for metadata, while it is true.
func (b broker) away() *atomic.Bool {
	away := new(atomic.Bool)
	b.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		return nil, errors.New("away"), away.Load()
	})
	return away
}

// TestSurveysOfAClusterAway: what was read before it went stays, with why it can't
// be asked, and is replaced when it is back.
func TestSurveysOfAClusterAway(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.ClusterID("north"), kfake.SeedTopics(1, "orders"))
	away := b.away()
	surveys := surveyed(t, kafkaadmin.Options{ConfigInterval: soon})
	surveys.Watch("a", b.configs("orders"))
	surveyOf(t, surveys, "a", "a survey", wholeSurvey)
	away.Store(true)
	failed := func(s kafka.ConfigSurvey) bool { return s.Err != nil }
	lost := surveyOf(t, surveys, "a", "the loss", failed)
	wantKinds(t, lost.Err, kafka.ErrUnreachable)
	if !strings.HasPrefix(lost.Err.Error(), "read the settings of topics and brokers: ask for metadata: ") {
		t.Errorf("the error is %q", lost.Err)
	}
	if lost.ClusterID != "north" || lost.Passing != nil || !lost.Whole || lost.Topics["orders"].State != kafka.TopicExists || !lost.Brokers.MessageMaxBytes.IsKnown {
		t.Errorf("what was read before is not all there: %+v", lost)
	}
	surveys.Watch("late", b.configs("orders"))
	if got := surveyOf(t, surveys, "late", "a survey", anySurvey); got.Err == nil || got.Whole || len(got.Topics) != 0 || got.Brokers.Count.IsKnown || got.ClusterID != "north" {
		t.Errorf("of a cluster that was not read for it: %+v", got)
	}
	if again := surveyOf(t, surveys, "a", "the loss", failed); again.At != lost.At {
		t.Errorf("what was kept is said to be of %v, and was read at %v", again.At, lost.At)
	}
	b.set(t, "orders", "min.insync.replicas", "2")
	away.Store(false)
	for _, owner := range []string{"a", "late"} {
		surveyOf(t, surveys, owner, "the return", func(s kafka.ConfigSurvey) bool {
			return wholeSurvey(s) && s.Topics["orders"].MinInSyncReplicas.Value == 2
		})
	}
}

// TestSurveysOfAGap: what passes keeps what was read before of the owner whom it
// concerns, and of nobody else.
func TestSurveysOfAGap(t *testing.T) {
	cases := map[string]struct {
		resources []string
		orders    bool // it is a gap to who watches orders
		parcels   bool
	}{
		"Topic":   {[]string{"orders"}, true, false},
		"Another": {[]string{"parcels"}, false, true},
		"Brokers": {[]string{"0"}, true, true},
		"Both":    {[]string{"parcels", "0"}, true, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "parcels"))
			surveys := surveyed(t, kafkaadmin.Options{ConfigInterval: soon})
			gaps := map[string]bool{"orders": tc.orders, "parcels": tc.parcels}
			for topic := range gaps {
				surveys.Watch(topic, b.configs(topic))
				surveyOf(t, surveys, topic, "a survey", wholeSurvey)
			}
			var faults []*kfake.FaultHandle
			for _, resource := range tc.resources {
				faults = append(faults, b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Resource: resource, Err: kerr.RequestTimedOut, Count: forever}))
			}
			for topic, gap := range gaps {
				if gap {
					surveyOf(t, surveys, topic, "the gap", func(s kafka.ConfigSurvey) bool { return s.Passing != nil })
				}
				b.set(t, topic, "min.insync.replicas", "2")
			}
			for topic, gap := range gaps {
				if !gap {
					surveyOf(t, surveys, topic, "the new value", func(s kafka.ConfigSurvey) bool { return s.Topics[topic].MinInSyncReplicas.Value == 2 })
					continue
				}
				got, _ := surveys.Latest(topic)
				wantKinds(t, got.Passing, kafka.ErrUnavailable)
				if got.Err != nil || !got.Whole || got.Topics[topic].MinInSyncReplicas != kafka.Known[int32](1) || !got.Brokers.MessageMaxBytes.IsKnown {
					t.Errorf("what was read before is not all there: %+v", got)
				}
			}
			for _, fault := range faults {
				fault.Remove()
			}
			for topic := range gaps {
				surveyOf(t, surveys, topic, "the new value", func(s kafka.ConfigSurvey) bool {
					return wholeSurvey(s) && s.Topics[topic].MinInSyncReplicas.Value == 2
				})
			}
		})
	}
}

// TestSurveysOfAGapFromTheStart: before a whole one there is the newest try.
func TestSurveysOfAGapFromTheStart(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "parcels"))
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Resource: "orders", Err: kerr.RequestTimedOut, Count: forever})
	surveys := surveyed(t, kafkaadmin.Options{ConfigInterval: soon})
	surveys.Watch("a", b.configs("orders", "parcels"))
	got := surveyOf(t, surveys, "a", "a survey", anySurvey)
	wantKinds(t, got.Passing, kafka.ErrUnavailable)
	if got.Whole {
		t.Error("it is said to be whole")
	}
	wantReason(t, "orders", got.Topics["orders"].CleanupPolicy, "temporarily unavailable: ")
	wantReason(t, "parcels", got.Topics["parcels"].CleanupPolicy, "")
	b.set(t, "parcels", "min.insync.replicas", "2")
	surveyOf(t, surveys, "a", "the new value", func(s kafka.ConfigSurvey) bool {
		return s.Passing != nil && s.Topics["parcels"].MinInSyncReplicas.Value == 2
	})
}

// TestSurveysDenied: what one right is missing for does not pass, and nothing is
// kept in its place.
func TestSurveysDenied(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "parcels"))
	surveys := surveyed(t, kafkaadmin.Options{ConfigInterval: soon})
	surveys.Watch("a", b.configs("orders", "parcels"))
	surveyOf(t, surveys, "a", "a survey", wholeSurvey)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Resource: "orders", Err: kerr.TopicAuthorizationFailed, Count: forever})
	got := surveyOf(t, surveys, "a", "the denial", func(s kafka.ConfigSurvey) bool { return !s.Topics["orders"].CleanupPolicy.IsKnown })
	wantReason(t, "orders", got.Topics["orders"].CleanupPolicy, "not authorized: ")
	wantReason(t, "parcels", got.Topics["parcels"].CleanupPolicy, "")
	if !wholeSurvey(got) || got.Topics["orders"].Partitions.Value != 1 {
		t.Errorf("%+v", got)
	}
}

// TestSurveysOfNamesThatCanNotBeAskedFor: with a second look that fails, beside a
// pattern, nothing is told as missing.
func TestSurveysOfNamesThatCanNotBeAskedFor(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		return nil, errors.New("away"), request.(*kmsg.MetadataRequest).Topics != nil
	})
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: soon})
	surveys.Watch("pattern", b.matching(".*"))
	surveys.Watch("named", b.configs("parcels"))
	t.Cleanup(runSurveys(t, surveys))
	got := surveyOf(t, surveys, "named", "a survey", anySurvey)
	wantKinds(t, got.Err, kafka.ErrUnreachable)
	if len(got.Topics) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestSurveysOfAFailingClusterWait: it is asked when something is new and at the
// interval, and not in between.
func TestSurveysOfAFailingClusterWait(t *testing.T) {
	address, tries := hangingUp(t)
	connection := kafkaadmin.NewConnection([]string{address}, "", kafkaauth.Security{})
	surveys := surveyed(t, kafkaadmin.Options{ConfigInterval: time.Hour})
	for i, owner := range []string{"a", "b"} {
		surveys.Watch(owner, kafkaadmin.ConfigSubscription{Connection: connection, Topics: []string{"orders"}})
		got := surveyOf(t, surveys, owner, "a survey", anySurvey)
		wantKinds(t, got.Err, kafka.ErrUnreachable)
		if got := tries.Load(); got != int64(i+1) {
			t.Errorf("after owner %q %d tries", owner, got)
		}
	}
}

// hangingUp is an address that closes each connection, and counts them.
func hangingUp(t *testing.T) (address string, accepted *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = new(atomic.Int64)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
	})
	return listener.Addr().String(), accepted
}
