package kafkaadmin

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// surveyCommits fills in a group's commits, where in a partition says, and tells
// whether there are any.
func (c *client) surveyCommits(ctx context.Context, known *cluster, coordinator *link, id string,
	topics []kafka.SurveyedTopic, in func(*kafka.SurveyedPartition) *kafka.Commit) (bool, error) {
	ctx, cancel := c.step(ctx)
	defer cancel()
	want := wanted{id: {}}
	for _, t := range topics {
		want[id][t.Name] = known.partitionIDs(t.Name)
	}
	read := c.fetchCommitted(ctx, coordinator, []string{id}, want)[id]
	for i := range topics {
		of := read.of(topics[i].Name)
		for j := range topics[i].Partitions {
			commit, err := of.commit(int32(j))
			if err != nil {
				return false, c.explainUnstable(ctx, known, id, err)
			}
			*in(&topics[i].Partitions[j]) = commit
		}
	}
	return read.any(), nil
}

func (c *topicCommits) commit(id int32) (kafka.Commit, error) {
	at := c.at(id)
	if at.err != nil || at.at == kafka.NoOffset {
		return kafka.Commit{Offset: kafka.NoOffset}, at.err
	}
	return kafka.Commit{Offset: at.at, Metadata: c.partitions[id].Metadata}, nil
}

func unstable(err error) bool {
	var answered coded
	return errors.As(err, &answered) && answered.code == sarama.ErrUnstableOffsetCommit
}

// explainUnstable adds to the error of an unstable commit which transactions are
// open, if that can be found out.
func (c *client) explainUnstable(ctx context.Context, known *cluster, group string, err error) error {
	if !unstable(err) {
		return err
	}
	open := c.openCommitters(ctx, known, group)
	if open == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, open)
}
