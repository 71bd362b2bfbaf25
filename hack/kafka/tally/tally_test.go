package tally

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func messages(offsets ...int64) []Message {
	var list []Message
	for _, offset := range offsets {
		list = append(list, Message{Topic: "t", Offset: offset})
	}
	return list
}

func TestCounts(t *testing.T) {
	now := time.Unix(100, 0)
	cases := map[string]struct {
		reason  string
		batches []Request
		want    Counts
	}{
		"Distinct": {
			reason:  "Each message once.",
			batches: []Request{{"a", 1, messages(0, 1)}, {"b", 1, messages(2)}},
			want:    Counts{Distinct: 3, First: now, Workers: 2},
		},
		"OtherPartition": {
			reason:  "The same offset of another topic or partition is another message.",
			batches: []Request{{"a", 1, []Message{{"t", 0, 0}, {"t", 1, 0}, {"u", 0, 0}}}},
			want:    Counts{Distinct: 3, First: now, Workers: 1},
		},
		"Redelivered": {
			reason:  "Two workers have handled offset 1.",
			batches: []Request{{"a", 1, messages(0, 1)}, {"b", 1, messages(1, 2)}},
			want:    Counts{Distinct: 3, Redelivered: 1, First: now, Workers: 2},
		},
		"RepeatedBatch": {
			reason:  "The acknowledgement got lost and the batch came again: no delivery was repeated.",
			batches: []Request{{"a", 1, messages(0, 1)}, {"a", 1, messages(0, 1)}, {"a", 2, messages(2)}},
			want:    Counts{Distinct: 3, First: now, Workers: 1},
		},
		"OutOfOrder": {
			reason:  "Offset 1 was first handled after offset 2, offset 0 was handled twice.",
			batches: []Request{{"a", 1, messages(0, 2)}, {"b", 1, messages(0, 1)}},
			want:    Counts{Distinct: 3, Redelivered: 1, OutOfOrder: 1, First: now, Workers: 2},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := New()
			server.now = func() time.Time { return now }
			for _, batch := range tc.batches {
				if err := server.Add(batch); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tc.want, server.Counts()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestDistinctByPartition(t *testing.T) {
	server := New()
	if err := server.Add(Request{"a", 1, []Message{{"t", 0, 0}, {"t", 0, 1}, {"t", 3, 0}, {"u", 0, 0}}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[int32]int64{0: 2, 3: 1}, server.Distinct("t")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestHandler(t *testing.T) {
	cases := map[string]struct {
		reason string
		body   string
		want   int
	}{
		"Batch":      {"A batch is acknowledged without a body.", `{"worker":"a","sequence":1,"messages":[{"topic":"t","partition":0,"offset":4}]}`, http.StatusNoContent},
		"NotJSON":    {"Nothing is counted that was not understood.", `{`, http.StatusBadRequest},
		"LostBatch":  {"A gap in the sequence is a batch that was not counted.", `{"worker":"a","sequence":2}`, http.StatusBadRequest},
		"NoSequence": {"Without a number a repetition could not be told.", `{"worker":"a","messages":[]}`, http.StatusBadRequest},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			New().Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/handled", strings.NewReader(tc.body)))
			if answer.Code != tc.want {
				t.Errorf("%s\nanswer %d %s, want %d", tc.reason, answer.Code, answer.Body, tc.want)
			}
		})
	}
}

func TestCountsAreServed(t *testing.T) {
	server := New()
	if err := server.Add(Request{"a", 1, messages(0, 1)}); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/counts", nil))
	if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"distinct":2`) {
		t.Errorf("GET /counts: %d %s", answer.Code, answer.Body)
	}
}
