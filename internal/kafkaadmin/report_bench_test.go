package kafkaadmin

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// BenchmarkReport is what a cycle of 3,000 groups with 96,000 offsets on 9,600
// partitions costs once all answers are there: the ends are taken in, and the
// samples are made. In "moving" all ends and commits change between cycles, in
// "still" none does.
func BenchmarkReport(b *testing.B) {
	for _, moving := range []bool{true, false} {
		b.Run(map[bool]string{true: "moving", false: "still"}[moving], func(b *testing.B) {
			const groups, topics, partitions = 3000, 600, 16
			r, led, ends, subscriptions := benchReport(groups, topics, partitions)
			errs := make([]error, groups)
			now := time.Now()
			b.ReportAllocs()
			for n := int64(0); b.Loop(); n++ {
				now = now.Add(5 * time.Second)
				r.at, r.logs.began = now, now
				if moving {
					for _, blocks := range ends.response.Blocks {
						for _, block := range blocks {
							block.Offset++
						}
					}
				}
				r.logs.book.noteEnds(led, ends, offsetList{}, now)
				r.outcomes(subscriptions, errs)
			}
		})
	}
}

func benchReport(groups, topics, partitions int) (report, share, offsetList, []interest) {
	known := &cluster{topics: map[string]topic{}, brokers: map[int32]*link{}}
	ends := &sarama.OffsetResponse{Blocks: map[string]map[int32]*sarama.OffsetResponseBlock{}}
	for i := range topics {
		name := fmt.Sprintf("topic-%d", i)
		known.topics[name] = topic{ids: make([]int32, partitions), partitions: make([]partition, partitions)}
		ends.Blocks[name] = map[int32]*sarama.OffsetResponseBlock{}
		for p := range partitions {
			ends.Blocks[name][int32(p)] = &sarama.OffsetResponseBlock{Offset: 1000}
		}
	}
	book := newLogBook()
	r := report{cluster: known, groups: map[string]group{}, logs: logs{book: book, topics: book.open(known, time.Now())}}
	for _, log := range r.logs.topics {
		for p := range log.partitions {
			log.partitions[p].start.note(offset{}, time.Now())
		}
	}
	var subscriptions []interest
	for g := range groups {
		s := reads(fmt.Sprintf("group-%d", g), kafka.ReadUncommitted)
		read := commits{blocks: blocks{}}
		for n := range 1 + g%3 {
			name := fmt.Sprintf("topic-%d", (g+n)%topics)
			s.Topics = append(s.Topics, name)
			read.blocks[name] = map[int32]*sarama.OffsetFetchResponseBlock{}
			for p := range partitions {
				read.blocks[name][int32(p)] = &sarama.OffsetFetchResponseBlock{Offset: 900}
			}
		}
		r.groups[s.GroupID] = group{committed: read}
		subscriptions = append(subscriptions, s)
	}
	return r, known.shares(r.logs.topics, nil)[0], offsetList{response: ends}, subscriptions
}
