package integration

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestResetWithoutRights: a right that the commit will need and that the cluster
// does not give refuses the plan by name, before anybody approves and workers stop.
func TestResetWithoutRights(t *testing.T) {
	t.Parallel()
	acl := func(resource kmsg.ACLResourceType, name string, operation kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true}
	}
	topics := func(parcels kmsg.ACLOperation) []kfake.ACL {
		return []kfake.ACL{
			acl(kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLOperationRead), acl(kmsg.ACLResourceTypeTopic, "parcels", parcels),
		}
	}
	cases := map[string]struct {
		acls  []kfake.ACL
		words []string
	}{
		"OneOfTwoTopics": {append(topics(kmsg.ACLOperationDescribe), acl(kmsg.ACLResourceTypeGroup, "*", kmsg.ACLOperationRead)), []string{"READ", `"parcels"`}},
		"Group":          {append(topics(kmsg.ACLOperationRead), acl(kmsg.ACLResourceTypeGroup, "*", kmsg.ACLOperationDescribe)), []string{"READ", `"held"`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, c := namespace(t), newCertificates(t)
			b := startScram(t, c, map[string]int32{"orders": 2, "parcels": 2}, kfake.EnableACLs(), kfake.User("SCRAM-SHA-512", "billing", "s3cret", tc.acls...))
			for _, topic := range []string{"orders", "parcels"} {
				b.produce(t, topic, 5)
				b.commit(t, "held", topic, 4)
			}
			secret(t, ns, "ca", map[string]string{"ca.crt": c.cluster.PEM})
			secret(t, ns, "user", map[string]string{"password": "s3cret"})
			startManager(t, managerOptions{}, ns)
			g := group(ns, "held", b.address(), withScram, func(g *v1alpha1.KafkaConsumerGroup) {
				g.Spec.Topics = []v1alpha1.TopicName{"orders", "parcels"}
			})
			create(t, g)
			r := reset(g, "refused", toEarliest(), automatic)
			create(t, r)
			refused := wantPhase(t, r, v1alpha1.PhaseFailed)
			if o := refused.Status.Outcome; o.Reason != v1alpha1.ReasonNotPermitted {
				t.Errorf("outcome %+v", o)
			}
			if err := mentions(refused.Status.Message, append(tc.words, "the plan is refused")...); err != nil {
				t.Error(err)
			}
			if refused.Status.Approval != nil {
				t.Errorf("approved: %+v", refused.Status.Approval)
			}
			one := reset(g, "allowed", toEarliest(), func(r *v1alpha1.KafkaOffsetReset) {
				r.Spec.Scope = &v1alpha1.ResetScope{Topics: []v1alpha1.ScopedTopic{{Name: "orders"}}}
			})
			if name == "OneOfTwoTopics" {
				create(t, one)
				wantPhase(t, one, v1alpha1.PhasePlanned)
			}
		})
	}
}
