package kafkaadmin_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// soon is an interval at which a test sees reading after reading.
const soon = 20 * time.Millisecond

// surveyed runs surveys for the length of the test.
func surveyed(t *testing.T, options kafkaadmin.Options) *kafkaadmin.Surveys {
	t.Helper()
	surveys := kafkaadmin.NewSurveys(options)
	t.Cleanup(runSurveys(t, surveys))
	return surveys
}

// runSurveys starts them and returns what stops them and waits for their end.
func runSurveys(t testing.TB, surveys *kafkaadmin.Surveys) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- surveys.Start(ctx) }()
	return func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Start returned %v", err)
			}
		case <-time.After(patience):
			t.Error("Start did not return")
		}
	}
}

// surveyOf waits for a survey of the owner that is as wanted.
func surveyOf(t *testing.T, surveys *kafkaadmin.Surveys, owner, what string, wanted func(kafka.ConfigSurvey) bool) kafka.ConfigSurvey {
	t.Helper()
	var survey kafka.ConfigSurvey
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last survey of %q was %.1000s", owner, fmt.Sprintf("%+v", survey))
		}
	})
	eventually(t, what, func() bool {
		latest, known := surveys.Latest(owner)
		survey = latest
		return known && wanted(latest)
	})
	return survey
}

func anySurvey(kafka.ConfigSurvey) bool { return true }

// wholeSurvey is the newest reading, without a gap.
func wholeSurvey(s kafka.ConfigSurvey) bool { return s.Whole && s.Err == nil && s.Passing == nil }

// anew waits for a survey of a reading that began after the call.
func anew(t *testing.T, surveys *kafkaadmin.Surveys, owner string) kafka.ConfigSurvey {
	t.Helper()
	now := time.Now()
	return surveyOf(t, surveys, owner, "a newer survey", func(s kafka.ConfigSurvey) bool { return s.At.After(now) })
}

func (b broker) configs(topics ...string) kafkaadmin.ConfigSubscription {
	return kafkaadmin.ConfigSubscription{Connection: b.connection(), Topics: topics}
}

func (b broker) matching(pattern string) kafkaadmin.ConfigSubscription {
	return kafkaadmin.ConfigSubscription{Connection: b.connection(), TopicPattern: pattern}
}

// set changes a setting of a topic.
func (b broker) set(t *testing.T, topic, name, value string) {
	t.Helper()
	if _, err := b.admin(t).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, topic); err != nil {
		t.Fatal(err)
	}
}

func wantTopics(t *testing.T, s kafka.ConfigSurvey, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(s.Topics))); diff != "" {
		t.Errorf("topics -want +got:\n%s", diff)
	}
}

// TestSurveysOfTheUnion: one reading is of what all owners name, each topic once,
// and each owner sees its own topics and the brokers.
func TestSurveysOfTheUnion(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.ClusterID("north"), kfake.SeedTopics(2, "orders", "parcels", "states"))
	metadata, versions, asked := b.counted(kmsg.Metadata), b.counted(kmsg.ApiVersions), b.answering(everything(), nil)
	told := make(chan string, 10)
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: time.Hour, OnConfigs: func(owner string) { told <- owner }})
	surveys.Watch("a", b.configs("parcels", "orders", "orders"))
	surveys.Watch("b", b.configs("orders", "missing"))
	began := time.Now()
	stop := runSurveys(t, surveys)
	owners := []string{<-told, <-told}
	stop()

	a, _ := surveys.Latest("a")
	wantTopics(t, a, "orders", "parcels")
	two, _ := surveys.Latest("b")
	wantTopics(t, two, "missing", "orders")
	if two.Topics["missing"].State != kafka.TopicMissing || two.Topics["orders"].MinInSyncReplicas.Value != 2 || two.Topics["orders"].Partitions.Value != 2 {
		t.Errorf("b: %+v", two.Topics)
	}
	for _, s := range []kafka.ConfigSurvey{a, two} {
		if s.ClusterID != "north" || s.Brokers.Count.Value != 1 || s.Brokers.TransactionLogMinISR.Value != 2 || !wholeSurvey(s) || s.At.Before(began) {
			t.Errorf("%+v", s)
		}
	}
	slices.Sort(owners)
	if diff := cmp.Diff([]string{"a", "b"}, owners); diff != "" || len(told) > 0 {
		t.Errorf("told %d more, and of -want +got:\n%s", len(told), diff)
	}
	const opened = 1 // sarama asks for versions on each connection besides
	if len(*asked) != 1 || metadata.Load() != 1 || versions.Load() != 1+opened {
		t.Errorf("%d DescribeConfigs, %d Metadata, %d ApiVersions", len(*asked), metadata.Load(), versions.Load())
	}
	wantOnce(t, *asked, 2)
}

