package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// lookupOn is a lookup on a broker of its own with one topic, t, and a group
// that has committed 0 in its first partition.
func lookupOn(t *testing.T, partitions int32, options ...kfake.Opt) (lookup, *kfake.Cluster) {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(partitions, "t"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	client, err := sarama.NewClient(cluster.ListenAddrs(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	_, err = admin.AlterConsumerGroupOffsets("g", map[string]map[int32]sarama.OffsetAndMetadata{"t": {0: {LeaderEpoch: -1}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newLookup(client, "g"), cluster
}

func claimOf(partitions int32) map[string][]int32 {
	claims := map[string][]int32{}
	for number := range partitions {
		claims["t"] = append(claims["t"], number)
	}
	return claims
}

// fails answers requests for offsets of partition 1 with the code, so many times.
func fails(cluster *kfake.Cluster, code *kerr.Error, times int32) (asked *atomic.Int32) {
	asked = &atomic.Int32{}
	cluster.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if asked.Add(1) > times {
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, topic := range request.(*kmsg.ListOffsetsRequest).Topics {
			answer := kmsg.ListOffsetsResponseTopic{Topic: topic.Topic}
			for _, p := range topic.Partitions {
				one := kmsg.ListOffsetsResponseTopicPartition{Partition: p.Partition}
				if p.Partition == 1 {
					one.ErrorCode, one.Offset = code.Code, -1
				}
				answer.Partitions = append(answer.Partitions, one)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
	return asked
}

func TestLookupAsksAgainWhereTheLeaderMoves(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.OffsetNotAvailable, kerr.UnknownTopicOrPartition} {
		t.Run(code.Message, func(t *testing.T) {
			t.Parallel()
			from, cluster := lookupOn(t, 2)
			fails(cluster, code, 2)
			known, err := from.read(t.Context(), claimOf(2), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			want := map[kafka.TopicPartition]logRange{{Topic: "t"}: plain(0, 0, 0), {Topic: "t", Partition: 1}: plain(0, 0, 0)}
			if diff := cmp.Diff(want, known.logs, cmp.AllowUnexported(logRange{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestLookupNamesThePartitionThatItMayNotRead(t *testing.T) {
	from, cluster := lookupOn(t, 2)
	asked := fails(cluster, kerr.TopicAuthorizationFailed, 100)
	_, err := from.read(t.Context(), claimOf(2), time.Time{})
	if !errors.Is(err, sarama.ErrTopicAuthorizationFailed) || !strings.Contains(err.Error(), "t-1") {
		t.Errorf("read: %v, want a failed authorization for t-1", err)
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times for what asking again does not change", asked.Load())
	}
}

// sarama looks for the leader of each partition by itself, again and again: for
// 16 on a broker that is down that were 12 s.
func TestLookupGivesUpOnPartitionsWithoutLeader(t *testing.T) {
	from, cluster := lookupOn(t, 16)
	var asked atomic.Int32
	cluster.ControlKey(int16(kmsg.Metadata), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked.Add(1)
		response := kreq.ResponseKind().(*kmsg.MetadataResponse)
		host, port := hostPort(cluster.ListenAddrs()[0])
		response.Brokers = []kmsg.MetadataResponseBroker{{Host: host, Port: port}}
		name := "t"
		topic := kmsg.MetadataResponseTopic{Topic: &name}
		for number := range int32(16) {
			p := kmsg.MetadataResponseTopicPartition{Partition: number, Leader: -1, ErrorCode: kerr.LeaderNotAvailable.Code}
			topic.Partitions = append(topic.Partitions, p)
		}
		response.Topics = []kmsg.MetadataResponseTopic{topic}
		return response, nil, true
	})
	if err := from.client.RefreshMetadata("t"); err == nil {
		t.Fatal("there are leaders")
	}
	asked.Store(0)
	_, err := from.readAll(t.Context(), claimOf(16), time.Time{})
	if !errors.Is(err, sarama.ErrLeaderNotAvailable) {
		t.Errorf("read: %v, want that a leader is not available", err)
	}
	if asked.Load() > 8 { // once for each partition, with three repetitions, were 64
		t.Errorf("asked %d times for the leaders of 16 partitions", asked.Load())
	}
}

func hostPort(address string) (host string, port int32) {
	_, _ = fmt.Sscanf(strings.ReplaceAll(address, ":", " "), "%s %d", &host, &port)
	return host, port
}

// A broker that has gone silent: the lookup ends with its context.
func TestLookupEndsWithItsContext(t *testing.T) {
	from, cluster := lookupOn(t, 1)
	silent, asked := make(chan struct{}), make(chan struct{})
	cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(asked)
		cluster.SleepControl(func() { <-silent })
		return nil, nil, false
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := from.read(ctx, claimOf(1), time.Time{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v, want that it was canceled", err)
	}
	close(silent)
}

// What is produced while the lookup goes on is not passed over: the end is known
// before the broker says that no message is young enough.
func TestLookupReadsTheEndBeforeTheAge(t *testing.T) {
	from, cluster := lookupOn(t, 1)
	var asked []int64
	cluster.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked = append(asked, request.(*kmsg.ListOffsetsRequest).Topics[0].Partitions[0].Timestamp)
		return nil, nil, false
	})
	youngest := time.UnixMilli(1_700_000_000_000)
	if _, err := from.read(t.Context(), claimOf(1), youngest); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{sarama.OffsetOldest, sarama.OffsetNewest, youngest.UnixMilli()}, asked); diff != "" {
		t.Errorf("-want +asked:\n%s", diff)
	}
}

// Before 2.5 brokers knew nothing of offsets that a transaction has not decided.
func TestLookupOnAnOldBroker(t *testing.T) {
	from, _ := lookupOn(t, 1, kfake.MaxVersions(kversion.V2_4_0()))
	known, err := from.read(t.Context(), claimOf(1), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if got := known.commits[kafka.TopicPartition{Topic: "t"}]; got.offset != 0 {
		t.Errorf("found %+v, want the commit of 0", got)
	}
}
