package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/twmb/franz-go/pkg/kfake"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// soundBroker is a cluster on which Lossless is kept: three replicas, of which two
// must be in sync.
func soundBroker(t *testing.T, topics map[string]int32, options ...kfake.Opt) *broker {
	t.Helper()
	return startBroker(t, topics, append([]kfake.Opt{kfake.NumBrokers(3), kfake.BrokerConfigs(map[string]string{
		"min.insync.replicas": "2", "default.replication.factor": "3",
		"transaction.state.log.replication.factor": "3", "transaction.state.log.min.isr": "2",
	})}, options...)...)
}

// policy is a KafkaProducerPolicy for the topic orders.
func policy(ns, name, broker string, mods ...func(*v1alpha1.KafkaProducerPolicy)) *v1alpha1.KafkaProducerPolicy {
	p := &v1alpha1.KafkaProducerPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	p.Spec.Kafka.BootstrapServers = []v1alpha1.BootstrapServer{v1alpha1.BootstrapServer(broker)}
	p.Spec.Topics = []v1alpha1.TopicName{"orders"}
	for _, mod := range mods {
		mod(p)
	}
	return p
}

func policyNow(p *v1alpha1.KafkaProducerPolicy) (*v1alpha1.KafkaProducerPolicy, error) {
	var now v1alpha1.KafkaProducerPolicy
	return &now, kube.Get(context.Background(), client.ObjectKeyFromObject(p), &now)
}

func changePolicy(t *testing.T, p *v1alpha1.KafkaProducerPolicy, mod func(*v1alpha1.KafkaProducerPolicySpec)) {
	t.Helper()
	eventually(t, func() error {
		now, err := policyNow(p)
		if err != nil {
			return err
		}
		mod(&now.Spec)
		return kube.Update(context.Background(), now)
	})
}

// wantPolicyStatus waits until the status of the newest generation is as wanted.
func wantPolicyStatus(t *testing.T, p *v1alpha1.KafkaProducerPolicy, wanted func(v1alpha1.KafkaProducerPolicyStatus) error) v1alpha1.KafkaProducerPolicyStatus {
	t.Helper()
	var now *v1alpha1.KafkaProducerPolicy
	eventually(t, func() (err error) {
		if now, err = policyNow(p); err != nil {
			return err
		}
		if now.Status.ObservedGeneration != now.Generation {
			return fmt.Errorf("observed generation %d of %d", now.Status.ObservedGeneration, now.Generation)
		}
		return wanted(now.Status)
	})
	return now.Status
}

// wantVerdict waits for a condition.
func wantVerdict(t *testing.T, p *v1alpha1.KafkaProducerPolicy, kind string, status metav1.ConditionStatus, reason string) v1alpha1.KafkaProducerPolicyStatus {
	t.Helper()
	return wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error {
		c := meta.FindStatusCondition(s.Conditions, kind)
		if c == nil || c.Status != status || c.Reason != reason {
			return fmt.Errorf("%s is %+v, want %s %s\n%+v", kind, c, status, reason, s.Conditions)
		}
		return nil
	})
}

// wantFinding waits until the rule is found, or no longer, with one of the severity.
func wantFinding(t *testing.T, p *v1alpha1.KafkaProducerPolicy, rule string, severity v1alpha1.FindingSeverity, there bool) v1alpha1.KafkaProducerPolicyStatus {
	t.Helper()
	return wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error {
		found := slices.ContainsFunc(s.Findings, func(f v1alpha1.ProducerFinding) bool { return f.Rule == rule && f.Severity == severity })
		if len(s.Conditions) == 0 || s.Effective == nil || found != there {
			return fmt.Errorf("%s %s found: %t, want %t; %+v", severity, rule, found, there, s.Findings)
		}
		return nil
	})
}

// wantPolicyEvent waits for an event about a policy, or one of its workloads, whose note has the text.
func wantPolicyEvent(t *testing.T, p client.Object, kind, reason, text string) {
	t.Helper()
	eventually(t, func() error {
		var list eventsv1.EventList
		if err := kube.List(context.Background(), &list, client.InNamespace(p.GetNamespace())); err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.Regarding.Name == p.GetName() && e.Type == kind && e.Reason == reason && strings.Contains(e.Note, text) {
				return nil
			}
		}
		return fmt.Errorf("no %s event %s with %q", kind, reason, text)
	})
}
