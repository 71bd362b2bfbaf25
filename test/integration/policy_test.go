package integration

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// TestPolicyAccepted: a policy that its topics keep is accepted, says what it
// comes to and what is in force, and is written no more while nothing changes.
func TestPolicyAccepted(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), soundBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	p := policy(ns, "orders", kafka.address(), func(p *v1alpha1.KafkaProducerPolicy) {
		p.Spec.Clients = []v1alpha1.ProducerClient{v1alpha1.ClientJava, v1alpha1.ClientSarama}
	})
	create(t, p)
	s := wantVerdict(t, p, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonNoErrors)
	now, err := policyNow(p)
	if err != nil {
		t.Fatal(err)
	}
	want := &v1alpha1.ProducerInForce{Generation: 1, Settings: producerpolicy.Resolve(now.Spec)}
	for _, f := range producerpolicy.Render(ns+"/orders", now.Spec) {
		want.Files = append(want.Files, v1alpha1.ProducerFile{Client: f.Client, Name: f.Name, Hash: f.Hash})
	}
	if diff := cmp.Diff(want, s.InForce); diff != "" || len(want.Files) != 2 {
		t.Errorf("in force, -want +have:\n%s", diff)
	}
	if s.ClusterID != t.Name() || s.TopicCount != 1 || len(s.Topics) != 1 || s.Topics[0].Partitions != 12 || s.Effective.Acks != v1alpha1.AcksAll {
		t.Errorf("cluster %q, %d topics %+v, effective %+v", s.ClusterID, s.TopicCount, s.Topics, s.Effective)
	}
	wantPolicyEvent(t, p, corev1.EventTypeNormal, "InForce", "generation 1")
	kafka.surveys(t, 4)
	if later, err := policyNow(p); err != nil || later.ResourceVersion != now.ResourceVersion {
		t.Errorf("written again without news: %v, %+v", err, cmp.Diff(now.Status, later.Status))
	}
}

// surveys waits for n more looks at topics.
func (b *broker) surveys(t *testing.T, n int64) {
	t.Helper()
	asked := b.count(kmsg.DescribeConfigs, func(kmsg.Request) bool { return true })
	eventually(t, func() error {
		if have := asked.Load(); have < n {
			return fmt.Errorf("%d surveys, want %d", have, n)
		}
		return nil
	})
}

// TestPolicyDenied: with Deny errors keep what was accepted before in force, also
// over a restart, and nothing where nothing was.
func TestPolicyDenied(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12}) // one replica: Lossless can't be kept
	stop := startManager(t, managerOptions{}, ns)
	deny := func(p *v1alpha1.KafkaProducerPolicy) { p.Spec.Enforcement = v1alpha1.EnforcementDeny }
	first, later := policy(ns, "first", kafka.address(), deny), policy(ns, "later", kafka.address(), deny, func(p *v1alpha1.KafkaProducerPolicy) {
		p.Spec.Durability = v1alpha1.BestEffort
	})
	create(t, first)
	create(t, later)
	if s := wantVerdict(t, first, v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonDeniedWithoutPredecessor); s.InForce != nil || s.FindingCounts.Errors == 0 {
		t.Errorf("in force without being accepted: %+v, %+v", s.InForce, s.FindingCounts)
	}
	wantVerdict(t, first, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonDeniedWithoutPredecessor)
	accepted := wantVerdict(t, later, v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonNoErrors).InForce
	changePolicy(t, later, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Durability = v1alpha1.Lossless })
	denied := func() {
		t.Helper()
		s := wantVerdict(t, later, v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonDenied)
		if diff := cmp.Diff(accepted, s.InForce); diff != "" || s.Effective.Durability != v1alpha1.Lossless {
			t.Errorf("in force, -accepted +now:\n%s", diff)
		}
		c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
		if lacks := mentions(c.Message, "generation 1 stay in force", "replication-too-low"); lacks != nil {
			t.Error(lacks)
		}
	}
	denied()
	wantPolicyEvent(t, later, corev1.EventTypeWarning, v1alpha1.ReasonDenied, "generation 1")
	stop()
	startManager(t, managerOptions{}, ns)
	kafka.surveys(t, 3)
	denied()
	changePolicy(t, later, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Enforcement = v1alpha1.EnforcementWarn })
	if s := wantVerdict(t, later, v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonErrorsTold); s.InForce.Settings.Durability != v1alpha1.Lossless {
		t.Errorf("not in force: %+v", s.InForce)
	}
}

