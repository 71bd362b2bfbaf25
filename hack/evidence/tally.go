package main

import "fmt"

// counts is what came of the messages of a program.
type counts struct {
	// Sent is how many there were. Acknowledged ones were told to the program as
	// written, those GivenUp as failed.
	Sent, Acknowledged, GivenUp int
	// Of those that were acknowledged: Lost ones are not in the topic, Doubled
	// counts what is there more often than once, and Reordered are read, the
	// first time, behind a later one of their key.
	Lost, Doubled, Reordered int
}

// tally compares what a program was told with what is read back.
func tally(l *ledger, read []message) counts {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	c := counts{Sent: len(l.sent), Acknowledged: l.acknowledged, GivenUp: len(l.told) - l.acknowledged}
	times, latest := make(map[message]int), make(map[string]int)
	for _, m := range read {
		if err, told := l.told[m]; !told || err != nil {
			continue
		}
		times[m]++
		if times[m] > 1 {
			c.Doubled++
			continue
		}
		if before, any := latest[m.key]; any && m.number < before {
			c.Reordered++
		}
		latest[m.key] = max(latest[m.key], m.number)
	}
	c.Lost = c.Acknowledged - len(times)
	return c
}

// plus adds those of another round.
func (c counts) plus(d counts) counts {
	return counts{
		c.Sent + d.Sent, c.Acknowledged + d.Acknowledged, c.GivenUp + d.GivenUp,
		c.Lost + d.Lost, c.Doubled + d.Doubled, c.Reordered + d.Reordered,
	}
}

// broken tells whether something was lost, doubled or reordered.
func (c counts) broken() bool { return c.Lost+c.Doubled+c.Reordered > 0 }

// String is how progress shows them.
func (c counts) String() string {
	return fmt.Sprintf("sent %d, acknowledged %d, lost %d, doubled %d, reordered %d, given up %d",
		c.Sent, c.Acknowledged, c.Lost, c.Doubled, c.Reordered, c.GivenUp)
}
