package trial

import (
	"testing"
)

func TestJudge(t *testing.T) {
	known := &ledger{sent: 5, acknowledged: map[string][]string{"x": {"x1", "x2", "x3"}, "y": {"y1"}}}
	cases := map[string]struct {
		reason string
		rows   []row
		want   verdict
	}{
		"Good": {
			"conversations may be mixed; y2 was sent, and stored without an acknowledgement",
			[]row{{"x1", "x", 1}, {"y1", "y", 1}, {"x2", "x", 2}, {"y2", "y", 2}, {"x3", "x", 3}},
			verdict{sent: 5, acknowledged: 4, stored: 5},
		},
		"Lost": {
			"x2 was acknowledged",
			[]row{{"x1", "x", 1}, {"y1", "y", 1}, {"x3", "x", 3}},
			verdict{sent: 5, acknowledged: 4, stored: 3, lost: 1},
		},
		"Duplicated": {
			"a second time is no disorder",
			[]row{{"x1", "x", 1}, {"x2", "x", 2}, {"x3", "x", 3}, {"x1", "x", 1}, {"y1", "y", 1}},
			verdict{sent: 5, acknowledged: 4, stored: 4, duplicated: 1},
		},
		"OutOfOrder": {
			"x2 came after x3",
			[]row{{"x1", "x", 1}, {"x3", "x", 3}, {"x2", "x", 2}, {"y1", "y", 1}},
			verdict{sent: 5, acknowledged: 4, stored: 4, outOfOrder: 1},
		},
		"Nothing": {"all were lost", nil, verdict{sent: 5, acknowledged: 4, lost: 4}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := judge(known, tc.rows)
			if got != tc.want || got.good() != (name == "Good") {
				t.Errorf("%s: %s, want %s", tc.reason, got, tc.want)
			}
		})
	}
}
