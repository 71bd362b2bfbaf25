package kafkaadmin_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// TestConfigsOfTopicsUnread: nothing is known of a topic that the cluster does not
// list, which is not the same as missing.
func TestConfigsOfTopicsUnread(t *testing.T) {
	cases := map[string]struct {
		err     *kerr.Error
		reason  string
		passing error
	}{
		"Denied": {kerr.TopicAuthorizationFailed, "not authorized", nil},
		"Busy":   {kerr.LeaderNotAvailable, "temporarily unavailable", kafka.ErrUnavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			b.listing(tc.err.Code, nil)
			survey := b.configsOf(t, "orders")
			got := survey.Topics["orders"]
			if !strings.Contains(got.Reason, tc.reason) {
				t.Errorf("the reason is %q", got.Reason)
			}
			if want := (kafka.TopicConfig{Name: "orders", State: kafka.TopicUnread, Reason: got.Reason}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			wantPassing(t, survey, tc.passing)
		})
	}
}

func wantPassing(t *testing.T, survey kafka.ConfigSurvey, kind error) {
	t.Helper()
	if kind != nil {
		wantKinds(t, survey.Passing, kind)
	} else if survey.Passing != nil {
		t.Errorf("it does not pass: %v", survey.Passing)
	}
	if survey.Whole != (kind == nil) {
		t.Errorf("whole: %t, with %v", survey.Whole, survey.Passing)
	}
}

// TestConfigsDenied: what one right is missing for is unknown, and all else is known.
func TestConfigsDenied(t *testing.T) {
	const topic, cluster = "not authorized: The client is not authorized to access this topic", "not authorized: The client is not authorized to send this request type"
	cases := map[string]struct {
		resource string
		err      *kerr.Error
		topic    string // why the topic's are not known
		brokers  string // and the brokers'
		passing  error
	}{
		"Topic":   {"orders", kerr.TopicAuthorizationFailed, topic, "", nil},
		"Brokers": {"0", kerr.ClusterAuthorizationFailed, "", cluster, nil},
		"Refused": {"0", kerr.InvalidRequest, "", "rejected by the broker: ", nil},
		"Deleted": {"orders", kerr.UnknownTopicOrPartition, "temporarily unavailable: ", "", kafka.ErrUnavailable},
		"Busy":    {"0", kerr.RequestTimedOut, "", "temporarily unavailable: ", kafka.ErrUnavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "parcels"))
			b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Resource: tc.resource, Err: tc.err, Count: forever})
			survey := b.configsOf(t, "orders", "parcels")
			wantReason(t, "orders", survey.Topics["orders"].CleanupPolicy, tc.topic)
			wantReason(t, "parcels", survey.Topics["parcels"].CleanupPolicy, "")
			wantReason(t, "brokers", survey.Brokers.TransactionMaxTimeout, tc.brokers)
			if survey.Topics["orders"].Partitions.Value != 1 || survey.Brokers.Count.Value != 1 || !survey.Brokers.TransactionVersion.IsKnown {
				t.Errorf("what is told otherwise: %+v", survey)
			}
			wantPassing(t, survey, tc.passing)
		})
	}
}

// wantReason: the setting is known where there is no reason, and otherwise has this one and no value.
func wantReason[T comparable](t *testing.T, what string, setting kafka.Setting[T], reason string) {
	t.Helper()
	var none T
	if setting.IsKnown != (reason == "") || !strings.HasPrefix(setting.Reason, reason) || !setting.IsKnown && setting.Value != none {
		t.Errorf("%s: got %+v, want the reason %q", what, setting, reason)
	}
}

// TestConfigsByACLs: on a cluster with ACLs, DESCRIBE of one topic alone.
func TestConfigsByACLs(t *testing.T) {
	may := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "orders", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationDescribe, Allow: true}
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "parcels"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.User("SCRAM-SHA-512", "lagrange", "secret", may))
	connection := kafkaadmin.NewConnection(b.addresses, "", kafkaauth.Security{
		SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA512, Username: "lagrange", Password: "secret"}})
	survey, err := newAdmin(t, kafkaadmin.Options{}).Configs(t.Context(), connection, []string{"orders", "parcels"})
	if err != nil {
		t.Fatal(err)
	}
	orders := survey.Topics["orders"]
	wantReason(t, "orders", orders.MinInSyncReplicas, "not authorized")
	wantReason(t, "brokers", survey.Brokers.MessageMaxBytes, "not authorized")
	if orders.State != kafka.TopicExists || orders.Partitions.Value != 1 || survey.Topics["parcels"].State != kafka.TopicUnread {
		t.Errorf("%+v", survey.Topics)
	}
	wantPassing(t, survey, nil)
}

// TestConfigsHidden: what is hidden, left out or unheard of is not known, and what
// is beside it is.
func TestConfigsHidden(t *testing.T) {
	const name = "min.insync.replicas"
	with := func(value *string) told {
		settings := everything()
		settings[name] = value
		return settings
	}
	sensitive := func(r *kmsg.DescribeConfigsResponseResource) {
		for i := range r.Configs {
			r.Configs[i].IsSensitive = r.Configs[i].Name == name // with its value, which no broker of Kafka's sends
		}
	}
	leftOut := everything()
	delete(leftOut, name)
	cases := map[string]struct {
		settings told
		change   func(*kmsg.DescribeConfigsResponseResource)
		reason   string
	}{
		"Sensitive": {everything(), sensitive, "the cluster keeps its value secret"},
		"Null":      {with(nil), nil, "the cluster gives no value"},
		"LeftOut":   {leftOut, nil, "the cluster leaves it out"},
		"Text":      {with(new("two")), nil, `the cluster gives the value "two", which is none`},
		"TooLarge":  {with(new("4294967298")), nil, `the cluster gives the value "4294967298", which is none`},
		"Told":      {everything(), nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			b.answering(tc.settings, tc.change)
			survey := b.configsOf(t, "orders")
			wantReason(t, "min.insync.replicas", survey.Topics["orders"].MinInSyncReplicas, tc.reason)
			wantReason(t, "retention.bytes", survey.Topics["orders"].RetentionBytes, "")
			wantPassing(t, survey, nil)
		})
	}
}

// TestConfigsLeftOutWhole: a service that answers for topics alone.
func TestConfigsLeftOutWhole(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.answering(everything(), func(r *kmsg.DescribeConfigsResponseResource) {
		if r.ResourceType == kmsg.ConfigResourceTypeBroker {
			r.ResourceName = "another"
		}
	})
	survey := b.configsOf(t, "orders")
	wantReason(t, "orders", survey.Topics["orders"].Retention, "")
	wantReason(t, "brokers", survey.Brokers.AutoCreateTopics, "rejected by the broker: the answer leaves it out")
}

// TestConfigsWithoutLevels: a cluster that does not tell the levels of features
// has no levels of 0.
func TestConfigsWithoutLevels(t *testing.T) {
	cases := map[string]struct {
		version *kversion.Versions
		want    kafka.Setting[int16]
	}{
		"3.9":    {kversion.V3_9_0(), kafka.Known[int16](0)},
		"4.0":    {kversion.V4_0_0(), kafka.Known[int16](0)},
		"4.1":    {kversion.V4_1_0(), kafka.Known[int16](1)},
		"2.8":    {kversion.V2_8_0(), kafka.Unknown[int16]("the brokers don't tell the levels of features")},
		"Before": {kversion.V2_3_0(), kafka.Unknown[int16]("the brokers don't tell the levels of features")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.MaxVersions(tc.version))
			if got := b.configsOf(t, "orders").Brokers.EligibleLeaders; got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}
