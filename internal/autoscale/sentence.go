package autoscale

import (
	"fmt"
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
	case ReasonPaused:
		return whyPaused(c.Pause, now)
	case ReasonManual:
		return "set by hand (scaling.mode Manual)"
	case ReasonRebalancing:
		return "held while the group rebalances; " + demand(c, o)
	case ReasonGroupUnknown:
		return "held while the state of the group is unknown: " + o.StateUnknown + "; " + demand(c, o)
	case ReasonNeverJoined:
		return "held: the workers are ready, and the group has neither members nor commits"
	case ReasonCoolingDown:
		if d.Replicas < o.Replicas {
			return fmt.Sprintf("%s; as many were needed within the last %s", demand(c, o), c.ScaleDownAfter)
		}
		return fmt.Sprintf("%s; held until that has been so for %s", demand(c, o), c.ScaleDownAfter)
	case ReasonLagUnknown:
		if !o.Exists {
			return "the first workers; the lag is unknown: " + o.WhyUnknown
		}
		return "held while the lag is unknown: " + o.WhyUnknown + limited(c, o, d)
	case ReasonOnUnknown:
		return fmt.Sprintf("the lag has been unknown for %s, and onUnknown asks for at least %d: %s",
			c.OnUnknown.After, c.OnUnknown.MinReplicas, o.WhyUnknown)
	default:
		return demand(c, o) + limited(c, o, d)
	}
}

// demand is "12 partitions, lag 5,200 at 1,000 a replica needs 6".
func demand(c Config, o Observation) string {
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
	return fmt.Sprintf("%d %s, %s %s at %s a replica needs %d",
		partitions, noun, known, grouped(lag.Round(o.Lag)), grouped(c.MessagesPerReplica), needed(c, o.Lag))
}

// grouped is a count with a comma at each thousand: 5,200.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func limited(c Config, o Observation, d Decision) string {
	switch d.Limit {
	case LimitMaxReplicas:
		return fmt.Sprintf(", and maxReplicas is %d", c.MaxReplicas)
	case LimitUsefulMembers:
		return fmt.Sprintf(", and the partitions can use %d", d.Useful)
	case LimitMinReplicas:
		return fmt.Sprintf(", and minReplicas is %d", c.MinReplicas)
	}
	if d.Reason == ReasonLagTarget && d.Replicas > needed(c, o.Lag) {
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
