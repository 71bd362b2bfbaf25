package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// lagShape is how much there is to read in the lag benchmark.
type lagShape struct {
	Groups, Topics, Partitions, Brokers, Metadata int
	RTT                                           time.Duration
}

func (s *lagShape) flags(c *cobra.Command) {
	c.Flags().IntVar(&s.Groups, "groups", 3000, "how many consumer groups")
	c.Flags().IntVar(&s.Topics, "topics", 600, "how many topics; each group reads 1 to 3 of them")
	c.Flags().IntVar(&s.Partitions, "partitions", 16, "partitions of each topic")
	c.Flags().IntVar(&s.Brokers, "brokers", 3, "how many brokers")
	c.Flags().IntVar(&s.Metadata, "metadata", 60, "bytes of metadata on each commit")
	c.Flags().DurationVar(&s.RTT, "rtt", 2*time.Millisecond, "what each response waits, as for a network's round trip")
}

// args are the flags that make the same shape.
func (s *lagShape) args() []string {
	return []string{
		"--groups", strconv.Itoa(s.Groups), "--topics", strconv.Itoa(s.Topics), "--partitions", strconv.Itoa(s.Partitions),
		"--brokers", strconv.Itoa(s.Brokers), "--metadata", strconv.Itoa(s.Metadata), "--rtt", s.RTT.String(),
	}
}

func (s *lagShape) topics() []string {
	names := make([]string, s.Topics)
	for i := range names {
		names[i] = topicName(i)
	}
	return names
}

func topicName(i int) string { return fmt.Sprintf("bench-topic-%08d", i) }

func (s *lagShape) group(g int) string { return fmt.Sprintf("bench-group-%08d", g) }

// topicsOf gives every group one, two or three neighbouring topics: two on
// average, so that 3,000 groups of 16 partitions have 96,000 offsets.
func (s *lagShape) topicsOf(g int) []string {
	names := make([]string, 0, 3)
	for i := range min(1+g%3, s.Topics) {
		names = append(names, topicName((g+i)%s.Topics))
	}
	return names
}

func (s *lagShape) offsets() int {
	total := 0
	for g := range s.Groups {
		total += len(s.topicsOf(g)) * s.Partitions
	}
	return total
}
