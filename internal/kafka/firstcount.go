package kafka

import (
	"strconv"
	"strings"
)

// FirstCountKey begins the metadata of commits that say how many partitions a
// topic had when the group first started on it: "lagrange/partitions=12". The
// workers' commits carry it, and those that are made before there are workers.
const FirstCountKey = "lagrange/partitions="

// FirstCountMetadata is the metadata that says so, empty for a count of 0: not known.
func FirstCountMetadata(count int32) string {
	if count == 0 {
		return ""
	}
	return FirstCountKey + strconv.Itoa(int(count))
}

// ParseFirstCount is the count in a commit's metadata, 0 for the metadata of
// other programs.
func ParseFirstCount(metadata string) int32 {
	text, ours := strings.CutPrefix(metadata, FirstCountKey)
	if !ours {
		return 0
	}
	count, err := strconv.ParseInt(text, 10, 32)
	if err != nil || count < 0 {
		return 0
	}
	return int32(count)
}
