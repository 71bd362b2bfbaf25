package resetplan

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const none = kafka.NoOffset

// identity is that of every request of the tests.
var identity = Identity{UID: "u-1", ClusterID: "cluster", GroupID: "billing", Revision: 1}

// part is a partition without a source and without a message at the time.
func part(committed, start, end int64, mods ...func(*kafka.SurveyedPartition)) kafka.SurveyedPartition {
	p := kafka.SurveyedPartition{
		Committed: kafka.Commit{Offset: committed}, Source: kafka.Commit{Offset: none},
		Start: start, End: end, AtTime: none,
	}
	for _, mod := range mods {
		mod(&p)
	}
	return p
}

func atTime(offset int64) func(*kafka.SurveyedPartition) {
	return func(p *kafka.SurveyedPartition) { p.AtTime = offset }
}

func source(offset int64) func(*kafka.SurveyedPartition) {
	return func(p *kafka.SurveyedPartition) { p.Source = kafka.Commit{Offset: offset, Metadata: "theirs"} }
}

func metadata(text string) func(*kafka.SurveyedPartition) {
	return func(p *kafka.SurveyedPartition) { p.Committed.Metadata = text }
}

// survey is one of the topic orders.
func survey(partitions ...kafka.SurveyedPartition) kafka.Survey {
	return kafka.Survey{
		GroupID: identity.GroupID, ClusterID: identity.ClusterID, At: noon, MayCommit: true, MayDelete: true,
		Membership: kafka.Membership{Known: true, State: kafka.StateEmpty},
		Topics:     []kafka.SurveyedTopic{topic("orders", 1, partitions...)},
	}
}

func topic(name string, life byte, partitions ...kafka.SurveyedPartition) kafka.SurveyedTopic {
	return kafka.SurveyedTopic{Name: name, ID: kafka.TopicID{life}, MayCommit: true, Partitions: partitions}
}

func idOfLife(life byte) string { return idOf(kafka.TopicID{life}) }

// saved is an offset of the topic orders.
func saved(partition int32, offset int64, metadata string) v1alpha1.SavedOffset {
	s := v1alpha1.SavedOffset{Topic: "orders", Partition: partition, TopicID: idOfLife(1), Metadata: metadata}
	if offset != none {
		s.Offset = new(offset)
	}
	return s
}

// spec is one of a target with the defaults of the API.
func spec(target v1alpha1.ResetTarget, mods ...func(*v1alpha1.KafkaOffsetResetSpec)) v1alpha1.KafkaOffsetResetSpec {
	s := v1alpha1.KafkaOffsetResetSpec{
		GroupRef: v1alpha1.GroupReference{Name: "billing"}, Target: target,
		OnOutOfRange: v1alpha1.OutOfRangeFail, OnTimestampPastEnd: v1alpha1.PastEndEnd,
		Approval: v1alpha1.ApprovalManual, Resume: new(true),
	}
	for _, mod := range mods {
		mod(&s)
	}
	return s
}

func clamp(s *v1alpha1.KafkaOffsetResetSpec) { s.OnOutOfRange = v1alpha1.OutOfRangeClamp }

func onPastEnd(policy v1alpha1.PastEndPolicy) func(*v1alpha1.KafkaOffsetResetSpec) {
	return func(s *v1alpha1.KafkaOffsetResetSpec) { s.OnTimestampPastEnd = policy }
}

func maxDrift(n int64) func(*v1alpha1.KafkaOffsetResetSpec) {
	return func(s *v1alpha1.KafkaOffsetResetSpec) { s.MaxDrift = &n }
}

func scope(topics ...v1alpha1.ScopedTopic) func(*v1alpha1.KafkaOffsetResetSpec) {
	return func(s *v1alpha1.KafkaOffsetResetSpec) { s.Scope = &v1alpha1.ResetScope{Topics: topics} }
}

var (
	earliest   = v1alpha1.ResetTarget{Earliest: &v1alpha1.ResetTargetEarliest{}}
	latest     = v1alpha1.ResetTarget{Latest: &v1alpha1.ResetTargetLatest{}}
	toCurrent  = v1alpha1.ResetTarget{ToCurrent: &v1alpha1.ResetTargetCurrent{}}
	fromGroup  = v1alpha1.ResetTarget{FromGroup: "shadow"}
	rollbackOf = v1alpha1.ResetTarget{RollbackOf: "first"}
	atNoon     = v1alpha1.ResetTarget{DateTime: &metav1.Time{Time: noon}}
	dayAgo     = v1alpha1.ResetTarget{Ago: &metav1.Duration{Duration: 24 * time.Hour}}
)

func shiftBy(n int64) v1alpha1.ResetTarget { return v1alpha1.ResetTarget{ShiftBy: &n} }

// offsets is the target of these offsets of partitions 0, 1, ... of the topic orders.
func offsets(of ...int64) v1alpha1.ResetTarget {
	var target v1alpha1.ResetTarget
	for i, offset := range of {
		target.Offsets = append(target.Offsets, v1alpha1.PartitionOffset{Topic: "orders", Partition: int32(i), Offset: offset})
	}
	return target
}

func request(spec v1alpha1.KafkaOffsetResetSpec, s kafka.Survey, rollback ...v1alpha1.SavedOffset) Request {
	return Request{Identity: identity, Spec: spec, Time: TimeOf(spec, noon), Rollback: rollback, Survey: s}
}

// rowTexts are rows such as "orders-0 Commit 100 -> 20 (-80) [0,500] clamped".
func rowTexts(rows []v1alpha1.ResetRow) []string {
	var texts []string
	for _, r := range rows {
		text := fmt.Sprintf("%s-%d %s %s -> %s (%s) [%d,%d] %s", r.Topic, r.Partition, r.Action,
			offsetText(r.Committed), offsetText(r.Target), offsetText(r.Distance), r.Start, r.End, r.Reason)
		texts = append(texts, strings.TrimSpace(text))
	}
	return texts
}

func savedTexts(offsets []v1alpha1.SavedOffset) []string {
	var texts []string
	for _, s := range offsets {
		texts = append(texts, strings.TrimSpace(fmt.Sprintf("%s-%d %s %s", s.Topic, s.Partition, offsetText(s.Offset), s.Metadata)))
	}
	return texts
}

func offsetText(n *int64) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}
