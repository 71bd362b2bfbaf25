package controllers

import (
	"errors"
	"time"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// unknown is why the lag is not known, as a condition says it.
type unknown struct{ reason, message string }

// unknownOf is nil when the lag of every partition is known.
func unknownOf(seen groupSnapshot, maxAge time.Duration) *unknown {
	switch {
	case !seen.connection.known && seen.connection.problem != nil:
		return &unknown{seen.connection.problem.reason, seen.connection.problem.message}
	case !seen.sampled:
		return &unknown{v1alpha1.ReasonNotSampled, "the first look at the group has not ended yet"}
	case seen.cluster.changed != nil:
		return &unknown{seen.cluster.changed.reason, seen.cluster.changed.message}
	case seen.sample.ConnectionErr != nil:
		return &unknown{reasonOf(seen.sample.ConnectionErr), seen.connection.blame(seen.sample.ConnectionErr)}
	case !seen.usable(maxAge):
		return &unknown{v1alpha1.ReasonSampleStale, "the last sample is older than " + maxAge.String()}
	}
	if err := seen.lag.FirstErr(); err != nil {
		return &unknown{reasonOf(err), err.Error()}
	}
	return nil
}

// reasons name the kinds of errors of internal/kafka. An error may be of several
// kinds, when brokers of one list fail in different ways: the first names it.
var reasons = []struct {
	kind   error
	reason string
}{
	{kafka.ErrInvalid, v1alpha1.ReasonInvalidConnection},
	{kafka.ErrAuthentication, v1alpha1.ReasonAuthenticationFailed},
	{kafka.ErrUnauthorized, v1alpha1.ReasonUnauthorized},
	{kafka.ErrUnsupported, v1alpha1.ReasonUnsupported},
	{kafka.ErrTopicMissing, v1alpha1.ReasonTopicMissing},
	{kafka.ErrRejected, v1alpha1.ReasonRejected},
	{kafka.ErrTimeout, v1alpha1.ReasonTimeout},
	{kafka.ErrUnreachable, v1alpha1.ReasonUnreachable},
}

func reasonOf(err error) string {
	var field *kafkaauth.FieldError
	if errors.As(err, &field) && errors.Is(err, kafka.ErrInvalid) {
		return v1alpha1.ReasonInvalidCredentials
	}
	for _, r := range reasons {
		if errors.Is(err, r.kind) {
			return r.reason
		}
	}
	return v1alpha1.ReasonPartitionsUnread
}