// TestPolicyFollowsTopics: what is found changes with the topics: one that comes
// later, and one that gets more partitions.
func TestPolicyFollowsTopics(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), soundBroker(t, map[string]int32{"payments": 6})
	startManager(t, managerOptions{}, ns)
	named := policy(ns, "named", kafka.address())
	matching := policy(ns, "matching", kafka.address(), func(p *v1alpha1.KafkaProducerPolicy) {
		p.Spec.Topics, p.Spec.TopicPattern = nil, "order.*"
	})
	create(t, named)
	create(t, matching)
	for _, p := range []*v1alpha1.KafkaProducerPolicy{named, matching} {
		wantFinding(t, p, "topic-missing", v1alpha1.SeverityWarning, true)
	}
	wantPolicyEvent(t, named, corev1.EventTypeWarning, "RulesBroken", `topic-missing (topic "orders")`)
	if err := kafka.CreateTopic("orders", 6, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*v1alpha1.KafkaProducerPolicy{named, matching} {
		wantFinding(t, p, "topic-missing", v1alpha1.SeverityWarning, false)
		wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error {
			if len(s.Topics) != 1 || s.Topics[0].Name != "orders" || s.Topics[0].Partitions != 6 || s.TopicCount != 1 {
				return fmt.Errorf("topics %+v of %d", s.Topics, s.TopicCount)
			}
			return nil
		})
	}
	wantPolicyEvent(t, named, corev1.EventTypeNormal, "RulesKept", "topic-missing")
	kafka.grow(t, "orders", 9)
	if s := wantFinding(t, named, "partitions-added", v1alpha1.SeverityWarning, true); s.Topics[0].Partitions != 6 {
		t.Errorf("what was before is forgotten: %+v", s.Topics)
	}
	changePolicy(t, named, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = v1alpha1.CompressionZstd })
	if s := wantFinding(t, named, "partitions-added", v1alpha1.SeverityWarning, false); s.Topics[0].Partitions != 9 {
		t.Errorf("a change of the policy does not count anew: %+v", s.Topics)
	}
}

// TestPolicyNeighbours: other policies and groups on the same topic are seen.
func TestPolicyNeighbours(t *testing.T) {
	t.Parallel()
	ns, other, kafka := namespace(t), namespace(t), soundBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns, other)
	p := policy(ns, "orders", kafka.address(), func(p *v1alpha1.KafkaProducerPolicy) {
		p.Spec.Transaction = &v1alpha1.ProducerTransaction{ID: "orders-$(POD_NAME)"}
		p.Spec.Clients = []v1alpha1.ProducerClient{v1alpha1.ClientJava}
	})
	create(t, p)
	wantFinding(t, p, "two-hashes", v1alpha1.SeverityError, false)
	fnv := policy(other, "fnv", kafka.address(), func(p *v1alpha1.KafkaProducerPolicy) {
		p.Spec.Topics, p.Spec.TopicPattern, p.Spec.Partitioner = nil, "orders", v1alpha1.PartitionFNV1a
	})
	create(t, fnv)
	g := group(other, "dirty", kafka.address())
	create(t, g)
	for _, rule := range []string{"two-hashes", "aborted-messages-read"} {
		wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error {
			for _, f := range s.Findings {
				if f.Rule == rule && f.Topic == "orders" && mentions(fmt.Sprint(f), other+"/") == nil {
					return nil
				}
			}
			return fmt.Errorf("%s is not found: %+v", rule, s.Findings)
		})
	}
	if err := kube.Delete(context.Background(), fnv); err != nil {
		t.Fatal(err)
	}
	wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error {
		for _, f := range s.Findings {
			if f.Rule == "two-hashes" {
				return fmt.Errorf("still found: %+v", f)
			}
		}
		return nil
	})
}

