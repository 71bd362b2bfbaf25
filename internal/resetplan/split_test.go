package resetplan

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// commitsOf are n commits on topics with names of 20 bytes, 100 partitions each.
func commitsOf(n int, metadata string) []v1alpha1.SavedOffset {
	var writes []v1alpha1.SavedOffset
	for i := range n {
		writes = append(writes, v1alpha1.SavedOffset{
			Topic: fmt.Sprintf("topic-of-20-bytes-%02d", i/100%100), Partition: int32(i % 100), Offset: new(int64(i)), Metadata: metadata,
		})
	}
	return writes
}

const group20 = "group-of-twenty-byte"

// TestSplitRequests: how many requests a reset takes.
func TestSplitRequests(t *testing.T) {
	tagged := Tag(strings.Repeat("0", 32))
	cases := map[string]struct {
		reason string
		writes []v1alpha1.SavedOffset
		want   []int
	}{
		"None":           {"nothing to write is no request", nil, nil},
		"One":            {"", commitsOf(1, tagged), []int{1}},
		"Thousand":       {"one request is all or nothing", commitsOf(1000, tagged), []int{1000}},
		"TenThousand":    {"102 bytes each", commitsOf(10_000, tagged), []int{10_000}},
		"Restored":       {"60 bytes of restored metadata: 146 bytes each", commitsOf(10_000, strings.Repeat("m", 60)), []int{7069, 2931}},
		"LargestAllowed": {"4,096 bytes of metadata: 250 were measured to be the most", commitsOf(500, strings.Repeat("m", 4096)), []int{246, 246, 8}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, request := range Split(group20, tc.writes, CommitLimit) {
				got = append(got, len(request))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestSplitProperties: no request is over the limit or could have taken the next
// write, none mixes, and together they are the writes.
func TestSplitProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		writes, limit := randomWrites(r), 1+r.IntN(2000)
		before := slices.Clone(writes)
		var commits, deletions []v1alpha1.SavedOffset
		var last bool
		for _, request := range Split("g", writes, limit) {
			size, deletes := 0, request[0].Offset == nil
			for _, w := range request {
				size += recordSize("g", w)
				if (w.Offset == nil) != deletes {
					t.Fatalf("a request of both: %v", savedTexts(request))
				}
			}
			if size > limit && len(request) > 1 {
				t.Fatalf("%d bytes in a request with a limit of %d", size, limit)
			}
			if last && !deletes {
				t.Fatal("commits after deletions")
			}
			if last = deletes; deletes {
				deletions = append(deletions, request...)
			} else {
				commits = append(commits, request...)
			}
		}
		var wantCommits, wantDeletions []v1alpha1.SavedOffset
		for _, w := range before {
			if w.Offset != nil {
				wantCommits = append(wantCommits, w)
			} else {
				wantDeletions = append(wantDeletions, w)
			}
		}
		if diff := cmp.Diff([][]v1alpha1.SavedOffset{wantCommits, wantDeletions, before}, [][]v1alpha1.SavedOffset{commits, deletions, writes}); diff != "" {
			t.Fatalf("the requests are not the writes (-want +got):\n%s", diff)
		}
	}
}

func randomWrites(r *rand.Rand) []v1alpha1.SavedOffset {
	var writes []v1alpha1.SavedOffset
	for i := range r.IntN(60) {
		w := v1alpha1.SavedOffset{Topic: strings.Repeat("t", 1+r.IntN(249)), Partition: int32(i)}
		if r.IntN(4) > 0 {
			w.Offset, w.Metadata = new(r.Int64N(1000)), strings.Repeat("m", r.IntN(300))
		}
		writes = append(writes, w)
	}
	return writes
}

// TestRecordSize holds the formula against the records that Kafka writes: never
// less than they take, and at most five bytes more.
func TestRecordSize(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		group := strings.Repeat("g", 1+r.IntN(249))
		w := v1alpha1.SavedOffset{
			Topic: strings.Repeat("t", 1+r.IntN(249)), Partition: r.Int32(), Offset: new(r.Int64()),
			Metadata: strings.Repeat("m", []int{0, 16, r.IntN(100), r.IntN(4097)}[r.IntN(4)]),
		}
		took, formula := recordBytes(group, w, r.IntN(10_000)), recordSize(group, w)
		if formula < took || formula > took+5 {
			t.Fatalf("group %d, topic %d, metadata %d: %d bytes, and the formula says %d",
				len(group), len(w.Topic), len(w.Metadata), took, formula)
		}
	}
}

// recordBytes is the length of the record of a commit at a place in its batch:
// the key and value that Kafka's coordinator writes, in a record of format 2.
func recordBytes(group string, w v1alpha1.SavedOffset, place int) int {
	key := kmsg.OffsetCommitKey{Version: 1, Group: group, Topic: w.Topic, Partition: w.Partition}
	value := kmsg.OffsetCommitValue{Version: 3, Offset: *w.Offset, LeaderEpoch: -1, Metadata: w.Metadata}
	body := []byte{0}                              // attributes
	body = binary.AppendVarint(body, 0)            // timestamp: that of the batch
	body = binary.AppendVarint(body, int64(place)) // offset from the first of the batch
	for _, part := range [][]byte{key.AppendTo(nil), value.AppendTo(nil)} {
		body = append(binary.AppendVarint(body, int64(len(part))), part...)
	}
	body = binary.AppendVarint(body, 0) // headers
	return len(binary.AppendVarint(nil, int64(len(body)))) + len(body)
}
