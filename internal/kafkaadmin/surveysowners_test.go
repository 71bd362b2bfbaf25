package kafkaadmin_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// TestSurveysForgetClosesTheClient: the last owner's leaving does.
func TestSurveysForgetClosesTheClient(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "orders", "parcels"))
	surveys := surveyed(t, kafkaadmin.Options{ConfigInterval: soon})
	before := goleak.IgnoreCurrent()
	surveys.Watch("a", b.configs("orders"))
	surveys.Watch("b", b.configs("parcels"))
	surveyOf(t, surveys, "a", "a survey", wholeSurvey)
	surveyOf(t, surveys, "b", "a survey", wholeSurvey)

	surveys.Forget("a")
	if _, known := surveys.Latest("a"); known {
		t.Error("a forgotten owner has a survey")
	}
	anew(t, surveys, "b")
	if b.open.Load() == 0 {
		t.Error("the client is closed although an owner is left")
	}
	surveys.Forget("b")
	eventually(t, "the connections to close", func() bool { return b.open.Load() == 0 })
	goleak.VerifyNone(t, before)
	surveys.Forget("b") // what is not known is forgotten already
	surveys.Watch("b", b.configs("parcels"))
	surveyOf(t, surveys, "b", "a survey of a new client", wholeSurvey)
}

// TestSurveysForgottenAreNotRead: what nobody watches any more is not asked for.
func TestSurveysForgottenAreNotRead(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "parcels"))
	asked := b.answering(everything(), nil)
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: time.Hour})
	surveys.Watch("a", b.configs("orders"))
	surveys.Watch("b", b.configs("orders"))
	surveys.Watch("b", b.configs("parcels"))
	surveys.Forget("a")
	t.Cleanup(runSurveys(t, surveys))
	wantTopics(t, surveyOf(t, surveys, "b", "a survey", wholeSurvey), "parcels")
	wantOnce(t, *asked, 1)
}

// TestSurveysForgottenAreNotNamed, even by the reading that they were part of.
func TestSurveysForgottenAreNotNamed(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	owners := []string{"a", "b", "c"}
	var (
		surveys *kafkaadmin.Surveys
		told    []string
	)
	surveys = kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: time.Hour, OnConfigs: func(owner string) {
		told = append(told, owner)
		for _, other := range owners {
			if other != owner {
				surveys.Forget(other)
			}
		}
	}})
	for _, owner := range owners {
		surveys.Watch(owner, b.configs("orders"))
	}
	stop := runSurveys(t, surveys)
	eventually(t, "a survey of the one that is left", func() bool {
		known := 0
		for _, owner := range owners {
			if _, surveyed := surveys.Latest(owner); surveyed {
				known++
			}
		}
		return known == 1
	})
	stop()
	if len(told) != 1 {
		t.Errorf("told of %v, want the first alone", told)
	}
}

// TestSurveysStartEndsWithAllGoroutines, whatever the brokers do.
func TestSurveysStartEndsWithAllGoroutines(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "orders"))
	mute := kafkaadmin.NewConnection([]string{muteAddress(t)}, "", kafkaauth.Security{})
	before := goleak.IgnoreCurrent()
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: soon, RequestTimeout: time.Hour})
	surveys.Watch("a", b.configs("orders"))
	surveys.Watch("mute", kafkaadmin.ConfigSubscription{Connection: mute, Topics: []string{"orders"}})
	stop := runSurveys(t, surveys)
	surveyOf(t, surveys, "a", "a survey", wholeSurvey)
	stop()
	if survey, known := surveys.Latest("mute"); known {
		t.Errorf("stopping is no failure of the broker's: %+v", survey)
	}
	surveys.Watch("late", kafkaadmin.ConfigSubscription{Connection: kafkaadmin.NewConnection(b.addresses, "3.6.0", kafkaauth.Security{})})
	eventually(t, "the connections to close", func() bool { return b.open.Load() == 0 })
	goleak.VerifyNone(t, before)
	if err := surveys.Start(t.Context()); err == nil {
		t.Error("a second Start succeeded")
	}
}

// TestSurveysStartedWithNothingToDo end as well.
func TestSurveysStartedWithNothingToDo(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := kafkaadmin.NewSurveys(kafkaadmin.Options{}).Start(ended); err != nil {
		t.Error(err)
	}
}

// TestSurveysOfAChangedSubscription: a survey is never shown for what it was not
// made of, but a rotated password changes nothing of that.
func TestSurveysOfAChangedSubscription(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "parcels"), kfake.EnableSASL(), kfake.User("SCRAM-SHA-512", "lagrange", "secret"))
	watch := func(password, pattern string, topics ...string) kafkaadmin.ConfigSubscription {
		return kafkaadmin.ConfigSubscription{Connection: kafkaadmin.NewConnection(b.addresses, "", lagrange(password)), TopicPattern: pattern, Topics: topics}
	}
	elsewhere := watch("secret", "", "orders", "parcels")
	elsewhere.Connection.BootstrapServers = unusedAddress(t)
	both := watch("secret", "", "orders", "parcels")
	cases := map[string]struct {
		before, changed kafkaadmin.ConfigSubscription
		kept            bool
	}{
		"Same":     {both, watch("secret", "", "parcels", "orders"), true},
		"Security": {both, watch("rotated", "", "orders", "parcels"), true},
		"Topics":   {both, watch("secret", "", "orders"), false},
		"Pattern":  {watch("secret", "orders"), watch("secret", "parcels"), false},
		"Servers":  {both, elsewhere, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: soon})
			surveys.Watch("a", tc.before)
			stop := runSurveys(t, surveys)
			surveyOf(t, surveys, "a", "a survey", wholeSurvey)
			stop() // what comes after is shown without a reading
			before, _ := surveys.Latest("a")
			surveys.Watch("a", tc.changed)
			after, known := surveys.Latest("a")
			if known != tc.kept || known && (after.At != before.At || len(after.Topics) != 2) {
				t.Errorf("%t: %+v", known, after)
			}
		})
	}
}

// TestSurveysAfterARotation: the last survey stays until the new password works.
func TestSurveysAfterARotation(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.EnableSASL(), kfake.User("SCRAM-SHA-512", "lagrange", "secret"))
	surveys := surveyed(t, kafkaadmin.Options{ConfigInterval: soon})
	watch := func(password string) {
		surveys.Watch("a", kafkaadmin.ConfigSubscription{Connection: kafkaadmin.NewConnection(b.addresses, "", lagrange(password)), Topics: []string{"orders"}})
	}
	watch("secret")
	surveyOf(t, surveys, "a", "a survey", wholeSurvey)
	watch("rotated")
	refused := surveyOf(t, surveys, "a", "a refusal", func(s kafka.ConfigSurvey) bool { return s.Err != nil })
	if !refused.Whole || refused.Topics["orders"].State != kafka.TopicExists || !refused.Brokers.MessageMaxBytes.IsKnown {
		t.Errorf("what was read before is gone: %+v", refused)
	}
	watch("secret")
	surveyOf(t, surveys, "a", "a survey of the new client", func(s kafka.ConfigSurvey) bool { return wholeSurvey(s) && s.At.After(refused.At) })
}
