package producerpolicy

import (
	"fmt"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// ageRules are about how old a message may be or become.
var ageRules = []Rule{
	{
		ID: "timestamps-refused", Pitfalls: []int{23}, Severity: v1alpha1.SeverityError,
		Harm: "A message has the time at which the program sent it. One that waits for longer than message.timestamp.before.max.ms is refused when it arrives " +
			"(INVALID_TIMESTAMP), and so is old data that is replayed; one whose clock is ahead by more than message.timestamp.after.max.ms too.",
		Fix:   "raise message.timestamp.before.max.ms and .after.max.ms on the topic, or set message.timestamp.type=LogAppendTime",
		check: timestampsRefused,
	},
	{
		ID: "short-retention", Severity: v1alpha1.SeverityWarning,
		Harm: "A message is deleted by its age, or by how much was written after it, whether it was read or not. A group that stands still for a night " +
			"loses what is older than that.",
		Fix:   "set retention.ms to a day at least, and retention.bytes=-1",
		check: shortRetention,
	},
}

func timestampsRefused(v view) []Finding {
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown("message.timestamp.type", t.TimestampType, func(kind kafka.TimestampType) []Finding {
			if kind != kafka.CreateTime {
				return nil
			}
			return append(whenKnown("message.timestamp.before.max.ms", t.TimestampBeforeMax, v.oldTimestamps),
				whenKnown("message.timestamp.after.max.ms", t.TimestampAfterMax, aheadTimestamps)...)
		})
	})
}

func (v view) oldTimestamps(most time.Duration) []Finding {
	values := []string{seen("message.timestamp.before.max.ms", most), seen("deliveryTimeout", v.settings.DeliveryTimeout)}
	switch {
	case most < v.settings.DeliveryTimeout.Duration:
		return found(errorIf(durable(v.settings)), "a message that was tried for long is refused when it arrives", values...)
	case most != kafka.Forever:
		return found(v1alpha1.SeverityInfo, "old messages can't be written again with their timestamps", values...)
	}
	return nil
}

// clockSkew is by how much clocks may differ without anybody noticing.
const clockSkew = time.Minute

func aheadTimestamps(most time.Duration) []Finding {
	if most >= clockSkew {
		return nil
	}
	return found(v1alpha1.SeverityWarning, "the messages of a pod whose clock is a little ahead are refused", seen("message.timestamp.after.max.ms", most))
}

// aNight is how long a group may stand still before somebody looks at it.
const aNight = 24 * time.Hour

func shortRetention(v view) []Finding {
	if !durable(v.settings) {
		return nil
	}
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown("cleanup.policy", t.CleanupPolicy, func(policy kafka.CleanupPolicy) []Finding {
			if !policy.Deletes() {
				return nil
			}
			return append(whenKnown("retention.ms", t.Retention, byAge), whenKnown("retention.bytes", t.RetentionBytes, bySize)...)
		})
	})
}

func byAge(kept time.Duration) []Finding {
	if kept >= aNight {
		return nil
	}
	return found(v1alpha1.SeverityWarning, fmt.Sprintf("a message is deleted after %s, read or not", kept), seen("retention.ms", kept))
}

func bySize(kept int64) []Finding {
	if kept < 0 {
		return nil
	}
	return found(v1alpha1.SeverityWarning, "a message is deleted when enough was written after it, read or not", seen("retention.bytes", kept))
}
