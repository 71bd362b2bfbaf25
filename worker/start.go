package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// opening is where a claimed partition opens, and what it passes over.
type opening struct {
	position
	decision
}

// openings are those of a member's claims, or of those that it was given now.
type openings map[kafka.TopicPartition]opening

// count adds to the metrics. Count what the broker has taken: before that it
// may be decided anew.
func (o openings) count(skipped, outOfRange *prometheus.CounterVec, policy OutOfRange) {
	for tp, at := range o {
		for _, s := range at.skips {
			skipped.WithLabelValues(tp.Topic, string(s.reason)).Add(float64(s.to - s.from))
		}
		if at.outOfRange {
			outOfRange.WithLabelValues(tp.Topic, string(policy)).Inc()
		}
	}
}

// resolveStarts decides where every claimed partition opens. It only reads.
func resolveStarts(ctx context.Context, from lookup, claims map[string][]int32, policy startPolicy, log *slog.Logger) (openings, error) {
	known, err := from.read(ctx, claims, policy.youngest())
	if err != nil {
		return nil, err
	}
	opens := make(openings)
	for _, topic := range claimedTopics(claims) {
		history := newTopicHistory(ofTopic(known.commits, topic, known.partitions[topic]))
		for _, number := range claims[topic] {
			tp := kafka.TopicPartition{Topic: topic, Partition: number}
			start, err := decide(ctx, tp, known.commits[tp], history, known.logs[tp], policy)
			if err != nil {
				return nil, err
			}
			opens[tp] = open(known.commits[tp], start, history, len(known.partitions[topic]))
			logStart(log, tp, known, start)
		}
	}
	return opens, nil
}

// youngest is the time before which messages are too old, the zero time without a limit.
func (p startPolicy) youngest() time.Time {
	if p.MaxAge == 0 {
		return time.Time{}
	}
	return p.Now.Add(-p.MaxAge)
}

func decide(ctx context.Context, tp kafka.TopicPartition, committed commit, history topicHistory, log logRange, policy startPolicy) (decision, error) {
	start, err := decideStart(tp, committed, history, log, policy)
	if err != nil || policy.StartAt == nil {
		return start, err
	}
	asked := Start{
		Topic: tp.Topic, Partition: tp.Partition, Committed: committed.offset,
		LogStart: log.start, LogEnd: log.end, Offset: start.offset,
	}
	to, err := policy.StartAt.ask(ctx, asked)
	if err != nil {
		return decision{}, fmt.Errorf("ask the start hook where %q opens: %w", tp, err)
	}
	return start.moved(to), nil
}

// ask calls the hook. One that panics has failed, like a handler that does.
func (h StartHook) ask(ctx context.Context, start Start) (offset int64, err error) {
	defer func() {
		if told := recover(); told != nil {
			err = fmt.Errorf("it panicked: %v", told)
		}
	}()
	offset, err = h(ctx, start)
	if err == nil && (offset < start.LogStart || offset > start.LogEnd) {
		err = fmt.Errorf("it said %d, which is not in the log from %d up to %d", offset, start.LogStart, start.LogEnd)
	}
	return offset, err
}

// open carries the topic's first partition count on, or founds it.
func open(committed commit, start decision, history topicHistory, partitions int) opening {
	firstCount := max(committed.firstCount, history.firstCount)
	if !history.started {
		firstCount = int32(partitions)
	}
	return opening{
		position: position{
			next:      start.offset,
			committed: committed.offset,
			metadata:  commit{firstCount: firstCount}.metadata(),
		},
		decision: start,
	}
}

// logStart warns of what is passed over and was not asked for by Latest.
func logStart(log *slog.Logger, tp kafka.TopicPartition, known reading, start decision) {
	committed, skipped := known.commits[tp].offset, int64(0)
	level := slog.LevelDebug
	if committed != start.offset {
		level = slog.LevelInfo
	}
	for _, s := range start.skips {
		skipped += s.to - s.from
		if s.reason != atLatest {
			level = slog.LevelWarn
		}
	}
	if start.outOfRange {
		level = slog.LevelWarn
	}
	log.Log(context.Background(), level, "partition opens", "topic", tp.Topic, "partition", tp.Partition,
		"from", committed, "to", start.offset, "reason", string(start.reason), "skipped", skipped,
		"logStart", known.logs[tp].start, "logEnd", known.logs[tp].end)
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
