package kafka_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// configured is a cluster of three brokers whose settings are read.
type configured struct {
	*secured
	reader *kafkaadmin.Admin
	// all has every right.
	all kafkaadmin.Connection
}

// brokersSet are what both kinds can be told, and what no broker has by default.
var brokersSet = map[string]string{
	"message.max.bytes": "2000000", "transaction.max.timeout.ms": "60000", "transactional.id.expiration.ms": "3600000",
}

// TestConfigs: what is set is what is read, and what rules find with it.
func TestConfigs(t *testing.T) {
	start := map[string]func(*testing.T) *configured{onFake: fakeConfigured, onApache: apacheConfigured}
	for _, kind := range []string{onFake, onApache} {
		t.Run(kind, func(t *testing.T) {
			x := start[kind](t)
			x.create(t, "good", 3, map[string]string{"min.insync.replicas": "2", "max.message.bytes": "1048588"})
			x.create(t, "bad", 3, x.badSettings())
			t.Run("Brokers", x.brokers)
			t.Run("Topics", x.topics)
			t.Run("Altered", x.altered)
			t.Run("Rules", x.rules)
			t.Run("Denied", x.denied)
			t.Run("Levels", x.levels)
			t.Run("BrokerDown", x.brokerDown)
		})
	}
}

func fakeConfigured(t *testing.T) *configured {
	t.Helper()
	ca, valid, _ := certificates(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.TLS(valid.Server(t, nil)), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("SCRAM-SHA-512", "admin", "admin"), kfake.User("SCRAM-SHA-512", userName, firstPassword),
		kfake.BrokerConfigs(brokersSet), kfake.MaxVersions(kversion.V4_1_0()))
	must(t, "start kfake", err)
	t.Cleanup(cluster.Close)
	s := &stand{kind: onFake, servers: cluster.ListenAddrs(), fake: cluster, options: []kgo.Opt{
		kgo.DialTLSConfig(&tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}),
		kgo.SASL(scram.Auth{User: "admin", Pass: "admin"}.AsSha512Mechanism()),
	}}
	x := &secured{stand: s.connected(t), ca: ca}
	all := x.connection(x.servers, "admin")
	all.Security.SASL.Username = "admin"
	return &configured{secured: x, reader: newReader(t), all: all}
}

func apacheConfigured(t *testing.T) *configured {
	t.Helper()
	ca, valid, _ := certificates(t)
	settings := map[string]string{
		"producer.id.expiration.ms": "600000", "transaction.state.log.min.isr": "2",
		"broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "500",
	}
	for name, value := range brokersSet {
		settings[name] = value
	}
	cluster := startApache(t, apache.Options{
		Brokers: 3, ACLs: true, Users: []apache.User{{Name: userName, Password: firstPassword}}, Settings: settings,
		Listeners: []apache.Listener{{Name: "SECURED", Certificate: valid.Certificate, Key: valid.Key, SCRAM: true}},
	})
	s := &stand{kind: onApache, servers: cluster.Servers("SECURED"), own: cluster.Admin(), apache: cluster}
	x := &secured{stand: s.connected(t), ca: ca}
	return &configured{secured: x, reader: newReader(t), all: kafkaadmin.NewConnection(x.own, "", kafkaauth.Security{})}
}

func newReader(t *testing.T) *kafkaadmin.Admin {
	t.Helper()
	admin := kafkaadmin.NewAdmin(kafkaadmin.Options{})
	ended := make(chan error, 1)
	go func() { ended <- admin.Start(t.Context()) }()
	t.Cleanup(func() { must(t, "end the reader", <-ended) })
	return admin
}

// badSettings are those of a topic that breaks much; kfake knows only some of them.
func (x *configured) badSettings() map[string]string {
	settings := map[string]string{
		"min.insync.replicas": "1", "cleanup.policy": "compact,delete", "compression.type": "zstd", "max.message.bytes": "1000",
		"retention.ms": "3600000", "retention.bytes": "5000000",
	}
	if x.fake == nil {
		settings["unclean.leader.election.enable"] = "true"
		settings["message.timestamp.before.max.ms"] = "1000"
		settings["message.timestamp.after.max.ms"] = "2000"
	}
	return settings
}

