package kafkaadmin_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// TestSurveysOfPatterns: whole names match, and nothing that is internal.
func TestSurveysOfPatterns(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders.eu", "orders.us", "orders", "my.orders", "__orders"))
	if _, err := b.admin(t).CreateTopic(t.Context(), 1, 1, map[string]*string{"kfake.is_internal": new("true")}, "orders.internal"); err != nil {
		t.Fatal(err)
	}
	cases := map[string][]string{
		`orders`:         {"orders"},
		`orders\..*`:     {"orders.eu", "orders.us"},
		`my.*|orders.us`: {"my.orders", "orders.us"},
		`.*`:             {"my.orders", "orders", "orders.eu", "orders.us"},
		`__orders`:       nil,
		`refunds`:        nil,
	}
	metadata, asked := b.counted(kmsg.Metadata), b.counted(kmsg.DescribeConfigs)
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: time.Hour})
	for pattern := range cases {
		surveys.Watch(pattern, b.matching(pattern))
	}
	surveys.Watch("named", b.configs("__orders", "orders"))
	t.Cleanup(runSurveys(t, surveys))
	for pattern, want := range cases {
		t.Run(pattern, func(t *testing.T) {
			got := surveyOf(t, surveys, pattern, "a survey", wholeSurvey)
			wantTopics(t, got, want...)
			for name, topic := range got.Topics {
				if topic.State != kafka.TopicExists || !topic.CleanupPolicy.IsKnown || topic.Partitions.Value != 1 {
					t.Errorf("%s: %+v", name, topic)
				}
			}
		})
	}
	named := surveyOf(t, surveys, "named", "a survey", wholeSurvey)
	wantTopics(t, named, "__orders", "orders")
	if named.Topics["__orders"].State != kafka.TopicExists {
		t.Errorf("who names an internal topic gets it: %+v", named.Topics)
	}
	if metadata.Load() != 1 || asked.Load() != 1 {
		t.Errorf("%d Metadata and %d DescribeConfigs for all", metadata.Load(), asked.Load())
	}
}

// TestSurveysOfNamesBesidePatterns: the list of all topics leaves out what may not
// be seen, which is not the same as missing.
func TestSurveysOfNamesBesidePatterns(t *testing.T) {
	may := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "orders", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationDescribe, Allow: true}
	cases := map[string]struct {
		rights []kfake.Opt
		state  kafka.TopicState
	}{
		"Missing": {nil, kafka.TopicMissing},
		"Hidden":  {[]kfake.Opt{kfake.EnableACLs(), kfake.User("SCRAM-SHA-512", "lagrange", "secret", may)}, kafka.TopicUnread},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			options := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.EnableSASL(), kfake.User("SCRAM-SHA-512", "lagrange", "secret")}
			b := newBroker(t, append(options, tc.rights...)...)
			metadata := b.counted(kmsg.Metadata)
			connection := kafkaadmin.NewConnection(b.addresses, "", lagrange("secret"))
			surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{})
			surveys.Watch("pattern", kafkaadmin.ConfigSubscription{Connection: connection, TopicPattern: ".*"})
			surveys.Watch("named", kafkaadmin.ConfigSubscription{Connection: connection, Topics: []string{"orders", "parcels"}})
			t.Cleanup(runSurveys(t, surveys))
			got := surveyOf(t, surveys, "named", "a survey", wholeSurvey)
			if got.Topics["orders"].State != kafka.TopicExists || got.Topics["parcels"].State != tc.state {
				t.Errorf("%+v", got.Topics)
			}
			wantTopics(t, surveyOf(t, surveys, "pattern", "a survey", wholeSurvey), "orders")
			if metadata.Load() != 2 {
				t.Errorf("%d Metadata, want one of all topics and one of the missing", metadata.Load())
			}
		})
	}
}

