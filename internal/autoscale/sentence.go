package autoscale

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/lagrange-operator/lagrange/internal/lag"
)

// sentence says why there are as many workers as there are. Lag is rounded to
// two significant digits, so that a sentence changes when something changes.
func sentence(c Config, o Observation, d Decision, now time.Time) string {
	return fmt.Sprintf("%d: %s", d.Replicas, why(c, o, d, now))
}

func why(c Config, o Observation, d Decision, now time.Time) string {
	switch d.Reason {
	case ReasonOffsetReset:
		return fmt.Sprintf("stopped while KafkaOffsetReset %q moves the group's offsets", c.Reset)
	case ReasonPaused:
		return whyPaused(c.Pause, now)
	case ReasonManual:
		return "set by hand (scaling.mode Manual)"
	case ReasonRebalancing:
		return "held while the group rebalances; " + demand(c, o, now)
	case ReasonGroupUnknown:
		return "held while the state of the group is unknown: " + o.StateUnknown + "; " + demand(c, o, now)
	case ReasonNeverJoined:
		return "held: the workers are ready, and the group has neither members nor commits"
	case ReasonCoolingDown:
		if d.Replicas < o.Replicas {
			return fmt.Sprintf("%s; as many were needed within the last %s", demand(c, o, now), c.ScaleDownAfter)
		}
		return fmt.Sprintf("%s; held until that has been so for %s", demand(c, o, now), c.ScaleDownAfter)
	case ReasonLagUnknown:
		if !o.Exists {
			return "the first workers; the lag is unknown: " + o.WhyUnknown
		}
		return "held while the lag is unknown: " + o.WhyUnknown + limited(c, o, d, now)
	case ReasonOnUnknown:
		return fmt.Sprintf("the lag has been unknown for %s, and onUnknown asks for at least %d: %s",
			c.OnUnknown.After, c.OnUnknown.MinReplicas, o.WhyUnknown)
	default:
		return demand(c, o, now) + limited(c, o, d, now)
	}
}

// demand is "12 partitions, lag 5,200 at 1,000 a replica needs 6".
func demand(c Config, o Observation, now time.Time) string {
	var partitions int32
	for _, p := range o.Partitions {
		partitions += p
	}
	known := "lag"
	if o.Unknown > 0 {
		known = "the known lag alone,"
	}
	noun := "partitions"
	if partitions == 1 {
		noun = "partition"
	}
	if catchingUp(c, o, now) {
		return fmt.Sprintf("%d %s, %s", partitions, noun, backlogDemand(c, o, now))
	}
	if c.inSeconds() {
		return fmt.Sprintf("%d %s, %s", partitions, noun, targetDemand(c, o))
	}
	return fmt.Sprintf("%d %s, %s %s at %s a replica needs %d",
		partitions, noun, known, grouped(lag.Round(o.Lag)), grouped(c.MessagesPerReplica), needed(c, o.Lag))
}

// backlogDemand is "a backlog of 3,600,000 to be worked off until
// 2026-03-01T13:00:00Z, 500 a second produced and 250 a second handled by a replica needs 6".
func backlogDemand(c Config, o Observation, now time.Time) string {
	backlog := fmt.Sprintf("a backlog of %s to be worked off until %s",
		grouped(lag.Round(o.Backlog)), c.CatchUp.Until.UTC().Format(time.RFC3339))
	if o.PerReplica <= 0 {
		return backlog + "; held until it is measured what a replica handles"
	}
	return fmt.Sprintf("%s, %s a second produced and %s a second handled by a replica needs %d",
		backlog, rate(o.Produced), rate(o.PerReplica), demanded(c, o, now))
}

// rate is a rate in two significant digits.
func rate(perSecond float64) string {
	if perSecond > 0 && perSecond < 1 {
		return strconv.FormatFloat(perSecond, 'g', 2, 64)
	}
	return grouped(lag.Round(int64(math.Round(perSecond))))
}

// grouped is a count with a comma at each thousand: 5,200.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func limited(c Config, o Observation, d Decision, now time.Time) string {
	switch d.Limit {
	case LimitMaxReplicas:
		return fmt.Sprintf(", and maxReplicas is %d", c.MaxReplicas)
	case LimitUsefulMembers:
		return fmt.Sprintf(", and the partitions can use %d", d.Useful)
	case LimitMinReplicas:
		return fmt.Sprintf(", and minReplicas is %d", c.MinReplicas)
	}
	if bySeconds(c, o, now) { // it asks for counts that help only
		return ""
	}
	if (d.Reason == ReasonLagTarget || d.Reason == ReasonCatchUp) && d.Replicas > demanded(c, o, now) {
		return fmt.Sprintf(", and %d is the next count that helps", d.Replicas)
	}
	return ""
}

func whyPaused(p Pause, now time.Time) string {
	text := "held by a pause"
	if p.At(now) == PauseScaleToZero {
		text = "stopped by a pause"
	}
	if !p.Until.IsZero() {
		text += " until " + p.Until.UTC().Format(time.RFC3339)
	}
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text
}
