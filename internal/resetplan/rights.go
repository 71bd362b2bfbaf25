package resetplan

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// What a cluster does not let us do is found while planning, and not once the
// workers have stopped: a commit needs READ of the group and of the topic, a
// deletion DELETE of the group and READ of the topic.

func commitForbidden(d *draft) *Problem {
	if d.survey.MayCommit || len(d.that(move.commits)) == 0 {
		return nil
	}
	return &Problem{v1alpha1.ReasonNotPermitted,
		fmt.Sprintf("to commit for the group needs the right to READ it, which the cluster does not give: %q", d.survey.GroupID)}
}

func topicForbidden(d *draft) *Problem {
	var topics []string
	for _, m := range d.that(move.writes) {
		if !d.topics[m.Topic].MayCommit {
			topics = append(topics, m.Topic)
		}
	}
	return about(quoted(distinct(topics)), v1alpha1.ReasonNotPermitted,
		"to commit for a topic needs the right to READ it, which the cluster does not give: %s")
}

func deletionForbidden(d *draft) *Problem {
	if d.survey.MayDelete {
		return nil
	}
	return about(places(d.that(move.deletes), move.label), v1alpha1.ReasonNotPermitted,
		"to restore that nothing was committed needs the right to DELETE the group, which the cluster does not give: %s")
}