// TestSurveysOfNamesThatTheListLeavesOut: those alone are asked for by name, and are
// all there, as those are that were created in between.
func TestSurveysOfNamesThatTheListLeavesOut(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(3, "orders", "late"))
	var named []string
	b.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		topics := request.(*kmsg.MetadataRequest).Topics
		if topics == nil {
			return b.listOf("orders", request), nil, true
		}
		for _, topic := range topics {
			named = append(named, *topic.Topic)
		}
		return nil, nil, false
	})
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: time.Hour})
	surveys.Watch("pattern", b.matching(".*"))
	surveys.Watch("named", b.configs("orders", "late"))
	t.Cleanup(runSurveys(t, surveys))
	got := surveyOf(t, surveys, "named", "a survey", wholeSurvey)
	if late := got.Topics["late"]; late.Partitions.Value != 3 || late.ReplicationFactor.Value != 1 || !late.CleanupPolicy.IsKnown {
		t.Errorf("%+v", late)
	}
	wantTopics(t, surveyOf(t, surveys, "pattern", "a survey", wholeSurvey), "orders")
	if diff := cmp.Diff([]string{"late"}, named); diff != "" {
		t.Errorf("asked for by name -want +got:\n%s", diff)
	}
}

// listOf is an answer with the first broker and one topic of one partition.
func (b broker) listOf(topic string, request kmsg.Request) kmsg.Response {
	response := request.ResponseKind().(*kmsg.MetadataResponse)
	address, _ := net.ResolveTCPAddr("tcp", b.addresses[0])
	response.ClusterID = new("kfake")
	response.Brokers = []kmsg.MetadataResponseBroker{{Host: address.IP.String(), Port: int32(address.Port)}}
	response.Topics = []kmsg.MetadataResponseTopic{{Topic: &topic, Partitions: []kmsg.MetadataResponseTopicPartition{{Replicas: []int32{0}}}}}
	return response
}

func lagrange(password string) kafkaauth.Security {
	return kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA512, Username: "lagrange", Password: password}}
}

// TestSurveysOfThousandsByPattern: no request more than for the same topics by name.
func TestSurveysOfThousandsByPattern(t *testing.T) {
	names := make([]string, 2500)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%04d", i)
	}
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, append(names, "other")...))
	metadata, asked := b.counted(kmsg.Metadata), b.answering(everything(), nil)
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{ConfigInterval: time.Hour})
	surveys.Watch("a", b.matching(`topic-\d+`))
	surveys.Watch("b", b.configs("topic-0000", "topic-2499"))
	t.Cleanup(runSurveys(t, surveys))
	got := surveyOf(t, surveys, "a", "a survey", wholeSurvey)
	wantTopics(t, got, names...)
	for name, topic := range got.Topics {
		if topic.MinInSyncReplicas != kafka.Known[int32](2) {
			t.Fatalf("%s: %+v", name, topic)
		}
	}
	wantTopics(t, surveyOf(t, surveys, "b", "a survey", wholeSurvey), "topic-0000", "topic-2499")
	if len(*asked) != 3 || metadata.Load() != 1 {
		t.Errorf("%d DescribeConfigs and %d Metadata", len(*asked), metadata.Load())
	}
	wantOnce(t, *asked, len(names))
}

// TestSurveysOfABrokenPattern: it is the owner's alone.
func TestSurveysOfABrokenPattern(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	surveys := surveyed(t, kafkaadmin.Options{ConfigInterval: soon})
	surveys.Watch("broken", b.matching(`orders)|(.*`))
	surveys.Watch("well", b.matching(`ord.*`))
	broken := surveyOf(t, surveys, "broken", "a survey", anySurvey)
	wantKinds(t, broken.Err, kafka.ErrInvalid)
	if len(broken.Topics) != 0 || broken.Whole {
		t.Errorf("%+v", broken)
	}
	wantTopics(t, surveyOf(t, surveys, "well", "a survey", wholeSurvey), "orders")
}