func (x *configured) create(t *testing.T, topic string, replicas int16, settings map[string]string) {
	t.Helper()
	values := make(map[string]*string)
	for name, value := range settings {
		values[name] = &value
	}
	_, err := x.admin.CreateTopic(within(t), 2, replicas, values, topic)
	must(t, "create topic "+topic, err)
	eventually(t, "the brokers to know topic "+topic, func() bool {
		read := x.read(t, topic)
		return read.Topics[topic].State == kafka.TopicExists && read.Passing == nil
	})
}

func (x *configured) read(t *testing.T, topics ...string) kafka.ConfigSurvey {
	t.Helper()
	survey, err := x.reader.Configs(within(t), x.all, topics)
	must(t, "read the settings", err)
	return survey
}

// untold is what a cluster leaves out: kfake leaves out what it doesn't do.
func untold[T comparable]() kafka.Setting[T] {
	return kafka.Unknown[T]("the cluster leaves it out")
}

func (x *configured) brokers(t *testing.T) {
	want := kafka.BrokerConfig{
		Count: kafka.Known[int32](3), MessageMaxBytes: kafka.Known[int64](2_000_000), AutoCreateTopics: kafka.Known(false),
		ProducerIDExpiration: kafka.Known(10 * time.Minute), TransactionMaxTimeout: kafka.Known(time.Minute),
		TransactionalIDExpiration: kafka.Known(time.Hour), TransactionLogReplication: kafka.Known[int32](3),
		TransactionLogMinISR: kafka.Known[int32](2), EligibleLeaders: kafka.Known[int16](1), TransactionVersion: kafka.Known[int16](2),
	}
	if x.fake != nil {
		want.AutoCreateTopics, want.ProducerIDExpiration = untold[bool](), untold[time.Duration]()
		want.TransactionLogReplication, want.TransactionLogMinISR = untold[int32](), untold[int32]()
	}
	survey := x.read(t)
	if diff := gocmp.Diff(want, survey.Brokers); diff != "" || survey.Passing != nil {
		t.Errorf("-want +got:\n%s\n%v", diff, survey.Passing)
	}
}

func (x *configured) topics(t *testing.T) {
	want := map[string]kafka.TopicConfig{
		"good": {
			MinInSyncReplicas: kafka.Known[int32](2), MaxMessageBytes: kafka.Known[int64](1_048_588), CleanupPolicy: kafka.Known[kafka.CleanupPolicy]("delete"),
			UncleanElection: kafka.Known(false), CompressionType: kafka.Known("producer"), TimestampType: kafka.Known(kafka.CreateTime),
			TimestampBeforeMax: kafka.Known(kafka.Forever), TimestampAfterMax: kafka.Known(time.Hour),
			Retention: kafka.Known(7 * 24 * time.Hour), RetentionBytes: kafka.Known[int64](-1),
		},
		"bad": {
			MinInSyncReplicas: kafka.Known[int32](1), MaxMessageBytes: kafka.Known[int64](1000), CleanupPolicy: kafka.Known[kafka.CleanupPolicy]("compact,delete"),
			UncleanElection: kafka.Known(true), CompressionType: kafka.Known("zstd"), TimestampType: kafka.Known(kafka.CreateTime),
			TimestampBeforeMax: kafka.Known(time.Second), TimestampAfterMax: kafka.Known(2 * time.Second),
			Retention: kafka.Known(time.Hour), RetentionBytes: kafka.Known[int64](5_000_000),
		},
	}
	for name, topic := range want {
		topic.Name, topic.State = name, kafka.TopicExists
		topic.Partitions, topic.ReplicationFactor = kafka.Known[int32](2), kafka.Known[int32](3)
		if x.fake != nil {
			topic.UncleanElection, topic.TimestampBeforeMax, topic.TimestampAfterMax = untold[bool](), untold[time.Duration](), untold[time.Duration]()
		}
		want[name] = topic
	}
	want["missing"] = kafka.TopicConfig{Name: "missing", State: kafka.TopicMissing}
	survey := x.read(t, "missing", "good", "bad")
	if diff := gocmp.Diff(want, survey.Topics, cmpopts.IgnoreFields(kafka.TopicConfig{}, "ID")); diff != "" || survey.Passing != nil {
		t.Errorf("-want +got:\n%s\n%v", diff, survey.Passing)
	}
	if survey.Topics["good"].ID == survey.Topics["bad"].ID || survey.Topics["good"].ID == (kafka.TopicID{}) {
		t.Errorf("the ids are %v and %v", survey.Topics["good"].ID, survey.Topics["bad"].ID)
	}
}

// altered: a setting that is changed is read as changed, and one that is removed
// as what holds then.
func (x *configured) altered(t *testing.T) {
	x.create(t, "altered", 3, nil)
	for _, value := range []*string{new("compact"), nil} {
		change := kadm.AlterConfig{Op: kadm.SetConfig, Name: "cleanup.policy", Value: value}
		want := kafka.CleanupPolicy("compact")
		if value == nil {
			change.Op, want = kadm.DeleteConfig, "delete"
		}
		results, err := x.admin.AlterTopicConfigs(within(t), []kadm.AlterConfig{change}, "altered")
		must(t, "alter the topic", err)
		must(t, "alter the topic", results[0].Err)
		eventually(t, "cleanup.policy="+string(want), func() bool {
			return x.read(t, "altered").Topics["altered"].CleanupPolicy == kafka.Known(want)
		})
	}
}

// findings are those of a Lossless policy for all clients, with what is read now.
func (x *configured) findings(t *testing.T, topics ...string) []string {
	t.Helper()
	facts := producerpolicy.Facts{Name: "shop/orders", Spec: v1alpha1.KafkaProducerPolicySpec{
		Durability: v1alpha1.Lossless, Clients: []v1alpha1.ProducerClient{v1alpha1.ClientSarama, v1alpha1.ClientJava},
	}}
	survey := x.read(t, topics...)
	facts.Brokers = survey.Brokers
	for _, name := range topics {
		facts.Spec.Topics = append(facts.Spec.Topics, v1alpha1.TopicName(name))
		facts.Topics = append(facts.Topics, survey.Topics[name])
	}
	var ids []string
	for _, f := range producerpolicy.Check(facts) {
		ids = append(ids, strings.TrimSpace(string(f.Severity)+" "+f.Rule+" "+f.Topic))
	}
	return slices.Compact(ids) // one for each client
}

// rules: the findings are those that the settings give. What kfake leaves out is
// told as unknown.
func (x *configured) rules(t *testing.T) {
	const always = "Info failure-overtaken" // of the settings alone, for Java
	x.create(t, "alone", 1, nil)
	cases := map[string]struct{ onApache, onFake []string }{
		"good": {[]string{always}, []string{
			"Unknown dedup-expires", "Unknown timestamps-refused good", "Unknown topics-created-by-accident", "Unknown unclean-election good", always,
		}},
		"bad": {[]string{
			"Error keyless-to-compacted bad", "Error message-above-topic bad", "Error min-isr-too-low bad", "Error timestamps-refused bad", "Error unclean-election bad",
			"Warning message-above-topic bad", "Warning short-retention bad", "Warning timestamps-refused bad", "Warning topic-recompresses bad", always,
		}, []string{
			"Error keyless-to-compacted bad", "Error message-above-topic bad", "Error min-isr-too-low bad",
			"Unknown dedup-expires", "Unknown timestamps-refused bad", "Unknown topics-created-by-accident", "Unknown unclean-election bad",
			"Warning message-above-topic bad", "Warning short-retention bad", "Warning topic-recompresses bad", always,
		}},
		"alone": {[]string{"Error replication-too-low alone", always}, []string{
			"Error replication-too-low alone",
			"Unknown dedup-expires", "Unknown timestamps-refused alone", "Unknown topics-created-by-accident", "Unknown unclean-election alone", always,
		}},
		"missing": {[]string{"Warning topic-missing missing", always}, []string{
			"Unknown dedup-expires", "Unknown topics-created-by-accident", "Warning topic-missing missing", always,
		}},
	}
	for topic, tc := range cases {
		want := tc.onApache
		if x.fake != nil {
			want = tc.onFake
		}
		if diff := gocmp.Diff(want, x.findings(t, topic)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", topic, diff)
		}
	}
}

