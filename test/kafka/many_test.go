package kafka_test

import (
	"fmt"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

const (
	groupCount = 500
	manyTopic  = "many"
	manyEnd    = 20 // of each of its three partitions
)

// manyGroups watches 500 groups that have committed different offsets, and
// compares each of the 1,500 partitions with what was committed and, on Apache
// Kafka, with what its tool says.
func manyGroups(t *testing.T, s *stand, e *engine, order int) {
	s.createTopic(t, manyTopic, 3, nil)
	for partition := range int32(3) {
		s.fill(t, manyTopic, partition, manyEnd)
	}
	s.commitMany(t)
	connection := kafkaadmin.NewConnection(s.servers, "", kafkaauth.Security{})
	for i := range groupCount {
		e.watch(t, manyID(i), kafkaadmin.Subscription{Connection: connection, GroupID: manyID(i), Topics: []string{manyTopic}}, kafka.InitialEarliest)
	}
	want := map[string]string{}
	for i := range groupCount {
		commits := manyCommits(i)
		_, group := e.until(t, manyID(i), "the lag of group "+manyID(i), func(_ kafka.GroupSample, group lag.Group) bool {
			messages, unknown := group.Known()
			return unknown == 0 && messages == 3*manyEnd-commits[0]-commits[1]-commits[2]
		})
		for _, p := range group.Topics[0].Partitions {
			want[manyID(i)+" "+p.String()] = fmt.Sprintf("%d / %d / %d", commits[p.Partition], manyEnd, manyEnd-commits[p.Partition])
			if p.Messages != manyEnd-commits[p.Partition] {
				t.Errorf("group %s, %s: lag %d with commit %d", manyID(i), p, p.Messages, commits[p.Partition])
			}
		}
	}
	told := ""
	if s.apache != nil {
		told = "the same 1,500 lines"
		if diff := gocmp.Diff(want, s.toolOnMany(t)); diff != "" {
			t.Errorf("-ours +the tool's:\n%s", diff)
		}
	}
	theTable.add(row{order: order, name: "500 groups at once", what: "all 1,500", ours: "each as it was committed", tool: told}, s.kind)
}

func manyID(i int) string { return fmt.Sprintf("many-%03d", i) }

func manyCommits(i int) map[int32]int64 {
	return map[int32]int64{0: int64(i % 21), 1: int64(i % 7), 2: int64(i % 13)}
}

func (s *stand) commitMany(t *testing.T) {
	t.Helper()
	var all sync.WaitGroup
	for part := range 8 {
		all.Go(func() {
			for i := part; i < groupCount; i += 8 {
				s.commit(t, manyID(i), manyTopic, manyCommits(i))
			}
		})
	}
	all.Wait()
}

func (s *stand) toolOnMany(t *testing.T) map[string]string {
	t.Helper()
	var groups []string
	for i := range groupCount {
		groups = append(groups, manyID(i))
	}
	lines, err := s.apache.DescribeOffsets(within(t), groups...)
	must(t, "ask Kafka's tool", err)
	told := map[string]string{}
	for _, line := range lines {
		told[fmt.Sprintf("%s %s-%d", line.Group, line.Topic, line.Partition)] = numbersOf(line)
	}
	return told
}
