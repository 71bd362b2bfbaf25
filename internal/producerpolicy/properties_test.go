package producerpolicy

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestGoodPolicies: each class on a good topic and good brokers has no error, no
// warning and nothing unknown, with and without transactions, for each client.
func TestGoodPolicies(t *testing.T) {
	for _, mods := range [][]func(*Facts){
		{class(v1alpha1.Lossless)}, {class(v1alpha1.AtLeastOnce)}, {bestEffort},
		{class(v1alpha1.Lossless), sarama}, {class(v1alpha1.Lossless), java}, {class(v1alpha1.Lossless), rdk},
		{class(v1alpha1.Lossless), txn, java},
	} {
		facts := good(mods...)
		for _, f := range Check(facts) {
			if f.Severity != v1alpha1.SeverityInfo {
				t.Errorf("durability %q, clients %v: %+v", facts.Spec.Durability, facts.Spec.Clients, f)
			}
		}
	}
}

// TestGoodTransactions: with a transaction of the default timeout the one warning is that
// sarama's and librdkafka's programs have to name it.
func TestGoodTransactions(t *testing.T) {
	want := []string{"Warning librdkafka transaction=a-$(POD_NAME)", "Warning sarama transaction=a-$(POD_NAME)"}
	worse := slices.DeleteFunc(Check(good(txn)), func(f Finding) bool { return f.Severity == v1alpha1.SeverityInfo })
	if diff := cmp.Diff(want, texts(worse)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestNothingKnown: a cluster that tells nothing of a topic but its name passes no rule that needs it.
func TestNothingKnown(t *testing.T) {
	full := good(txn, before(12))
	blind := good(txn, before(12), brokers(func(b *kafka.BrokerConfig) { *b = kafka.BrokerConfig{} }),
		topic(func(t *kafka.TopicConfig) { *t = kafka.TopicConfig{Name: t.Name, State: kafka.TopicExists} }))
	var unknown []string
	for _, f := range Check(blind) {
		if f.Severity == v1alpha1.SeverityUnknown && !slices.Contains(unknown, f.Rule) {
			unknown = append(unknown, f.Rule)
		}
	}
	want := []string{
		"dedup-expires", "eligible-leaders-off", "keyless-to-compacted", "message-above-topic", "min-isr-above-brokers", "min-isr-equals-replicas",
		"min-isr-too-low", "partitions-added", "replication-too-low", "short-retention", "timestamps-refused", "topic-recompresses",
		"topics-created-by-accident", "transaction-log-weak", "transaction-timeout-too-long", "transactional-id-expires", "transactions-share-epochs", "unclean-election",
	}
	if diff := cmp.Diff(want, unknown); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, f := range Check(full) {
		if f.Severity == v1alpha1.SeverityUnknown {
			t.Errorf("unknown although all is told: %+v", f)
		}
	}
}

// FuzzPolicy holds random facts against what is always true; everything comes from the seed.
func FuzzPolicy(f *testing.F) {
	for seed := range uint64(500) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 7))
		facts := randomFacts(r)
		resolvedTwice(t, facts)
		orderIsNothing(t, r, facts)
		onlyAdds(t, r, facts)
		blindnessPassesNothing(t, facts)
	})
}

// resolvedTwice: what was resolved is resolved to itself, and made into the same files.
func resolvedTwice(t *testing.T, facts Facts) {
	t.Helper()
	once := Resolve(facts.Spec)
	again := *facts.Spec.DeepCopy()
	again.Durability, again.ProducerSettings = once.Durability, once.ProducerSettings
	if diff := cmp.Diff(once, Resolve(again)); diff != "" {
		t.Fatalf("resolved again: %s", diff)
	}
	if diff := cmp.Diff(Render("shop/orders", facts.Spec), Render("shop/orders", again)); diff != "" {
		t.Fatalf("rendered again: %s", diff)
	}
	inForce := v1alpha1.ProducerInForce{Settings: once}
	for _, client := range clientsOf(facts.Spec) {
		inForce.Files = append(inForce.Files, v1alpha1.ProducerFile{Client: client})
	}
	if diff := cmp.Diff(Render("shop/orders", facts.Spec), RenderInForce("shop/orders", inForce)); diff != "" {
		t.Fatalf("rendered of what is in force: %s", diff)
	}
}

func orderIsNothing(t *testing.T, r *rand.Rand, facts Facts) {
	t.Helper()
	want := Check(facts)
	if !slices.IsSortedFunc(want, compare) {
		t.Fatalf("not sorted: %v", texts(want))
	}
	r.Shuffle(len(facts.Topics), func(i, j int) { facts.Topics[i], facts.Topics[j] = facts.Topics[j], facts.Topics[i] })
	slices.Reverse(facts.Groups["payments"])
	slices.Reverse(facts.Policies["orders"])
	if diff := cmp.Diff(want, Check(facts)); diff != "" {
		t.Fatalf("the order of topics or groups makes a difference: %s", diff)
	}
}

// onlyAdds: another topic takes no finding away.
func onlyAdds(t *testing.T, r *rand.Rand, facts Facts) {
	t.Helper()
	more := facts
	more.Topics = append(slices.Clone(facts.Topics), randomTopic(r, "more"))
	after := Check(more)
	for _, f := range Check(facts) {
		if !slices.ContainsFunc(after, func(g Finding) bool { return cmp.Equal(f, g) }) {
			t.Fatalf("gone with another topic: %+v", f)
		}
	}
}

