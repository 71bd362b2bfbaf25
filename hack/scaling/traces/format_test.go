package traces

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

func TestFormats(t *testing.T) {
	cases := map[string]struct {
		reason, file string
		entry        Entry
		want         []float64
		counted      bool
	}{
		"Epoch": {
			"Seconds and bars, as Demeter writes them: at 1 s a count is a rate.",
			"timestamp|value\n1639926776|10\n1639926777|20\n1639926778|30\n", Entry{}, []float64{10, 20, 30}, true,
		},
		"Count": {
			"Of 5 s, as NAB writes them: 10 messages in 5 s are 2 a second, held for 5 s.",
			"timestamp,value\n2014-04-10 00:04:00,10\n2014-04-10 00:04:05,20\n", Entry{}, []float64{2, 2, 2, 2, 2, 4, 4, 4, 4, 4}, false,
		},
		"Rate by its name": {
			"A column called rate is messages a second already.",
			"time,rate\n0,10\n2,20\n", Entry{}, []float64{10, 10, 20, 20}, false,
		},
		"Rate by the manifest": {
			"The manifest knows better than the name.",
			"timestamp,value\n0,10\n2,20\n", Entry{Format: Rate}, []float64{10, 10, 20, 20}, false,
		},
		"Gap": {
			"A row that is missing: the rate before it goes on.",
			"timestamp,value\n0,1\n1,2\n2,3\n4,5\n", Entry{}, []float64{1, 2, 3, 3, 5}, true,
		},
		"Within a second": {
			"Counts of half a second: a second has two of them.",
			"timestamp,value\n0,1\n0.5,2\n1,3\n1.5,4\n", Entry{}, []float64{3, 7}, true,
		},
		"Requests": {
			"A row for each, as Azure writes them, in any order, the last line without its end.",
			"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:48.1,879,55\n2023-11-16 18:15:46.9951690,396,109",
			Entry{}, []float64{2, 0, 1}, true,
		},
		"Requests, times alone":  {"No header, no other column.", "100.5\n100.6\n102\n", Entry{}, []float64{2, 0, 1}, true},
		"Requests, two columns":  {"Names are no rates.", "time,user\n100,ann\n100.6,bob\n", Entry{}, []float64{2}, true},
		"Requests, uneven times": {"Numbers at uneven times are something else of each request.", "time,bytes\n0,500\n0.2,10\n0.3,20\n2.7,9\n", Entry{}, []float64{3, 0, 1}, true},
		"No header":              {"The first line has a time already.", "10,4\n11,5\n12,6\n", Entry{}, []float64{4, 5, 6}, true},
		"RFC 3339":               {"Time zones count.", "timestamp,value\n2024-01-01T01:00:00+01:00,4\n2024-01-01T00:00:01Z,5\n", Entry{}, []float64{4, 5}, true},
		"Milliseconds":           {"Told by their size.", "timestamp,value\n1639926776000,4\n1639926777000,5\n", Entry{}, []float64{4, 5}, true},
		"Columns by name": {
			"The manifest names them, upper case or not; other columns are left alone.",
			"host,when,hits\na,0,4\nb,1,5\n", Entry{TimeColumn: "When", ValueColumn: "hits"}, []float64{4, 5}, true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			table, err := readTable(strings.NewReader(tc.file), tc.entry)
			if err != nil {
				t.Fatal(err)
			}
			got, counted, err := table.perSecond()
			if err != nil || !slices.EqualFunc(got, tc.want, near) || counted != tc.counted {
				t.Errorf("%s\ngot %v, counted %t, error %v, want %v, %t", tc.reason, got, counted, err, tc.want, tc.counted)
			}
		})
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	cases := map[string]struct {
		file  string
		entry Entry
		want  string
	}{
		"Nothing":        {"timestamp,value\n", Entry{}, "1: fewer than two rows"},
		"Time":           {"timestamp,value\n0,1\nyesterday,2\n", Entry{}, `3: "yesterday" is not a timestamp`},
		"Value":          {"timestamp,value\n0,1\n1,much\n", Entry{}, `3: "much" is not a number`},
		"Value, unnamed": {"0,1\n1,2\n2,3\n3,\n4,1\n", Entry{}, `4: "" is not a number`},
		"NaN":            {"timestamp,value\n0,NaN\n1,1\n", Entry{}, `2: "NaN" is not a number`},
		"Negative":       {"timestamp,value\n0,1\n1,-1\n", Entry{}, `3: "-1" is negative`},
		"Columns":        {"timestamp,value\n0,1\n1\n", Entry{}, "3: 1 columns, the first line has 2"},
		"Order":          {"timestamp,value\n0,1\n2,1\n1,1\n", Entry{}, "4: its time is not after the one before"},
		"Quote":          {"timestamp,value\n0,1\n1,\"2\n", Entry{}, "3: extraneous"},
		"Too long":       {"timestamp,value\n0,1\n1,1\n1639926776,1\n", Entry{}, "4: 18981 days"},
		"No such column": {"timestamp,value\n0,1\n", Entry{ValueColumn: "hits"}, `1: no column "hits"`},
		"No values":      {"timestamp\n0\n1\n", Entry{Format: Rate}, "1: no column of values for format rate"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			table, err := readTable(strings.NewReader(tc.file), tc.entry)
			if err == nil {
				_, _, err = table.perSecond()
			}
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	seconds := func(n int) metav1.Duration { return metav1.Duration{Duration: time.Duration(n) * time.Second} }
	rates := []float64{0, 0, 3, 4, 5}
	if got, err := (Entry{From: seconds(2), Length: seconds(2)}).cut(rates); err != nil || !slices.Equal(got, []float64{3, 4}) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := (Entry{From: seconds(3), Length: seconds(60)}).cut(rates); err != nil || !slices.Equal(got, []float64{4, 5}) {
		t.Errorf("a length beyond the end: got %v, %v", got, err)
	}
	if _, err := (Entry{From: seconds(5)}).cut(rates); err == nil {
		t.Error("a start at the end is no error")
	}
	if _, err := (Entry{Length: seconds(2)}).cut(rates); err == nil {
		t.Error("no messages are no error")
	}
}