// denied: a user who may describe one topic, and the settings of another.
func (x *configured) denied(t *testing.T) {
	allow := func(topic string, operations ...kadm.ACLOperation) {
		results, err := x.admin.CreateACLs(within(t), kadm.NewACLs().Allow("User:"+userName).
			ResourcePatternType(kadm.ACLPatternLiteral).Topics(topic).Operations(operations...))
		must(t, "create ACLs", err)
		must(t, "create an ACL", results[0].Err)
	}
	allow("good", kadm.OpDescribe, kadm.OpDescribeConfigs)
	allow("bad", kadm.OpDescribe)
	read := func() kafka.ConfigSurvey {
		survey, err := x.reader.Configs(within(t), x.connection(x.servers, firstPassword), []string{"good", "bad", "alone"})
		must(t, "read the settings", err)
		return survey
	}
	eventually(t, "the ACLs to be in force", func() bool {
		now := read()
		return now.Topics["good"].CleanupPolicy.IsKnown && now.Topics["bad"].State == kafka.TopicExists
	})
	survey := read()
	bad, alone := survey.Topics["bad"], survey.Topics["alone"]
	if !denies(bad.CleanupPolicy) || !denies(bad.MinInSyncReplicas) || bad.ReplicationFactor != kafka.Known[int32](3) {
		t.Errorf("with DESCRIBE alone: %+v", bad)
	}
	if alone.State != kafka.TopicUnread || !strings.Contains(alone.Reason, kafka.ErrUnauthorized.Error()) || alone.Partitions.IsKnown {
		t.Errorf("without any right: %+v", alone)
	}
	if !denies(survey.Brokers.TransactionMaxTimeout) || !denies(survey.Brokers.TransactionLogMinISR) {
		t.Errorf("without DESCRIBE_CONFIGS of the cluster: %+v", survey.Brokers)
	}
	if survey.Brokers.Count.Value != 3 || survey.Brokers.TransactionVersion.Value != 2 || survey.Passing != nil {
		t.Errorf("what needs no right: %+v, %v", survey.Brokers, survey.Passing)
	}
}

func denies[T comparable](setting kafka.Setting[T]) bool {
	return !setting.IsKnown && strings.HasPrefix(setting.Reason, kafka.ErrUnauthorized.Error())
}

// levels: a feature that is turned off is told as such, and found.
func (x *configured) levels(t *testing.T) {
	request := kmsg.NewPtrUpdateFeaturesRequest()
	update := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	update.Feature, update.MaxVersionLevel, update.UpgradeType, update.AllowDowngrade = "eligible.leader.replicas.version", 0, 2, true
	request.FeatureUpdates = append(request.FeatureUpdates, update)
	response, err := request.RequestWith(within(t), x.client)
	must(t, "turn the feature off", err)
	must(t, "turn the feature off", kerr.ErrorForCode(response.ErrorCode))
	eventually(t, "the feature to be off", func() bool {
		return x.read(t).Brokers.EligibleLeaders == kafka.Known[int16](0)
	})
	if got := x.findings(t, "good"); !slices.Contains(got, "Info eligible-leaders-off") {
		t.Errorf("found %q", got)
	}
}

// brokerDown: the broker that was asked so far dies. The next one is asked, and
// two brokers are counted.
func (x *configured) brokerDown(t *testing.T) {
	if x.apache == nil {
		t.Skip("kfake's brokers don't die; internal/kafkaadmin tries brokers that don't answer")
	}
	x.apache.Kill(0)
	eventually(t, "two brokers", func() bool {
		survey, err := x.reader.Configs(within(t), x.all, []string{"good"})
		return err == nil && survey.Brokers.Count == kafka.Known[int32](2) && survey.Passing == nil
	})
	survey := x.read(t, "good")
	if survey.Topics["good"].MinInSyncReplicas != kafka.Known[int32](2) || survey.Brokers.TransactionLogMinISR != kafka.Known[int32](2) {
		t.Errorf("%+v", survey)
	}
	if got := survey.Topics["good"].ReplicationFactor; got != kafka.Known[int32](3) {
		t.Errorf("the replication factor is %v: a broker that is down still has its replicas", got)
	}
}