// blindnessPassesNothing: where there was an error, hiding everything leaves an
// error or something unknown in its place.
func blindnessPassesNothing(t *testing.T, facts Facts) {
	t.Helper()
	blind := facts
	blind.Brokers, blind.Topics = kafka.BrokerConfig{}, slices.Clone(facts.Topics)
	for i, topic := range blind.Topics {
		if topic.State == kafka.TopicExists {
			blind.Topics[i] = kafka.TopicConfig{Name: topic.Name, State: kafka.TopicExists}
		}
	}
	after := Check(blind)
	for _, f := range Check(facts) {
		if f.Severity == v1alpha1.SeverityError && !slices.ContainsFunc(after, func(g Finding) bool {
			return g.Rule == f.Rule && g.Topic == f.Topic && (g.Severity == v1alpha1.SeverityError || g.Severity == v1alpha1.SeverityUnknown)
		}) {
			t.Fatalf("passes once nothing is told: %+v", f)
		}
	}
}

func randomFacts(r *rand.Rand) Facts {
	facts := good(settings(func(s *v1alpha1.ProducerSettings) { *s = randomSettings(r) }),
		class(one(r, v1alpha1.Lossless, v1alpha1.AtLeastOnce, v1alpha1.BestEffort)))
	r.Shuffle(3, func(i, j int) {
		c := facts.Spec.Clients
		c[i], c[j] = c[j], c[i]
	})
	facts.Spec.Clients = facts.Spec.Clients[:1+r.IntN(3)]
	facts.Topics = nil
	for _, name := range []string{"orders", "payments", "audit"}[:r.IntN(4)] {
		facts.Topics = append(facts.Topics, randomTopic(r, name))
	}
	otherPolicy(one(r, "orders", "audit"), one(r, v1alpha1.PartitionMurmur2, v1alpha1.PartitionCRC32))(&facts)
	group(one(r, "orders", "audit"), one(r, kafka.ReadUncommitted, kafka.ReadCommitted))(&facts)
	group("payments", kafka.ReadUncommitted)(&facts)
	facts.Brokers.TransactionMaxTimeout = kafka.Known(one(r, time.Second, time.Hour))
	facts.Brokers.ProducerIDExpiration = kafka.Known(one(r, time.Second, time.Hour))
	facts.Brokers.Count = kafka.Known(one[int32](r, 1, 3))
	return facts
}

func randomSettings(r *rand.Rand) v1alpha1.ProducerSettings {
	s := v1alpha1.ProducerSettings{
		Acks:        one(r, "", v1alpha1.AcksAll, v1alpha1.AcksLeader, v1alpha1.AcksNone),
		Idempotence: one(r, nil, new(true), new(false)), StopOnError: one(r, nil, new(true), new(false)),
		RetryBudget: of(one(r, 0, time.Second, time.Minute)), DeliveryTimeout: of(one(r, 0, time.Second, time.Minute)),
		RequestTimeout: of(one(r, 0, time.Second, time.Minute)), ResponseTimeout: of(one(r, 0, time.Second, time.Hour)),
		MaxInFlight: one[int32](r, 0, 1, 5, 6), Partitioner: one(r, "", v1alpha1.PartitionFNV1a, v1alpha1.PartitionManual, v1alpha1.PartitionRandom),
		Compression: one(r, "", v1alpha1.CompressionGzip, v1alpha1.CompressionLZ4, v1alpha1.CompressionZstd), CompressionLevel: one[int32](r, 0, 1, 13),
		MaxMessageBytes: one[int32](r, 0, 1000, 2_000_000), RequireKey: r.IntN(2) == 0,
	}
	s.Batch = v1alpha1.ProducerBatch{Linger: of(one(r, 0, time.Second, time.Hour)), Messages: one[int32](r, 0, 10), Bytes: one[int32](r, 0, 10)}
	if r.IntN(2) == 0 {
		s.Transaction = &v1alpha1.ProducerTransaction{ID: one(r, "a", PodName), Timeout: of(one(r, 0, time.Second, time.Hour))}
	}
	return s
}

func randomTopic(r *rand.Rand, name string) kafka.TopicConfig {
	t := goodTopic(name)
	switch r.IntN(5) {
	case 0:
		return kafka.TopicConfig{Name: name, State: kafka.TopicMissing}
	case 1:
		return kafka.TopicConfig{Name: name, State: kafka.TopicUnread, Reason: "denied"}
	}
	t.ReplicationFactor, t.MinInSyncReplicas = kafka.Known(one[int32](r, 1, 2, 3)), kafka.Known(one[int32](r, 1, 2, 3, 4))
	t.CleanupPolicy = kafka.Known(one[kafka.CleanupPolicy](r, "delete", "compact", "compact,delete"))
	t.UncleanElection, t.CompressionType = kafka.Known(r.IntN(2) == 0), kafka.Known(one(r, "producer", "gzip"))
	t.TimestampBeforeMax, t.Retention = kafka.Known(one(r, kafka.Forever, time.Second)), kafka.Known(one(r, kafka.Forever, time.Second))
	return t
}

func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }
