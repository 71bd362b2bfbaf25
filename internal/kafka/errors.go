package kafka

import "errors"

// The kinds of failure on which a caller decides. internal/kafkaadmin wraps
// one of them into each error it hands out; match with errors.Is.
var (
	// ErrUnreachable: the broker, or none of the bootstrap list, accepted a
	// connection and kept it.
	ErrUnreachable = errors.New("not reachable")
	// ErrTimeout: a broker accepted the request and did not answer in time.
	ErrTimeout = errors.New("no answer in time")
	// ErrTopicMissing: the cluster does not know the topic.
	ErrTopicMissing = errors.New("topic does not exist")
	// ErrAuthentication: the broker refused who we say we are, or we refused who
	// it says it is: SASL credentials, client certificate, or its certificate.
	ErrAuthentication = errors.New("authentication failed")
	// ErrUnauthorized: the cluster refused the read.
	ErrUnauthorized = errors.New("not authorized")
	// ErrUnavailable: a partition has no leader, a coordinator is moving or
	// loading: it passes by itself.
	ErrUnavailable = errors.New("temporarily unavailable")
	// ErrRejected: a broker answered with an error that is none of the above.
	ErrRejected = errors.New("rejected by the broker")
	// ErrUnsupported: the cluster, or the group on it, is too old or too new to
	// be read.
	ErrUnsupported = errors.New("not supported")
	// ErrGroupNotEmpty: the coordinator refused a write from outside the group,
	// since the group has members. Nothing was written.
	ErrGroupNotEmpty = errors.New("the group has members")
	// ErrTooLarge: the coordinator can't store what one request holds. Nothing was written.
	ErrTooLarge = errors.New("more than one request can hold")
	// ErrUncertain: a write may have been done or not: only reading tells.
	ErrUncertain = errors.New("it is not known whether it was done")
	// ErrInvalid: what was asked for can't be asked of any cluster.
	ErrInvalid = errors.New("not valid")
)