// TestSurveysCycle: at each interval one reading of everything, with one
// DescribeConfigs for each 1,000 topics, which is what the metrics count.
func TestSurveysCycle(t *testing.T) {
	names := make([]string, 1500)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%04d", i)
	}
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, names...))
	metadata := b.counted(kmsg.Metadata)
	registry := prometheus.NewRegistry()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const readings, owners = 4, 3
	told := 0
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: soon, MetricsRegisterer: registry, OnConfigs: func(string) {
		if told++; told == readings*owners {
			cancel()
		}
	}})
	for i := range owners {
		surveys.Watch(strconv.Itoa(i), b.configs(names[i*500:(i+1)*500]...))
	}
	if err := surveys.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if got := metric(t, registry, "lagrange_kafka_requests_total DescribeConfigs"); got != 2*readings || metadata.Load() != readings {
		t.Errorf("%v DescribeConfigs and %d Metadata in %d readings", got, metadata.Load(), readings)
	}
}

// TestSurveysAreReadTogether: many new owners are one reading of theirs alone, and
// the same subscription again is none.
func TestSurveysAreReadTogether(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "parcels"))
	asked := b.answering(everything(), nil)
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: time.Hour})
	for i := range 500 {
		surveys.Watch(strconv.Itoa(i), b.configs("orders"))
	}
	t.Cleanup(runSurveys(t, surveys))
	first := surveyOf(t, surveys, "0", "a survey", anySurvey)
	for i := range 500 {
		surveys.Watch(strconv.Itoa(i), b.configs("orders"))
		surveys.Watch("new-"+strconv.Itoa(i), b.configs("parcels"))
	}
	for i := range 500 {
		surveyOf(t, surveys, "new-"+strconv.Itoa(i), "a survey of each", wholeSurvey)
	}
	if len(*asked) != 2 {
		t.Fatalf("1,000 owners in two goes took %d readings", len(*asked))
	}
	wantOnce(t, (*asked)[1:], 1)
	if again, _ := surveys.Latest("0"); again.At != first.At {
		t.Error("what is watched unchanged is read with what is new")
	}
}

// TestSurveysFollow: topics that come, go and change, by name and by pattern.
func TestSurveysFollow(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders.eu"))
	surveys := surveyed(t, kafkaadmin.Options{ConfigInterval: soon})
	surveys.Watch("pattern", b.matching(`orders\..*`))
	surveys.Watch("named", b.configs("orders.us"))
	wantTopics(t, surveyOf(t, surveys, "pattern", "a survey", wholeSurvey), "orders.eu")
	if got := surveyOf(t, surveys, "named", "a survey", wholeSurvey); got.Topics["orders.us"].State != kafka.TopicMissing {
		t.Errorf("before it is created: %+v", got.Topics)
	}
	b.createTopic(t, "orders.us", 3)
	for _, owner := range []string{"named", "pattern"} {
		surveyOf(t, surveys, owner, "the new topic", func(s kafka.ConfigSurvey) bool {
			return wholeSurvey(s) && s.Topics["orders.us"].State == kafka.TopicExists && s.Topics["orders.us"].Partitions.Value == 3
		})
	}
	b.set(t, "orders.us", "min.insync.replicas", "2")
	surveyOf(t, surveys, "pattern", "the new value", func(s kafka.ConfigSurvey) bool { return s.Topics["orders.us"].MinInSyncReplicas.Value == 2 })
	if _, err := b.admin(t).DeleteTopic(t.Context(), "orders.eu"); err != nil {
		t.Fatal(err)
	}
	surveyOf(t, surveys, "pattern", "the topic to go", func(s kafka.ConfigSurvey) bool { return len(s.Topics) == 1 && s.Topics["orders.us"].Name != "" })
}

// TestSurveysOfTwoConnections: each is read for its own owners.
func TestSurveysOfTwoConnections(t *testing.T) {
	north := newBroker(t, kfake.NumBrokers(1), kfake.ClusterID("north"), kfake.SeedTopics(1, "orders"))
	south := newBroker(t, kfake.NumBrokers(1), kfake.ClusterID("south"), kfake.SeedTopics(2, "orders"))
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: soon})
	for i, b := range []broker{north, south, north, south} {
		surveys.Watch(strconv.Itoa(i), b.configs("orders"))
	}
	t.Cleanup(runSurveys(t, surveys))
	for i, want := range []string{"north", "south", "north", "south"} {
		got := surveyOf(t, surveys, strconv.Itoa(i), "a survey", wholeSurvey)
		if partitions := got.Topics["orders"].Partitions.Value; got.ClusterID != want || partitions != int32(1+i%2) {
			t.Errorf("owner %d has %d partitions of cluster %q", i, partitions, got.ClusterID)
		}
	}
	for name, b := range map[string]broker{"north": north, "south": south} {
		if got := b.accepted.Load(); got != 1 {
			t.Errorf("%d connections to %s", got, name)
		}
	}
}
