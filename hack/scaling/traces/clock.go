package traces

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// layouts are those of timestamps that are no numbers. Go takes a fraction of a second
// after any of them.
var layouts = []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04", "2006/01/02 15:04:05"}

// clock is a timestamp in seconds: a number of seconds, of milliseconds,
// microseconds or nanoseconds since 1970 (told by its size), or a date.
func clock(text string) (float64, error) {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
		// 1e11 seconds would be the year 5138, 1e11 milliseconds are 1973.
		for seconds >= 1e11 {
			seconds /= 1000
		}
		return seconds, nil
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return float64(at.Unix()) + float64(at.Nanosecond())/1e9, nil
		}
	}
	return 0, fmt.Errorf("%q is not a timestamp", text)
}