// TestPolicyWithoutAnswers: what the cluster hides or does not answer is Unknown,
// and what was decided stays while it is away, also over a restart.
func TestPolicyWithoutAnswers(t *testing.T) {
	t.Parallel()
	ns, hidden, away := namespace(t), soundBroker(t, map[string]int32{"orders": 12}, kfake.ClusterID("hidden")), reservePort(t)
	var asked atomic.Int64
	hidden.ControlKey(kmsg.DescribeConfigs.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		hidden.KeepControl()
		asked.Add(1)
		return denyConfigs(r.(*kmsg.DescribeConfigsRequest)), nil, true
	})
	kafka := away.startBroker(t, map[string]int32{"orders": 12})
	stop := startManager(t, managerOptions{}, ns)
	blind, good := policy(ns, "blind", hidden.address()), policy(ns, "good", away.address, func(p *v1alpha1.KafkaProducerPolicy) {
		p.Spec.Durability = v1alpha1.BestEffort
	})
	create(t, blind)
	create(t, good)
	s := wantFinding(t, blind, "min-isr-too-low", v1alpha1.SeverityUnknown, true)
	accepted := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionAccepted)
	if lacks := mentions(accepted.Message, "not all that rules need"); lacks != nil || s.FindingCounts.Unknown == 0 {
		t.Errorf("%v; %+v", lacks, s.FindingCounts)
	}
	wantVerdict(t, good, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonNoErrors)
	kafka.Close()
	gone := func() {
		t.Helper()
		s := wantPolicyStatus(t, good, func(s v1alpha1.KafkaProducerPolicyStatus) error {
			if !meta.IsStatusConditionFalse(s.Conditions, v1alpha1.ConditionKafkaReachable) {
				return fmt.Errorf("still reachable: %+v", s.Conditions)
			}
			return nil
		})
		if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionAccepted); c.Status != metav1.ConditionTrue || s.InForce == nil || s.TopicCount != 1 {
			t.Errorf("what was decided is forgotten: %+v, %+v", c, s.InForce)
		}
	}
	gone()
	stop()
	startManager(t, managerOptions{}, ns)
	before := asked.Load()
	eventually(t, func() error {
		if n := asked.Load() - before; n < 3 {
			return fmt.Errorf("%d surveys since the restart", n)
		}
		return nil
	})
	gone()
	changePolicy(t, good, func(s *v1alpha1.KafkaProducerPolicySpec) { s.RetryBudget = v1alpha1.Duration{} })
	changePolicy(t, good, func(s *v1alpha1.KafkaProducerPolicySpec) { s.RequireKey = true })
	if s := wantVerdict(t, good, v1alpha1.ConditionAccepted, metav1.ConditionUnknown, v1alpha1.ReasonNotChecked); s.InForce == nil || s.InForce.Generation != 1 {
		t.Errorf("in force: %+v", s.InForce)
	}
	away.startBroker(t, map[string]int32{"orders": 12})
	wantVerdict(t, good, v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonNoErrors)
}

// denyConfigs answers as a cluster does that denies DescribeConfigs.
func denyConfigs(r *kmsg.DescribeConfigsRequest) kmsg.Response {
	response := r.ResponseKind().(*kmsg.DescribeConfigsResponse)
	for _, resource := range r.Resources {
		one := kmsg.NewDescribeConfigsResponseResource()
		one.ResourceName, one.ResourceType = resource.ResourceName, resource.ResourceType
		one.ErrorCode = kerr.TopicAuthorizationFailed.Code
		if resource.ResourceType == kmsg.ConfigResourceTypeBroker {
			one.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		}
		response.Resources = append(response.Resources, one)
	}
	return response
}

// TestPolicyByConnection: a policy by connectionRef waits for its KafkaConnection,
// and does not take another cluster behind it for the same.
func TestPolicyByConnection(t *testing.T) {
	t.Parallel()
	ns, first, second := namespace(t), soundBroker(t, map[string]int32{"orders": 12}), soundBroker(t, map[string]int32{"orders": 12}, kfake.ClusterID("second"))
	startManager(t, managerOptions{}, ns)
	p := policy(ns, "orders", "", func(p *v1alpha1.KafkaProducerPolicy) {
		p.Spec.Kafka = v1alpha1.KafkaSource{ConnectionRef: &v1alpha1.ConnectionReference{Name: "main"}}
	})
	create(t, p)
	wantVerdict(t, p, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonConnectionMissing)
	wantVerdict(t, p, v1alpha1.ConditionAccepted, metav1.ConditionUnknown, v1alpha1.ReasonNotChecked)
	c := connection(ns, "main", servers(first.address()))
	create(t, c)
	wantVerdict(t, p, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonNoErrors)
	lead := func(to string, compression v1alpha1.Compression) {
		changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) {
			s.Kafka.ConnectionRef.Name, s.Compression = v1alpha1.ObjectName(to), compression
		})
	}
	lead("absent", v1alpha1.CompressionZstd)
	if s := wantVerdict(t, p, v1alpha1.ConditionAccepted, metav1.ConditionUnknown, v1alpha1.ReasonNotChecked); s.InForce.Generation != 1 {
		t.Errorf("settings for a cluster that nobody has seen are in force: %+v", s.InForce)
	}
	lead("main", v1alpha1.CompressionZstd)
	wantVerdict(t, p, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonNoErrors)
	changeConnection(t, c, func(s *v1alpha1.KafkaConnectionSpec) { s.ClusterID = "third" })
	wantVerdict(t, p, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonClusterChanged)
	changeConnection(t, c, func(s *v1alpha1.KafkaConnectionSpec) {
		servers(second.address())(s)
		s.ClusterID = ""
	})
	wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error {
		if s.ClusterID != "second" || !meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReady) {
			return fmt.Errorf("cluster %q, %+v", s.ClusterID, s.Conditions)
		}
		return nil
	})
}
