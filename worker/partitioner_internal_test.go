package worker

import (
	"math"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

func partitionOf(t *testing.T, p sarama.Partitioner, key []byte, count int32) int32 {
	t.Helper()
	partition, err := p.Partition(&sarama.ProducerMessage{Key: encoded(key)}, count)
	if err != nil || partition < 0 || partition >= count {
		t.Fatalf("key %q of %d: %d, %v", key, count, partition, err)
	}
	return partition
}

// The hashes of testMurmur2 in Kafka's UtilsTest. Among the most partitions
// that there can be a partition is the hash without its sign.
func TestMurmur2IsJavas(t *testing.T) {
	t.Parallel()
	p := HashMurmur2.constructor()("t")
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got, want := partitionOf(t, p, []byte(key), math.MaxInt32), hash&math.MaxInt32; got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
		if got, want := partitionOf(t, p, []byte(key), 12), hash&math.MaxInt32%12; got != want {
			t.Errorf("%q of 12: %d, want %d", key, got, want)
		}
	}
}

// The hashes of librdkafka's test 0048 for its partitioners, which were made
// with the clients that they stand for.
func TestHashesAreLibrdkafkas(t *testing.T) {
	t.Parallel()
	long := "this is another string with more length to it perhaps"
	for partitioner, hashes := range map[Partitioner]map[string]uint32{
		HashCRC32:   {"23456": 0xb1b451d7, long: 0xb0150df7, "hejsan": 0xd077037e},
		HashMurmur2: {"": 0x106e08d9, "23456": 0x058d780f, long: 0x4f7703da, "hejsan": 0x5ec19395},
		HashFNV1a:   {"": 0x7ee3623b, "23456": 0x27e6f469, long: 0x155e3e5f, "hejsan": 0x17b1e27a},
	} {
		p := partitioner.constructor()("t")
		for key, hash := range hashes {
			for _, count := range []int32{7, 17} {
				if got, want := partitionOf(t, p, []byte(key), count), int32(hash%uint32(count)); got != want {
					t.Errorf("%s of %q among %d: %d, want %d", partitioner, key, count, got, want)
				}
			}
		}
	}
}

// Which messages may go to any partition that has a leader, and which must wait
// for theirs.
func TestWhatCountsAsAKey(t *testing.T) {
	t.Parallel()
	type has struct{ absent, empty, key bool }
	for partitioner, want := range map[Partitioner]has{
		HashMurmur2: {false, true, true}, HashFNV1a: {false, true, true}, HashCRC32: {false, false, true},
	} {
		dynamic := partitioner.constructor()("t").(sarama.DynamicConsistencyPartitioner)
		consistent := func(key []byte) bool {
			return dynamic.MessageRequiresConsistency(&sarama.ProducerMessage{Key: encoded(key)})
		}
		if got := (has{consistent(nil), consistent([]byte{}), consistent([]byte("k"))}); got != want {
			t.Errorf("%s: %+v, want %+v", partitioner, got, want)
		}
	}
	for _, partitioner := range []Partitioner{PartitionRandom, PartitionRoundRobin} {
		if partitioner.constructor()("t").RequiresConsistency() {
			t.Errorf("%s waits for one partition", partitioner)
		}
	}
	if !PartitionManual.constructor()("t").RequiresConsistency() {
		t.Error("manual takes another partition")
	}
}

// Messages without a key reach all partitions, in runs of a batch with murmur2.
func TestMessagesWithoutAKey(t *testing.T) {
	t.Parallel()
	const count = 6
	for _, partitioner := range []Partitioner{HashMurmur2, HashFNV1a, PartitionRandom, PartitionRoundRobin} {
		p, hit, changes, last := partitioner.constructor()("t"), make(map[int32]int), 0, int32(-1)
		for range 10_000 {
			partition, err := p.Partition(&sarama.ProducerMessage{Value: sarama.ByteEncoder(make([]byte, 1000))}, count)
			if err != nil {
				t.Fatal(err)
			}
			if hit[partition]++; partition != last {
				changes++
			}
			last = partition
		}
		if len(hit) != count {
			t.Errorf("%s: %v", partitioner, hit)
		}
		// 10,000 messages of 1 KB are some 600 batches of 16 KiB.
		if sticky := changes < 700; sticky != (partitioner == HashMurmur2) {
			t.Errorf("%s: %d changes of partition", partitioner, changes)
		}
	}
}

func TestMessagesWithoutAKeyAsLibrdkafka(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	s := &stickyForTime{now: func() time.Time { return now }}
	hit := make(map[int32]bool)
	for range 1000 {
		first := s.choose(nil, 6)
		hit[first] = true
		now = now.Add(rdkafkaSticky - 1)
		if again := s.choose(nil, 6); again != first {
			t.Fatalf("%d after %d", again, first)
		}
		now = now.Add(1)
	}
	if len(hit) != 6 {
		t.Errorf("partitions %v", hit)
	}
	if got := s.choose(nil, 1); got != 0 {
		t.Errorf("partition %d of 1", got)
	}
}
