package kafka_test

import (
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// checkPlaces: each key is where the hash says, or one at least is elsewhere.
func (s *recorded) checkPlaces(t *testing.T, c client, one policyCase) {
	t.Helper()
	agree := map[string]int{}
	for _, record := range s.keyed(t, keysTopic(c, one)) {
		for name, hash := range keyHashes {
			if hash(record) == record.Partition {
				agree[name]++
			}
		}
	}
	for name := range keyHashes {
		if want := name == one.hashes[c.place]; want != (agree[name] == keyedMessages) {
			t.Errorf("%d of %d keys are where %s says; want all or not: %v", agree[name], keyedMessages, name, want)
		}
	}
}

// keyed are the messages with keys, which may still be on their way.
func (s *recorded) keyed(t *testing.T, topic string) []*kgo.Record {
	t.Helper()
	client := s.newClient(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))
	var found []*kgo.Record
	for len(found) < keyedMessages {
		fetches := client.PollFetches(within(t))
		must(t, "read topic "+topic, fetches.Err())
		found = append(found, fetches.Records()...)
	}
	client.Close()
	return found
}

// keyHashes say the partition, by code that is none of the clients'.
var keyHashes = map[string]func(*kgo.Record) int32{
	byMurmur2: func(r *kgo.Record) int32 {
		return int32(kgo.StickyKeyPartitioner(nil).ForTopic(r.Topic).Partition(r, keyedPartitions))
	},
	byFNV1a: func(r *kgo.Record) int32 {
		h := fnv.New32a()
		_, _ = h.Write(r.Key)
		return max(int32(h.Sum32()), -int32(h.Sum32())) % keyedPartitions
	},
	byCRC32: func(r *kgo.Record) int32 { return int32(crc32.ChecksumIEEE(r.Key) % keyedPartitions) },
	byProgram: func(r *kgo.Record) int32 {
		var number int32
		_, _ = fmt.Sscanf(string(r.Key), "key-%d", &number)
		return number / (keyedMessages / keyedPartitions)
	},
}
