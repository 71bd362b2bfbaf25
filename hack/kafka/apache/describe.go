package apache

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

const groupCommand = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"

// Number is a number that Kafka's tool knows, or says "-" for.
type Number struct {
	Value int64
	Known bool
}

// String is how the tool prints it.
func (n Number) String() string {
	if !n.Known {
		return "-"
	}
	return strconv.FormatInt(n.Value, 10)
}

// PartitionLine is what ConsumerGroupCommand --describe --offsets says about one
// partition of one group.
type PartitionLine struct {
	Group, Topic string
	Partition    int32
	// Committed, End and Lag are unknown where the tool prints "-". Lag is
	// negative where the commit is above the end.
	Committed, End, Lag Number
	// ConsumerID, Host and ClientID are "-" for a partition without a member.
	ConsumerID, Host, ClientID string
}

// DescribeOffsets asks Kafka's own tool for the offsets of groups, in one call.
// If one of them does not exist, or is not a consumer group, the call fails.
func (c *Cluster) DescribeOffsets(ctx context.Context, groups ...string) ([]PartitionLine, error) {
	out, err := c.describe(ctx, "--offsets", groups)
	if err != nil {
		return nil, err
	}
	return ParseOffsets(out)
}

// DescribeState asks Kafka's own tool for the state of a group and its number of members.
func (c *Cluster) DescribeState(ctx context.Context, group string) (state string, members int, err error) {
	out, err := c.describe(ctx, "--state", []string{group})
	if err != nil {
		return "", 0, err
	}
	return parseState(out, group)
}

// describe takes what the tool prints as its failure: it ends with 0 all the same.
func (c *Cluster) describe(ctx context.Context, what string, groups []string) (string, error) {
	args := []string{"--bootstrap-server", strings.Join(c.Admin(), ","), "--describe", what}
	for _, group := range groups {
		args = append(args, "--group", group)
	}
	out, err := c.Tool(ctx, groupCommand, args...)
	if _, failure, failed := strings.Cut(out, "Error: "); err == nil && failed {
		err = fmt.Errorf("run %s: %s", short(groupCommand), strings.TrimSpace(failure))
	}
	return out, err
}

// GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID
const columns = 9

// ParseOffsets reads what ConsumerGroupCommand --describe --offsets prints.
func ParseOffsets(out string) ([]PartitionLine, error) {
	var lines []PartitionLine
	for text := range strings.Lines(out) {
		fields := strings.Fields(text)
		if len(fields) != columns || fields[0] == "GROUP" {
			continue // empty, a header, or a sentence such as that there are no members
		}
		line := PartitionLine{Group: fields[0], Topic: fields[1], ConsumerID: fields[6], Host: fields[7], ClientID: fields[8]}
		partition, err := strconv.ParseInt(fields[2], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the partition in %q: %w", text, err)
		}
		line.Partition = int32(partition)
		for i, number := range []*Number{&line.Committed, &line.End, &line.Lag} {
			if *number, err = parseNumber(fields[3+i]); err != nil {
				return nil, fmt.Errorf("read the offsets in %q: %w", text, err)
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func parseNumber(text string) (Number, error) {
	if text == "-" {
		return Number{}, nil
	}
	value, err := strconv.ParseInt(text, 10, 64)
	return Number{Value: value, Known: err == nil}, err
}

// parseState reads the line
//
//	billing  127.0.0.1:9092 (0)  range  Stable  2
//
// in which the assignment strategy may be missing.
func parseState(out, group string) (state string, members int, err error) {
	for text := range strings.Lines(out) {
		fields := strings.Fields(text)
		if len(fields) < 5 || fields[0] != group {
			continue
		}
		members, err = strconv.Atoi(fields[len(fields)-1])
		if err != nil {
			return "", 0, fmt.Errorf("read the members in %q: %w", text, err)
		}
		return fields[len(fields)-2], members, nil
	}
	return "", 0, fmt.Errorf("no line for group %q in %q", group, out)
}
