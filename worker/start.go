package worker

import (
	"context"
	"log/slog"
	"slices"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// openings is where each claimed partition opens and what is committed for it.
type openings map[kafka.TopicPartition]position

// resolveStarts decides where every claimed partition opens. It only reads.
func resolveStarts(from lookup, claims map[string][]int32, initial InitialOffset, log *slog.Logger) (openings, error) {
	topics := claimedTopics(claims)
	if len(topics) == 0 {
		return openings{}, nil
	}
	all, err := from.siblings(topics, claims)
	if err != nil {
		return nil, err
	}
	commits, err := from.commits(all)
	if err != nil {
		return nil, err
	}
	logs, err := from.logRanges(claims)
	if err != nil {
		return nil, err
	}
	opens := make(openings)
	for _, topic := range topics {
		history := newTopicHistory(ofTopic(commits, topic, all[topic]))
		for _, number := range claims[topic] {
			tp := kafka.TopicPartition{Topic: topic, Partition: number}
			start, err := decideStart(tp, commits[tp], history, logs[tp], initial)
			if err != nil {
				return nil, err
			}
			opens[tp] = open(commits[tp], start, history, len(all[topic]))
			logStart(log, tp, commits[tp], start)
		}
	}
	return opens, nil
}

// open carries the topic's first partition count on, or founds it.
func open(committed commit, start decision, history topicHistory, partitions int) position {
	firstCount := max(committed.firstCount, history.firstCount)
	if !history.started {
		firstCount = int32(partitions)
	}
	return position{
		next:      start.offset,
		committed: committed.offset,
		metadata:  commit{firstCount: firstCount}.metadata(),
	}
}

func logStart(log *slog.Logger, tp kafka.TopicPartition, committed commit, start decision) {
	level := slog.LevelDebug
	switch {
	case committed.exists() && committed.offset != start.offset:
		level = slog.LevelWarn
	case committed.offset != start.offset:
		level = slog.LevelInfo
	}
	log.Log(context.Background(), level, "partition opens", "topic", tp.Topic, "partition", tp.Partition,
		"from", committed.offset, "to", start.offset, "reason", start.reason)
}

func claimedTopics(claims map[string][]int32) []string {
	var topics []string
	for topic, numbers := range claims {
		if len(numbers) > 0 {
			topics = append(topics, topic)
		}
	}
	slices.Sort(topics)
	return topics
}

func ofTopic(commits map[kafka.TopicPartition]commit, topic string, numbers []int32) []commit {
	var list []commit
	for _, number := range numbers {
		list = append(list, commits[kafka.TopicPartition{Topic: topic, Partition: number}])
	}
	return list
}

// union is a and b without doubles, sorted.
func union(a, b []int32) []int32 {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
