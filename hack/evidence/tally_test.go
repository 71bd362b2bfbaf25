package main

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTally(t *testing.T) {
	a := func(number int) message { return message{"a", number} }
	b := func(number int) message { return message{"b", number} }
	cases := map[string]struct {
		reason       string
		acknowledged []message
		failed       []message
		untold       []message
		read         []message
		want         counts
	}{
		"Whole": {
			reason:       "each once, in the order of its key; keys have none among each other",
			acknowledged: []message{a(0), a(1), b(0), b(1)}, read: []message{b(0), a(0), a(1), b(1)},
			want: counts{Sent: 4, Acknowledged: 4},
		},
		"Lost": {
			reason:       "what was acknowledged is not there",
			acknowledged: []message{a(0), a(1), a(2)}, read: []message{a(0), a(2)},
			want: counts{Sent: 3, Acknowledged: 3, Lost: 1},
		},
		"NotAcknowledged": {
			reason:       "what failed, or has no result, may be there or not, once or twice, anywhere",
			acknowledged: []message{a(1)}, failed: []message{a(0), a(2)}, untold: []message{a(3)},
			read: []message{a(3), a(2), a(1), a(2), a(3)},
			want: counts{Sent: 4, Acknowledged: 1, GivenUp: 2},
		},
		"Doubled": {
			reason:       "three times is twice too often; a repeat is no change of order",
			acknowledged: []message{a(0), a(1)}, read: []message{a(0), a(1), a(0), a(0)},
			want: counts{Sent: 2, Acknowledged: 2, Doubled: 2},
		},
		"Reordered": {
			reason:       "two and three of the key came before one, which is one that is late",
			acknowledged: []message{a(0), a(1), a(2), a(3)}, read: []message{a(0), a(2), a(3), a(1)},
			want: counts{Sent: 4, Acknowledged: 4, Reordered: 1},
		},
		"Reversed": {
			reason:       "each that is behind a later one counts",
			acknowledged: []message{a(0), a(1), a(2)}, read: []message{a(2), a(1), a(0)},
			want: counts{Sent: 3, Acknowledged: 3, Reordered: 2},
		},
		"Overtaken": {
			reason:       "one and two are in order among each other, and both behind three",
			acknowledged: []message{a(0), a(1), a(2), a(3)}, read: []message{a(0), a(3), a(1), a(2)},
			want: counts{Sent: 4, Acknowledged: 4, Reordered: 2},
		},
		"Others": {
			reason:       "what nobody sent is not counted as anything",
			acknowledged: []message{a(0)}, read: []message{a(0), b(7), b(7)},
			want: counts{Sent: 1, Acknowledged: 1},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			book := newLedger()
			for _, m := range append(append(tc.acknowledged, tc.failed...), tc.untold...) {
				book.send(m)
			}
			for _, m := range tc.acknowledged {
				book.tell(m, nil)
			}
			for _, m := range tc.failed {
				book.tell(m, errors.New("refused"))
			}
			if diff := cmp.Diff(tc.want, tally(book, tc.read)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestTheFirstResultStands(t *testing.T) {
	book, m := newLedger(), message{"a", 0}
	book.send(m)
	if diff := cmp.Diff([]message{m}, book.unsettled(), cmp.AllowUnexported(message{})); diff != "" {
		t.Errorf("without a result, -want +got:\n%s", diff)
	}
	book.tell(m, errors.New("refused"))
	book.tell(m, nil)
	if diff := cmp.Diff(counts{Sent: 1, GivenUp: 1}, tally(book, []message{m})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if left := book.unsettled(); len(left) > 0 {
		t.Errorf("%v have no result", left)
	}
}

func TestValuesAreRead(t *testing.T) {
	for _, size := range []int{0, 30} {
		m := message{"key-7", 1234}
		value := m.value(size)
		got, err := messageOf(value)
		if err != nil || got != m || len(value) < size {
			t.Errorf("%q is read as %v, %v", value, got, err)
		}
	}
	for _, bad := range []string{"", "key-7", "key-7 x ..."} {
		if m, err := messageOf([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, m)
		}
	}
}

func TestResultsOfTheJavaProgramAreNoted(t *testing.T) {
	book := newLedger()
	for _, line := range []string{"s key-1 0\n", "s key-1 1\n", "s key-1 2\n", "a key-1 0\n", "f key-1 1 TimeoutException\n"} {
		if err := note(book, line); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(counts{Sent: 3, Acknowledged: 1, GivenUp: 1, Lost: 1}, tally(book, nil)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"TimeoutException": 1}, book.failures()); diff != "" {
		t.Errorf("failures, -want +got:\n%s", diff)
	}
	for _, bad := range []string{"a key-1\n", "a key-1 x\n"} {
		if err := note(book, bad); err == nil {
			t.Errorf("%q was noted", bad)
		}
	}
}
