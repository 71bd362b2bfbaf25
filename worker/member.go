package worker

import (
	"fmt"

	"github.com/IBM/sarama"
)

// member is what sarama calls during a membership. sarama calls Setup, then
// ConsumeClaim for each partition, waits for all of them, then calls Cleanup;
// it never overlaps two sessions of an eager strategy.
type member struct {
	*runner
	current *session
}

// Setup resolves where each claim opens, has the broker accept what was
// resolved and hands it to sarama, before any claim opens. An error ends this
// session, and the group is joined again unless the error is fatal.
func (m *member) Setup(granted sarama.ConsumerGroupSession) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	lookup, err := newLookup(m.client, m.config.GroupID)
	if err != nil {
		return err
	}
	opens, err := resolveStarts(lookup, granted.Claims(), m.config.InitialOffset, m.log)
	if err != nil {
		return err
	}
	session := newSession(m.runner, granted, opens)
	if _, err := session.commits.commit(); err != nil {
		return fmt.Errorf("commit where the partitions open: %w", err)
	}
	for tp, at := range opens {
		// The first raises, the second lowers; neither does both.
		granted.MarkOffset(tp.Topic, tp.Partition, at.next, "")
		granted.ResetOffset(tp.Topic, tp.Partition, at.next, "")
	}
	m.begin(session, granted.Claims())
	return nil
}

func (m *member) begin(session *session, claims map[string][]int32) {
	m.current = session
	m.metrics.rebalances.Inc()
	total := 0
	for topic, partitions := range claims {
		m.metrics.assigned.WithLabelValues(topic).Set(float64(len(partitions)))
		total += len(partitions)
	}
	session.start()
	m.health.sessionStarted()
	session.log.Info("joined the group", "partitions", total)
}

// ConsumeClaim handles one partition until the session ends.
func (m *member) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	m.current.consume(claim)
	return nil
}

// Cleanup commits what is finished. sarama calls it after a failed Setup too.
func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	if m.current == nil {
		return nil
	}
	m.current.end()
	m.current.commit()
	m.metrics.assigned.Reset()
	m.health.sessionEnded()
	m.current = nil
	return nil
}
