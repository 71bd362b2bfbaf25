package kafkaadmin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// errNoConnection is a broker's address that swallows attempts to connect.
var errNoConnection = fmt.Errorf("%w: no connection in time", kafka.ErrUnreachable)

// errTooOld is a request of which the broker, or the version that the
// connection is held to, has no form that says what we ask.
var errTooOld = fmt.Errorf("%w: the broker is too old for this request", kafka.ErrUnsupported)

// kindOf sorts a broker's error code into the kinds on which a caller decides.
func kindOf(code sarama.KError) error {
	switch code {
	case sarama.ErrUnknownTopicOrPartition:
		return kafka.ErrTopicMissing
	case sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed,
		sarama.ErrClusterAuthorizationFailed:
		return kafka.ErrUnauthorized
	case sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition, sarama.ErrReplicaNotAvailable,
		sarama.ErrBrokerNotAvailable, sarama.ErrListenerNotFound, sarama.ErrKafkaStorageError,
		sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrOffsetNotAvailable,
		sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrNotCoordinatorForConsumer,
		sarama.ErrOffsetsLoadInProgress, sarama.ErrUnstableOffsetCommit, sarama.ErrRebalanceInProgress,
		sarama.ErrRequestTimedOut, sarama.ErrNetworkException, sarama.ErrThrottlingQuotaExceeded:
		return kafka.ErrUnavailable
	default:
		return kafka.ErrRejected
	}
}

// refusal is a broker's error code with its kind, as in
// "not authorized: The client is not authorized to access this group".
func refusal(code sarama.KError) error {
	return refusalOf(kindOf(code), code)
}

func refusalOf(kind error, code sarama.KError) error {
	return coded{fmt.Errorf("%w: %s", kind, strings.TrimPrefix(code.Error(), "kafka server: ")), code}
}

// partitionRefusal is refusal for one partition. A leader that does not know
// the partition means old metadata, not a missing topic: the topic's own error
// says that.
func partitionRefusal(code sarama.KError) error {
	if code == sarama.ErrUnknownTopicOrPartition {
		return refusalOf(kafka.ErrUnavailable, code)
	}
	return refusal(code)
}

// callError gives the failure of a whole call its kind and a text without
// anything that differs from one attempt to the next: the standard library's
// own texts name ephemeral ports.
// An authentication failure is a *kafkaauth.FieldError besides: it names the
// part of the security that failed.
func callError(err error) error {
	if field := kafkaauth.Explain(err); field != nil {
		return fmt.Errorf("%w: %w", kafka.ErrAuthentication, field)
	}
	var (
		code   sarama.KError
		lookup *net.DNSError
		errno  syscall.Errno
		op     *net.OpError
	)
	switch {
	case neverSent(err):
		return errTooOld
	case errors.As(err, &code):
		return refusal(code)
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return fmt.Errorf("%w: the host name is not known", kafka.ErrUnreachable)
	case errors.As(err, &lookup):
		return fmt.Errorf("%w: the host name could not be looked up", kafka.ErrUnreachable)
	case errors.As(err, &op) && op.Op == "dial" && op.Timeout():
		return errNoConnection
	case errors.Is(err, os.ErrDeadlineExceeded):
		return kafka.ErrTimeout
	case wasClosed(err):
		return fmt.Errorf("%w: the connection was closed, as by a listener that expects TLS or SASL", kafka.ErrUnreachable)
	case errors.As(err, &errno):
		return fmt.Errorf("%w: %w", kafka.ErrUnreachable, errno)
	default:
		return fmt.Errorf("%w: the answer is not Kafka's", kafka.ErrUnreachable)
	}
}

// wasClosed tells whether the other side ended the connection. Which of these
// shows is a matter of moments.
func wasClosed(err error) bool {
	return slices.ContainsFunc([]error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
	}, func(cause error) bool { return errors.Is(err, cause) })
}

// neverSent tells whether sarama found no form of the request that the broker
// would understand.
func neverSent(err error) bool {
	var encoding sarama.PacketEncodingError
	return errors.Is(err, sarama.ErrUnsupportedVersion) || errors.As(err, &encoding)
}

// losesConnection tells whether a failed call leaves a connection that must
// not be used again.
func losesConnection(err error) bool { return err != nil && !neverSent(err) }

// errLeftOut is an answer that does not have all that was asked for.
var errLeftOut = fmt.Errorf("%w: the answer leaves it out", kafka.ErrRejected)

// errNotListed is a leader or coordinator that the metadata names without
// listing it among the brokers, as it does while a broker goes.
var errNotListed = fmt.Errorf("%w: its broker is not in the cluster", kafka.ErrUnavailable)
