package autoscale

import (
	"fmt"
	"math"
	"time"

	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// targetDemand is "1,200 messages a second arriving (planned for 1,500), a replica
// handles 420; with 3 the oldest would be 75 s old in 45 s, the target is 60 s".
func targetDemand(c Config, o Observation) string {
	d := o.demand
	if d.Reason == target.Learning {
		return fmt.Sprintf("%s until %s, the target is %s", heldOrFirst(o), unlearned(o), seconds(c.Target.Target))
	}
	handles := "what a replica handles is not known"
	if d.PerReplica > 0 {
		handles = fmt.Sprintf("a replica handles %s", rate(d.PerReplica))
	}
	text := fmt.Sprintf("%s messages a second arriving (planned for %s), %s%s; %s",
		rate(d.Arriving), rate(d.Bound), handles, hot(o), verdict(o))
	return fmt.Sprintf("%s, the target is %s", text, seconds(c.Target.Target))
}

// verdict is what follows from the rates.
func verdict(o Observation) string {
	d := o.demand
	switch d.Reason {
	case target.Settling:
		return "held while workers start or partitions move"
	case target.Ineffective:
		return "more workers have not handled more"
	case target.Fewer:
		return fmt.Sprintf("%d would do", d.Replicas)
	}
	return fmt.Sprintf("with %d the oldest would be %s old in %s", o.Replicas, seconds(d.Oldest), seconds(d.Reaction))
}

// heldOrFirst: the first workers are not held, as there were none.
func heldOrFirst(o Observation) string {
	if !o.Exists || o.Replicas == 0 {
		return "as few as allowed"
	}
	return "held"
}

// unlearned is what is not known yet: how much arrives, or what a worker handles,
// which shows when there is something to handle.
func unlearned(o Observation) string {
	if o.demand.Arriving > 0 {
		return "it is known what a replica handles"
	}
	return "rates are known"
}

// hot tells of the partition that gets more than one worker handles, "" for none.
func hot(o Observation) string {
	if name := hotPartition(o); name != "" {
		return ", " + name + " gets more than that"
	}
	return ""
}

// hotPartition names that partition.
func hotPartition(o Observation) string {
	at := int32(o.demand.Hot)
	if o.demand.Reason == "" || at < 0 {
		return ""
	}
	for i, name := range o.Topics {
		if at < o.Partitions[i] {
			return fmt.Sprintf("partition %d of topic %q", at, name)
		}
		at -= o.Partitions[i]
	}
	return ""
}

// seconds is a time in seconds, in two significant digits.
func seconds(d time.Duration) string {
	if d > 24*time.Hour {
		return "more than a day"
	}
	return grouped(lag.Round(int64(math.Round(d.Seconds())))) + " s"
}
