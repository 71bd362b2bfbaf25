package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func someOutcome() outcome {
	return outcome{
		experiment: experiment{
			Pitfall: "P2", Rule: "acks-leader", Faults: "the leader is killed", harm: losing,
			Flagged: arm{Settings: "`acks: leader`"}, Control: &arm{Settings: "`acks: all`"},
		},
		rounds: 3,
		counts: []counts{{Sent: 10, Acknowledged: 9, GivenUp: 1, Lost: 4, Doubled: 5, Reordered: 6}, {Sent: 8, Acknowledged: 8}, {Sent: 7, Acknowledged: 7}},
		found:  [][]string{{"acks-leader"}, nil, nil},
	}
}

func TestRender(t *testing.T) {
	on := cluster{version: "4.2.0", eligibleLeaders: "1", transactionVersion: "2", minISR: "2", session: 6 * time.Second, lag: 5 * time.Second}
	text := render(on, []outcome{someOutcome()}, 100*time.Second)
	for _, want := range []string{
		"Apache Kafka 4.2.0, 3 brokers; `eligible.leader.replicas.version` (ELR) 1, `transaction.version` 2",
		"`min.insync.replicas=2`", "`broker.session.timeout.ms=6000`, `replica.lag.time.max.ms=5000`", "The run took 1m40s.",
		"| P2 | [`acks-leader`](producer-policy.md#acks-leader) | `acks: leader` | the leader is killed | 3 | 10 | 9 | **4** | 5 | 6 | 1 |\n" +
			"| | | Lossless | the same | 3 | 8 | 8 | 0 | 0 | 0 | 0 |\n" +
			"| | | control: `acks: all` | the same | 3 | 7 | 7 | 0 | 0 | 0 | 0 |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !strings.HasPrefix(line, "|") })
	for _, line := range lines {
		if strings.Count(line, "|") != strings.Count(lines[0], "|") {
			t.Errorf("a line with other columns: %s", line)
		}
	}
}

func TestRenderSaysWhatWasNotSeen(t *testing.T) {
	o := someOutcome()
	o.counts[flagged].Lost = 0
	if got := o.tries(); got != "3, **not provoked**" {
		t.Errorf("without harm the rounds are %q", got)
	}
	o.err = errors.New("one | two\nthree")
	if got := o.tries(); got != "3, ended by an error: one / two" {
		t.Errorf("with an error the rounds are %q", got)
	}
}

func TestVerdict(t *testing.T) {
	cases := map[string]struct {
		change func(*outcome)
		want   string
	}{
		"Good":       {func(*outcome) {}, ""},
		"NotSeen":    {func(o *outcome) { o.counts[flagged] = counts{} }, ""},
		"Lost":       {func(o *outcome) { o.counts[safest].Lost = 1 }, "promise of Lossless"},
		"Doubled":    {func(o *outcome) { o.counts[safest].Doubled = 1 }, "promise of Lossless"},
		"Reordered":  {func(o *outcome) { o.counts[safest].Reordered = 1 }, "promise of Lossless"},
		"GivenUp":    {func(o *outcome) { o.harm = givingUp; o.counts[safest].GivenUp = 1 }, "promise of Lossless"},
		"Error":      {func(o *outcome) { o.err = errors.New("no brokers") }, "no brokers"},
		"RuleBlind":  {func(o *outcome) { o.found[flagged] = []string{"acks-none"} }, "finds no error"},
		"NoRule":     {func(o *outcome) { o.Rule, o.found[flagged] = "", nil }, ""},
		"RuleWrong":  {func(o *outcome) { o.found[safest] = []string{"acks-none"} }, "rules find errors with the Lossless"},
		"OtherCount": {func(o *outcome) { o.counts[safest].GivenUp = 1 }, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := someOutcome()
			tc.change(&o)
			err := verdict([]outcome{someOutcome(), o})
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("the verdict is %v, want %q", err, tc.want)
			}
		})
	}
}

func TestReplaceTable(t *testing.T) {
	document := "# Title\n\n" + tableBegins + "\nold\n" + tableEnds + "\n\nAfter.\n"
	for range 2 { // the second time nothing changes
		got, err := replaceTable(document, "\nnew\n")
		if diff := cmp.Diff("# Title\n\n"+tableBegins+"\n\nnew\n\n"+tableEnds+"\n\nAfter.\n", got); diff != "" || err != nil {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
		document = got
	}
	for _, bad := range []string{"", tableBegins, tableEnds, tableEnds + tableBegins} {
		if got, err := replaceTable(bad, "new"); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

func TestChoose(t *testing.T) {
	all := func() []experiment {
		return []experiment{{Pitfall: "P1"}, {Pitfall: "P5"}, {Pitfall: "P5"}, {Pitfall: "P16"}}
	}
	for only, want := range map[string]string{"": "P1 P5 P5 P16", "P5": "P5 P5", "P16,P1": "P1 P16"} {
		chosen, err := choose(all(), only)
		var names []string
		for _, e := range chosen {
			names = append(names, e.Pitfall)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("-only %q chooses %s, %v; want %s", only, got, err, want)
		}
	}
	for _, bad := range []string{"P99", "P1,P99"} {
		if chosen, err := choose(all(), bad); err == nil {
			t.Errorf("-only %q chooses %v", bad, chosen)
		}
	}
}
