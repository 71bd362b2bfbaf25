package controllers

import (
	"errors"
	"time"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// unknown is why the lag is not known, as a condition says it.
type unknown struct{ reason, message string }

// unknownOf is nil when the lag of every partition is known.
func unknownOf(seen groupSnapshot, maxAge time.Duration) *unknown {
	switch {
	case !seen.sampled:
		return &unknown{v1alpha1.ReasonNotSampled, "the first look at the group has not ended yet"}
	case seen.sample.ConnectionErr != nil:
		return &unknown{reasonOf(seen.sample.ConnectionErr), seen.sample.ConnectionErr.Error()}
	case !seen.usable(maxAge):
		return &unknown{v1alpha1.ReasonSampleStale, "the last sample is older than " + maxAge.String()}
	}
	if err := seen.lag.FirstErr(); err != nil {
		return &unknown{reasonOf(err), err.Error()}
	}
	return nil
}

// reasonOf names an error of the kinds of internal/kafka.
func reasonOf(err error) string {
	for kind, reason := range map[error]string{
		kafka.ErrUnreachable:  v1alpha1.ReasonUnreachable,
		kafka.ErrTimeout:      v1alpha1.ReasonTimeout,
		kafka.ErrTopicMissing: v1alpha1.ReasonTopicMissing,
		kafka.ErrUnauthorized: v1alpha1.ReasonUnauthorized,
		kafka.ErrRejected:     v1alpha1.ReasonRejected,
		kafka.ErrUnsupported:  v1alpha1.ReasonUnsupported,
		kafka.ErrInvalid:      v1alpha1.ReasonInvalidConnection,
	} {
		if errors.Is(err, kind) {
			return reason
		}
	}
	return v1alpha1.ReasonPartitionsUnread
}
