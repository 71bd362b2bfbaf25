package resetplan

import (
	"encoding/base64"
	"slices"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// draft is a plan on its way: what is wanted, held against a survey. Plan and
// recheck are judged by the same rules over it.
type draft struct {
	spec      v1alpha1.KafkaOffsetResetSpec
	clusterID string
	dedup     Dedup
	survey    kafka.Survey
	topics    map[string]kafka.SurveyedTopic
	// frozen: the partitions are those of an earlier time, a snapshot or a plan,
	// not those that the spec names. That they are gone is a change, not a mistake.
	frozen bool
	// moves are sorted by partition.
	moves []move
	// foreign are topics that the survey does not have, recreated those with
	// another id, missing the partitions that their topic does not have.
	foreign, recreated []string
	missing            []kafka.TopicPartition
	// unrecorded is what the scope of a rollback names and its snapshot does not have.
	unrecorded []string
}

// wanted is a partition to be moved, with what is known of it from elsewhere.
type wanted struct {
	kafka.TopicPartition
	// topicID is the id that its topic had, empty where that is not known.
	topicID string
	// offset is that of target.offsets.
	offset int64
	// saved is what a rollback restores.
	saved *v1alpha1.SavedOffset
	// row is that of the approved plan.
	row *v1alpha1.ResetRow
}

func newDraft(spec v1alpha1.KafkaOffsetResetSpec, clusterID string, s kafka.Survey) *draft {
	d := &draft{spec: spec, clusterID: clusterID, survey: s, topics: make(map[string]kafka.SurveyedTopic, len(s.Topics))}
	for _, t := range s.Topics {
		d.topics[t.Name] = t
	}
	return d
}

// drafted is the draft of a plan: every move aimed.
func drafted(r Request) *draft {
	d := newDraft(r.Spec, r.Identity.ClusterID, r.Survey)
	d.dedup, d.frozen = r.Dedup, r.Spec.Target.RollbackOf != ""
	for _, w := range d.selection(r.Rollback) {
		d.take(w)
	}
	d.sort()
	for i := range d.moves {
		d.moves[i].aim(r.Spec)
		d.moves[i].fit(r.Spec.OnOutOfRange)
	}
	return d
}

// take makes a wanted partition a move, or says what it lacks.
func (d *draft) take(w wanted) {
	switch d.lack(w.TopicPartition, w.topicID) {
	case itsTopic:
		d.foreign = append(d.foreign, w.Topic)
	case sameTopic:
		d.recreated = append(d.recreated, w.Topic)
	case itself:
		d.missing = append(d.missing, w.TopicPartition)
	case nothing:
		topic := d.topics[w.Topic]
		d.moves = append(d.moves, newMove(w, idOf(topic.ID), topic.Partitions[w.Partition]))
	}
}

// lack is what of a partition the survey does not have.
type lack int

const (
	nothing   lack = iota
	itsTopic       // there is none of that name
	sameTopic      // there is, with another id
	itself         // the topic has fewer partitions
)

// words are why there is nothing to hold a write against.
func (l lack) words() string {
	if l == sameTopic {
		return "its topic was created anew"
	}
	return "does not exist any more"
}

// lack holds a partition, of a topic that had this id if it is known, against the survey.
func (d *draft) lack(at kafka.TopicPartition, topicID string) lack {
	topic, found := d.topics[at.Topic]
	id := idOf(topic.ID)
	switch {
	case !found:
		return itsTopic
	case topicID != "" && id != "" && topicID != id:
		return sameTopic
	case at.Partition < 0 || int(at.Partition) >= len(topic.Partitions):
		return itself
	}
	return nothing
}

func (d *draft) lackOf(w v1alpha1.SavedOffset) lack { return d.lack(savedAt(w), w.TopicID) }

func (d *draft) sort() {
	slices.SortFunc(d.moves, func(a, b move) int { return a.Compare(b.TopicPartition) })
	slices.SortFunc(d.missing, kafka.TopicPartition.Compare)
	d.foreign, d.recreated = distinct(d.foreign), distinct(d.recreated)
}

func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// that are the moves for which is holds.
func (d *draft) that(is func(move) bool) []move {
	var found []move
	for _, m := range d.moves {
		if is(m) {
			found = append(found, m)
		}
	}
	return found
}

// idOf is a topic id as Kafka's tools print it, empty for one that the brokers do not say.
func idOf(id kafka.TopicID) string {
	if id == (kafka.TopicID{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}
