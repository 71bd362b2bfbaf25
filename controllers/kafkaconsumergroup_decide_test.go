package controllers

import (
	"fmt"
	"strings"
	"testing"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// TestForbidden: what keeps a decision from being applied, and whether that may end by itself.
func TestForbidden(t *testing.T) {
	invalid := fmt.Errorf("prepare: %w: %w", kafka.ErrInvalid, &kafkaauth.FieldError{Field: "sasl.password", Err: errBoom})
	changed := clusterSeen{changed: &blocked{v1alpha1.ReasonClusterChanged, "another"}}
	gone := heldConnection{problem: &problem{v1alpha1.ReasonCredentialsMissing, "gone"}}
	pending := clusterSeen{pending: &blocked{v1alpha1.ReasonClusterNotSeen, "not seen"}}
	cases := map[string]struct {
		reason  string
		change  func(*v1alpha1.KafkaConsumerGroup, *groupSnapshot)
		blocked string
		held    string
		says    string
	}{
		"Nothing": {"all is well", func(*v1alpha1.KafkaConsumerGroup, *groupSnapshot) {}, "", "", ""},
		"OtherCluster": {"and workers are on it", func(_ *v1alpha1.KafkaConsumerGroup, s *groupSnapshot) { s.cluster = changed },
			v1alpha1.ReasonClusterChanged, "", "another; the workers that run are left alone and may be on the wrong cluster: kubectl scale deployment/orders --replicas=0"},
		"OtherClusterAlone": {"nobody is on it", func(_ *v1alpha1.KafkaConsumerGroup, s *groupSnapshot) {
			s.cluster, s.deployment.Status.Replicas = changed, 0
		}, v1alpha1.ReasonClusterChanged, "", "another"},
		"SecretGone": {"nothing is known to go on with", func(_ *v1alpha1.KafkaConsumerGroup, s *groupSnapshot) { s.connection = gone },
			v1alpha1.ReasonCredentialsMissing, "", "gone"},
		"UnusableFirst": {"no worker can connect with it", func(_ *v1alpha1.KafkaConsumerGroup, s *groupSnapshot) {
			s.sample, s.deployment, s.owned = kafka.GroupSample{ConnectionErr: invalid}, nil, ownedByNobody
		}, v1alpha1.ReasonInvalidCredentials, "", "sasl.password"},
		"UnusableNow": {"those that run have connected", func(_ *v1alpha1.KafkaConsumerGroup, s *groupSnapshot) {
			s.sample = kafka.GroupSample{ConnectionErr: invalid}
		},
			"", "", ""},
		"UnusableDeleted": {"a Deployment that was deleted comes back", func(g *v1alpha1.KafkaConsumerGroup, s *groupSnapshot) {
			s.sample, s.deployment, s.owned, g.Status.DesiredReplicas = kafka.GroupSample{ConnectionErr: invalid}, nil, ownedByNobody, 4
		}, "", "", ""},
		"PinNotSeen": {"it may answer yet", func(_ *v1alpha1.KafkaConsumerGroup, s *groupSnapshot) { s.cluster = pending },
			"", v1alpha1.ReasonClusterNotSeen, "not seen"},
		"PinNotSeenWhy": {"and why it doesn't", func(_ *v1alpha1.KafkaConsumerGroup, s *groupSnapshot) {
			s.cluster, s.sample = pending, kafka.GroupSample{ConnectionErr: fmt.Errorf("connect: %w", kafka.ErrUnreachable)}
		}, "", v1alpha1.ReasonClusterNotSeen, "not seen: connect: not reachable"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			group, _, seen, _, _ := healthy()
			group.Name = "orders"
			tc.change(group, &seen)
			b, h := blockedBy(group, seen), heldBy(seen)
			if b != nil {
				h = nil
			}
			for kind, got := range map[string]struct {
				is   *blocked
				want string
			}{"blocked": {b, tc.blocked}, "held": {h, tc.held}} {
				if (got.is != nil) != (got.want != "") || (got.is != nil && (got.is.reason != got.want || !strings.Contains(got.is.message, tc.says))) {
					t.Errorf("%s: %s %v, want %q saying %q", tc.reason, kind, got.is, got.want, tc.says)
				}
			}
			if tc.says == "another" && b.message != "another" {
				t.Errorf("%s: %q, want no word of workers", tc.reason, b.message)
			}
		})
	}
}

// TestTopicAwaited: while the workers wait for a topic, lag of the others starts no more of them.
func TestTopicAwaited(t *testing.T) {
	missing := kafka.TopicSample{Name: "nope", Err: fmt.Errorf("list: %w", kafka.ErrTopicMissing)}
	unread := kafka.TopicSample{Name: "nope", Err: fmt.Errorf("list: %w", kafka.ErrUnauthorized)}
	cases := map[string]struct {
		reason  string
		topic   kafka.TopicSample
		members []kafka.Member
		state   error
		want    bool
	}{
		"Missing":  {"nobody could join", missing, nil, nil, true},
		"Joined":   {"workers of another kind consume the rest", missing, []kafka.Member{{ID: "m"}}, nil, false},
		"Unread":   {"it may well be there", unread, nil, nil, false},
		"NotKnown": {"somebody may have joined", missing, nil, errBoom, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			group, _, seen, _, _ := healthy()
			seen.sample.Topics, seen.sample.Members, seen.sample.StateErr = append(seen.sample.Topics, tc.topic), tc.members, tc.state
			r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}
			if got := r.scaleObservation(group, seen, &unknown{}, &memory{}); got.NeverJoined != tc.want {
				t.Errorf("%s: %t, want %t", tc.reason, got.NeverJoined, tc.want)
			}
		})
	}
	c := autoscale.Config{MinReplicas: 1, MessagesPerReplica: 100}
	o := autoscale.Observation{Sampled: true, Lag: 5000, Unknown: 1, Partitions: []int32{12}, NeverJoined: true}
	if _, d := autoscale.Decide(c, autoscale.State{}, o, noon); d.Replicas != 1 {
		t.Errorf("%d first workers, want the least", d.Replicas)
	}
}

// TestSettingsThatDoNothingGood: what is taken, and should be known.
func TestSettingsThatDoNothingGood(t *testing.T) {
	group, _, seen, _, _ := healthy()
	group.Spec.Topics = []v1alpha1.TopicName{"orders", "__consumer_offsets"}
	seen.connection.connection.Version = "99.0.0"
	warned := strings.Join(warningsOf(group, seen, decision{}, v1alpha1.KafkaConsumerGroupStatus{}), "\n")
	for _, words := range []string{"__consumer_offsets, which is internal", "99.0.0 is newer than 4.2.0"} {
		if !strings.Contains(warned, words) {
			t.Errorf("%q, want %q in it", warned, words)
		}
	}
	group.Spec.Topics = group.Spec.Topics[:1]
	for _, version := range []string{"", "3.6.0", "4.2.0"} {
		seen.connection.connection.Version = version
		if got := warningsOf(group, seen, decision{}, v1alpha1.KafkaConsumerGroupStatus{}); len(got) > 0 {
			t.Errorf("version %q: %q, want no warning", version, got)
		}
	}
}
