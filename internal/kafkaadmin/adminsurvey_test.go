package kafkaadmin_test

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

func aboutOrders(group string) kafkaadmin.Question {
	return kafkaadmin.Question{GroupID: group, Topics: []string{"orders"}}
}

// survey is one that must succeed.
func (b broker) survey(t testing.TB, q kafkaadmin.Question) kafka.Survey {
	t.Helper()
	survey, err := newAdmin(t, kafkaadmin.Options{}).Survey(t.Context(), b.connection(), q)
	if err != nil {
		t.Fatal(err)
	}
	return survey
}

// commitWith makes one commit with metadata.
func (b broker) commitWith(t testing.TB, group string, at kafka.TopicPartition, commit kafka.Commit) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: at.Topic, Partition: at.Partition, At: commit.Offset, LeaderEpoch: -1, Metadata: commit.Metadata})
	if err := b.admin(t).CommitAllOffsets(t.Context(), group, offsets); err != nil {
		t.Fatal(err)
	}
}

// produceAt appends a record of each time to the partition.
func (b broker) produceAt(t testing.TB, to kafka.TopicPartition, times ...time.Time) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, at := range times {
		record := &kgo.Record{Topic: to.Topic, Partition: to.Partition, Timestamp: at, Value: []byte("x")}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSurvey(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(3, "orders"), kfake.SeedTopics(1, "parcels"), kfake.ClusterID("north"))
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	ms := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Millisecond) }
	b.produceAt(t, partition(0), ms(0), ms(10), ms(20), ms(30))
	b.produceAt(t, partition(1), ms(0), ms(1))
	if err := b.DeleteRecords("orders", 0, 1); err != nil {
		t.Fatal(err)
	}
	b.commitWith(t, "billing", partition(0), kafka.Commit{Offset: 2, Metadata: "map"})
	b.commitWith(t, "shipping", partition(1), kafka.Commit{Offset: 1, Metadata: "other"})

	began := time.Now()
	survey := b.survey(t, kafkaadmin.Question{
		GroupID: "billing", Topics: []string{"parcels", "orders", "orders"}, SourceGroup: "shipping",
		At: ms(10).Add(time.Microsecond), // so that the record of 10 ms is before it
	})
	none := kafka.Commit{Offset: kafka.NoOffset}
	want := kafka.Survey{
		GroupID: "billing", ClusterID: "north", MayCommit: true, MayDelete: true,
		Membership: kafka.Membership{Type: kafka.TypeClassic, State: kafka.StateEmpty, Known: true},
		Topics: []kafka.SurveyedTopic{
			{Name: "orders", ID: b.TopicInfo("orders").TopicID, MayCommit: true, Partitions: []kafka.SurveyedPartition{
				{Committed: kafka.Commit{Offset: 2, Metadata: "map"}, Source: none, Start: 1, End: 4, AtTime: 2},
				{Committed: none, Source: kafka.Commit{Offset: 1, Metadata: "other"}, Start: 0, End: 2, AtTime: kafka.NoOffset},
				{Committed: none, Source: none, AtTime: kafka.NoOffset},
			}},
			{Name: "parcels", ID: b.TopicInfo("parcels").TopicID, MayCommit: true, Partitions: []kafka.SurveyedPartition{{Committed: none, Source: none, AtTime: kafka.NoOffset}}},
		},
	}
	if diff := cmp.Diff(want, survey, cmpopts.IgnoreFields(kafka.Survey{}, "At")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if survey.At.Before(began) || survey.At.After(time.Now()) {
		t.Errorf("read at %v, asked at %v", survey.At, began)
	}
	if exact := b.survey(t, kafkaadmin.Question{GroupID: "billing", Topics: []string{"orders"}, At: ms(10)}); exact.Topics[0].Partitions[0].AtTime != 1 {
		t.Errorf("at the time of the record: %+v", exact.Topics[0].Partitions[0])
	}
	without := b.survey(t, aboutOrders("billing")).Topics[0].Partitions[0]
	if without.AtTime != kafka.NoOffset || without.Source != none {
		t.Errorf("nobody asked: %+v", without)
	}
}

