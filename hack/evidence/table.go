package main

import (
	"fmt"
	"strings"
	"time"
)

const (
	tableBegins = "<!-- evidence: made by make evidence -->"
	tableEnds   = "<!-- end of evidence -->"
)

// cluster is what the experiments ran on.
type cluster struct {
	version                             string
	eligibleLeaders, transactionVersion string
	minISR                              string
	session, lag                        time.Duration
}

// render is the generated part of the document.
func render(on cluster, outcomes []outcome, took time.Duration) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Apache Kafka %s, %d brokers; `eligible.leader.replicas.version` (ELR) %s, `transaction.version` %s; topics with three "+
		"replicas and `min.insync.replicas=%s` but where the table says otherwise; `broker.session.timeout.ms=%d`, `replica.lag.time.max.ms=%d`. "+
		"The run took %s.\n\n", on.version, brokers, on.eligibleLeaders, on.transactionVersion, on.minISR,
		on.session.Milliseconds(), on.lag.Milliseconds(), took.Round(time.Second))
	text.WriteString("| | rule | settings | faults | rounds | sent | acknowledged | lost | doubled | reordered | given up |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, o := range outcomes {
		rule := "none"
		if o.Rule != "" {
			rule = "[`" + o.Rule + "`](producer-policy.md#" + o.Rule + ")"
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", o.Pitfall, rule, o.Flagged.Settings, o.Faults, o.tries(), cells(o.counts[flagged], o.harm))
		for i, a := range o.arms()[safest:] {
			fmt.Fprintf(&text, "| | | %s | the same | %d | %s |\n", settingsOf(a, armNames[safest+i]), o.rounds, cells(o.counts[safest+i], harm{}))
		}
	}
	return text.String()
}

func settingsOf(a arm, name string) string {
	if a.Settings == "" {
		return name
	}
	return name + ": " + a.Settings
}

// tries is in how many rounds the harm was seen, or that it wasn't.
func (o outcome) tries() string {
	switch {
	case o.err != nil:
		return fmt.Sprintf("%d, ended by an error: %s", o.rounds, strings.ReplaceAll(firstLine(o.err.Error()), "|", "/"))
	case !o.provoked():
		return fmt.Sprintf("%d, **not provoked**", o.rounds)
	}
	return fmt.Sprint(o.rounds)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// cells are the counts, the one that shows the harm in bold.
func cells(c counts, shown harm) string {
	columns := []struct {
		name  string
		count int
	}{{"sent", c.Sent}, {"acknowledged", c.Acknowledged}, {losing.name, c.Lost}, {doubling.name, c.Doubled},
		{reordering.name, c.Reordered}, {givingUp.name, c.GivenUp}}
	var all []string
	for _, column := range columns {
		cell := fmt.Sprint(column.count)
		if column.name == shown.name && column.count > 0 {
			cell = "**" + cell + "**"
		}
		all = append(all, cell)
	}
	return strings.Join(all, " | ")
}

// replaceTable puts the generated part between the markers of a document.
func replaceTable(document, table string) (string, error) {
	before, rest, begins := strings.Cut(document, tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", fmt.Errorf("the document lacks the markers %q and %q", tableBegins, tableEnds)
	}
	return before + tableBegins + "\n\n" + strings.TrimSpace(table) + "\n\n" + tableEnds + after, nil
}