// A topic made a moment ago is surveyed: the reset would leave it out for ever.
func TestSurveyByPattern(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders", "parcels"))
	admin := newAdmin(t, kafkaadmin.Options{})
	q := kafkaadmin.Question{GroupID: "billing", TopicPattern: "orders.*"}
	names := func() (names []string) {
		survey, err := admin.Survey(t.Context(), b.connection(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range survey.Topics {
			names = append(names, topic.Name)
		}
		return names
	}
	if got := names(); !cmp.Equal(got, []string{"orders"}) {
		t.Errorf("got %v", got)
	}
	b.createTopic(t, "orders-2", 1)
	if got := names(); !cmp.Equal(got, []string{"orders", "orders-2"}) {
		t.Errorf("got %v, with one more topic", got)
	}
	for pattern, kind := range map[string]error{"none-.*": kafka.ErrTopicMissing, "(": kafka.ErrInvalid, "": kafka.ErrInvalid} {
		_, err := admin.Survey(t.Context(), b.connection(), kafkaadmin.Question{GroupID: "billing", TopicPattern: pattern})
		wantKinds(t, err, kind)
	}
}

// Pitfall A13: a consumer of read_committed gets to the last stable offset.
func TestSurveyOfAnOpenTransaction(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	b.produce(t, "orders", 0, 2)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.TransactionalID("tx"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	open := &kgo.Record{Topic: "orders", Value: []byte("x"), Timestamp: time.Now().Add(time.Hour)}
	if err := client.ProduceSync(t.Context(), open).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for isolation, end := range map[kafka.Isolation]int64{"": 3, kafka.ReadUncommitted: 3, kafka.ReadCommitted: 2} {
		q := aboutOrders("billing")
		q.Isolation = isolation
		if got := b.survey(t, q).Topics[0].Partitions[0].End; got != end {
			t.Errorf("%q: the end is %d, want %d", isolation, got, end)
		}
	}
}

// A survey has all of its parts, or none.
func TestSurveyFails(t *testing.T) {
	second := func(key kmsg.Key, code *kerr.Error) kfake.Fault {
		return kfake.Fault{Keys: []kmsg.Key{key}, Topic: "orders", Partitions: []int32{1, 2}, Err: code}
	}
	ofGroup := func(key kmsg.Key, code *kerr.Error) kfake.Fault {
		return kfake.Fault{Keys: []kmsg.Key{key}, Group: "billing", Err: code}
	}
	cases := map[string]struct {
		fault kfake.Fault
		kind  error
		text  string
	}{
		"Leader":     {second(kmsg.ListOffsets, kerr.NotLeaderForPartition), kafka.ErrUnavailable, `read the log start of partition "orders-1"`},
		"Topic":      {kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "orders", Err: kerr.TopicAuthorizationFailed}, kafka.ErrUnauthorized, `list the partitions of topic "orders"`},
		"Commit":     {second(kmsg.OffsetFetch, kerr.TopicAuthorizationFailed), kafka.ErrUnauthorized, `read the committed offset of partition "orders-1"`},
		"Unstable":   {second(kmsg.OffsetFetch, kerr.UnstableOffsetCommit), kafka.ErrUnavailable, `read the committed offset of partition "orders-1"`},
		"Group":      {ofGroup(kmsg.OffsetFetch, kerr.CoordinatorLoadInProgress), kafka.ErrUnavailable, `read the committed offsets of group "billing"`},
		"Described":  {ofGroup(kmsg.DescribeGroups, kerr.GroupAuthorizationFailed), kafka.ErrUnauthorized, `describe group "billing"`},
		"Moved":      {ofGroup(kmsg.DescribeGroups, kerr.NotCoordinator), kafka.ErrUnavailable, `describe group "billing"`},
		"LookUp":     {ofGroup(kmsg.FindCoordinator, kerr.CoordinatorNotAvailable), kafka.ErrUnavailable, `find the coordinator of group "billing"`},
		"List":       {kfake.Fault{Keys: []kmsg.Key{kmsg.ListGroups}, TopLevel: true, Err: kerr.CoordinatorLoadInProgress}, kafka.ErrUnavailable, "list the groups"},
		"SourceLost": {kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Group: "shipping", Err: kerr.GroupAuthorizationFailed}, kafka.ErrUnauthorized, `read the committed offsets of group "shipping"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(4, "orders"))
			b.commit(t, "billing", "orders", 0, 0)
			b.Fault(tc.fault)
			q := aboutOrders("billing")
			q.SourceGroup = "shipping"
			admin := newAdmin(t, kafkaadmin.Options{})
			survey, err := admin.Survey(t.Context(), b.connection(), q)
			wantKinds(t, err, tc.kind)
			if want := `survey group "billing": ` + tc.text; !strings.HasPrefix(fmt.Sprint(err), want) || survey.Topics != nil {
				t.Errorf("got %+v and %v, want %s", survey, err, want)
			}
			if _, err := admin.Survey(t.Context(), b.connection(), q); err != nil {
				t.Errorf("the next: %v", err)
			}
		})
	}
}

func TestSurveyOfTopicsThatAreNot(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"), kfake.AllowAutoTopicCreation())
	admin := newAdmin(t, kafkaadmin.Options{})
	_, err := admin.Survey(t.Context(), b.connection(), kafkaadmin.Question{GroupID: "billing", Topics: []string{"orders", "ordres"}})
	wantKinds(t, err, kafka.ErrTopicMissing)
	if b.TopicInfo("ordres") != nil {
		t.Error("the typo created a topic")
	}
	_, err = admin.Survey(t.Context(), b.connection(), kafkaadmin.Question{GroupID: "billing", Topics: []string{"orders"}, At: time.Unix(-1, 0)})
	wantKinds(t, err, kafka.ErrInvalid) // it would read as one of the ends
}

// Who leads nothing can't be asked: its partition must not be left out.
func TestSurveyOfAPartitionWithoutLeader(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	b.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		host, port, _ := net.SplitHostPort(b.addresses[0])
		number, _ := strconv.ParseInt(port, 10, 32)
		response.Brokers = []kmsg.MetadataResponseBroker{{Host: host, Port: int32(number)}}
		response.Topics = []kmsg.MetadataResponseTopic{{Topic: kmsg.StringPtr("orders"), Partitions: []kmsg.MetadataResponseTopicPartition{{}, {Partition: 1, Leader: -1}}}}
		return response, nil, true
	})
	_, err := newAdmin(t, kafkaadmin.Options{}).Survey(t.Context(), b.connection(), aboutOrders("billing"))
	wantKinds(t, err, kafka.ErrUnavailable)
	if !strings.Contains(fmt.Sprint(err), `"orders-1"`) {
		t.Errorf("got %v, want the partition named", err)
	}
}

// All of it in as few requests as one topic takes, and all of it right.
func TestSurveyOfManyPartitions(t *testing.T) {
	const many = 10_000
	b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(many, "orders"))
	admin := newAdmin(t, kafkaadmin.Options{})
	if err := admin.Commit(t.Context(), b.connection(), "billing", commitsAt(many, strings.Repeat("m", 60))); err != nil {
		t.Fatal(err)
	}
	lists, fetches := b.counted(kmsg.ListOffsets), b.counted(kmsg.OffsetFetch)
	q := aboutOrders("billing")
	q.At = time.Now()
	survey, err := admin.Survey(t.Context(), b.connection(), q)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range survey.Topics[0].Partitions {
		if p.Committed.Offset != int64(10*i) || len(p.Committed.Metadata) != 60 || p.AtTime != kafka.NoOffset {
			t.Fatalf("partition %d: %+v", i, p)
		}
	}
	if got := len(survey.Topics[0].Partitions); got != many || lists.Load() != 9 || fetches.Load() > 2 {
		t.Errorf("%d partitions, %d ListOffsets to three leaders, %d OffsetFetch", got, lists.Load(), fetches.Load())
	}
}

// Fact 7: DescribeGroups alone would call it dead, and so free to be reset.
func TestMembersOfKIP848(t *testing.T) {
	untyped := kversion.V4_2_0()
	untyped.SetMaxKeyVersion(int16(kmsg.ListGroups), 4)
	for name, versions := range map[string]*kversion.Versions{"Listed": kversion.V4_2_0(), "Unlisted": untyped} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.SeedTopics(2, "orders"), kfake.MaxVersions(versions))
			consumeByKIP848(t, b, "billing", "pod-a")
			admin := newAdmin(t, kafkaadmin.Options{})
			answerDead(b)
			var members kafka.Membership
			eventually(t, "the member", func() bool {
				var err error
				members, err = admin.Membership(t.Context(), b.connection(), "billing")
				return err == nil && members.State == kafka.StateStable
			})
			if members.Type != kafka.TypeConsumer || !members.Known || members.Empty() || len(members.Members) != 1 || members.Members[0].ClientID != "pod-a" {
				t.Errorf("got %+v", members)
			}
			survey, err := admin.Survey(t.Context(), b.connection(), aboutOrders("billing"))
			if err != nil || survey.Empty() || !survey.MayDelete {
				t.Errorf("got %+v, %v", survey, err)
			}
		})
	}
}

func TestMembersOfNobody(t *testing.T) {
	for name, versions := range map[string]*kversion.Versions{"New": kversion.V4_2_0(), "Old": kversion.V2_8_0()} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.SeedTopics(1, "orders"), kfake.MaxVersions(versions))
			survey := b.survey(t, aboutOrders("nobody"))
			if survey.Known || !survey.Empty() || survey.State != kafka.StateDead || survey.Topics[0].Partitions[0].Committed.Offset != kafka.NoOffset {
				t.Errorf("got %+v", survey)
			}
			b.commit(t, "somebody", "orders", 0, 1)
			if survey := b.survey(t, aboutOrders("somebody")); !survey.Known || !survey.Empty() || survey.State != kafka.StateEmpty {
				t.Errorf("got %+v", survey)
			}
		})
	}
}

func TestSurveyRefusesGroupsWithoutConsumers(t *testing.T) {
	for _, kind := range []string{"share", "streams"} {
		b := newBroker(t, kfake.SeedTopics(1, "orders"))
		listAs(b, "billing", kind)
		admin := newAdmin(t, kafkaadmin.Options{})
		_, err := admin.Survey(t.Context(), b.connection(), aboutOrders("billing"))
		wantKinds(t, err, kafka.ErrUnsupported)
		_, err = admin.Membership(t.Context(), b.connection(), "billing")
		wantKinds(t, err, kafka.ErrUnsupported)
	}
}

// A list that is refused leaves the kind unknown, and the group readable.
func TestSurveyWithoutAList(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	b.commit(t, "billing", "orders", 0, 1)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListGroups}, TopLevel: true, Err: kerr.ClusterAuthorizationFailed, Count: forever})
	if survey := b.survey(t, aboutOrders("billing")); survey.Type != kafka.TypeUnknown || !survey.Known || survey.State != kafka.StateEmpty {
		t.Errorf("got %+v", survey.Membership)
	}
}

// A group of a kind that is not known, and that no protocol tells of, is not free
// because it is called dead.
func TestSurveyOfADeadGroupWithCommits(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"), kfake.MaxVersions(kversion.V3_6_0()))
	b.commit(t, "billing", "orders", 0, 1)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListGroups}, TopLevel: true, Err: kerr.ClusterAuthorizationFailed, Count: forever})
	answerDead(b)
	_, err := newAdmin(t, kafkaadmin.Options{}).Survey(t.Context(), b.connection(), aboutOrders("billing"))
	wantKinds(t, err, kafka.ErrUnsupported)
}

// Brokers before 2.5 answer without waiting for transactions: their commits may
// change after they were read.
func TestSurveyNeedsStableOffsets(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"), kfake.MaxVersions(kversion.V2_4_0()))
	_, err := newAdmin(t, kafkaadmin.Options{}).Survey(t.Context(), b.connection(), aboutOrders("billing"))
	wantKinds(t, err, kafka.ErrUnsupported)
	for version, want := range map[string]error{"2.4.0": kafka.ErrUnsupported, "2.5.0": nil} {
		held := kafkaadmin.NewConnection(newBroker(t, kfake.SeedTopics(1, "orders")).addresses, version, kafkaauth.Security{})
		if _, err := newAdmin(t, kafkaadmin.Options{}).Survey(t.Context(), held, aboutOrders("billing")); !errors.Is(err, want) {
			t.Errorf("held to %s: %v", version, err)
		}
	}
}

// What a reset needs to commit, and to restore that there was no commit, is known
// before it has stopped anybody.
func TestRights(t *testing.T) {
	const sasl = "SCRAM-SHA-256"
	allow := func(resource kmsg.ACLResourceType, operations ...kmsg.ACLOperation) (acls []kfake.ACL) {
		for _, operation := range operations {
			acls = append(acls, kfake.ACL{Resource: resource, Name: "*", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true})
		}
		return acls
	}
	group := func(operations ...kmsg.ACLOperation) []kfake.ACL {
		return append(allow(kmsg.ACLResourceTypeGroup, operations...), allow(kmsg.ACLResourceTypeTopic, kmsg.ACLOperationRead)...)
	}
	half := append(allow(kmsg.ACLResourceTypeGroup, kmsg.ACLOperationRead), allow(kmsg.ACLResourceTypeTopic, kmsg.ACLOperationDescribe)...)
	orders := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "orders", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationRead, Allow: true}
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "parcels"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.User(sasl, "half", "pass", append(half, orders)...),
		kfake.User(sasl, "reader", "pass", group(kmsg.ACLOperationRead)...),
		kfake.User(sasl, "deleter", "pass", group(kmsg.ACLOperationRead, kmsg.ACLOperationDelete)...),
		kfake.User(sasl, "viewer", "pass", group(kmsg.ACLOperationDescribe)...))
	admin := newAdmin(t, kafkaadmin.Options{})
	as := func(user string) kafkaadmin.Connection {
		return kafkaadmin.NewConnection(b.addresses, "", kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA256, Username: user, Password: "pass"}})
	}
	type may struct{ commit, delete, orders, parcels bool }
	for user, want := range map[string]may{
		"reader": {commit: true, orders: true, parcels: true}, "deleter": {true, true, true, true},
		"viewer": {orders: true, parcels: true}, "half": {commit: true, orders: true},
	} {
		survey, err := admin.Survey(t.Context(), as(user), kafkaadmin.Question{GroupID: "billing", Topics: []string{"orders", "parcels"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := (may{survey.MayCommit, survey.MayDelete, survey.Topics[0].MayCommit, survey.Topics[1].MayCommit}); got != want {
			t.Errorf("%s: %+v, want %+v", user, got, want)
		}
	}
	parcels := []kafka.PartitionCommit{{TopicPartition: kafka.TopicPartition{Topic: "parcels"}, Commit: kafka.Commit{Offset: 1}}}
	wantKinds(t, admin.Commit(t.Context(), as("half"), "billing", parcels), kafka.ErrUnauthorized)
	if err := admin.Commit(t.Context(), as("reader"), "billing", commitsAt(1, "")); err != nil {
		t.Error(err)
	}
	one := []kafka.TopicPartition{partition(0)}
	wantKinds(t, admin.Delete(t.Context(), as("reader"), "billing", one), kafka.ErrUnauthorized)
	wantKinds(t, admin.Commit(t.Context(), as("viewer"), "billing", commitsAt(1, "")), kafka.ErrUnauthorized)
	if err := admin.Delete(t.Context(), as("deleter"), "billing", one); err != nil {
		t.Error(err)
	}
}
