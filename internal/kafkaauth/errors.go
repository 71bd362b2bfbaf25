package kafkaauth

import (
	"errors"

	"github.com/IBM/sarama"
)

// FieldError says which part of a Security is to blame. The same problem has
// the same text, which never has a secret in it.
type FieldError struct {
	// Field is named as in this package's types: "tls", "tls.ca",
	// "tls.certificate", "tls.key", "tls.serverName", "sasl", "sasl.mechanism",
	// "sasl.username", "sasl.password", "sasl.oauth.tokenEndpoint",
	// "sasl.oauth.clientID", "sasl.oauth.clientSecret", "sasl.oauth.scopes",
	// "sasl.oauth.ca", "sasl.aws", "sasl.aws.region", "sasl.aws.accessKeyID",
	// "sasl.aws.secretAccessKey", "sasl.aws.sessionToken", "sasl.aws.roleARN".
	Field string
	// Err is what is wrong with it.
	Err error
}

// Error is "field: problem".
func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

func (e *FieldError) Unwrap() error { return e.Err }

var (
	errRefused    = errors.New("the broker refused the credentials")
	errNoSASL     = errors.New("the listener does not authenticate by SASL")
	errNotOffered = errors.New("the broker does not offer this mechanism")
)

// Explain finds out whether a failed connection failed at who we are or who
// the broker is; nil says that it did not.
func Explain(err error) *FieldError {
	var field *FieldError
	switch {
	case errors.As(err, &field):
		return field
	// sarama's errors with a broker's message satisfy errors.Is alone. That
	// message is left out: a broker's own login module may quote the password.
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		return &FieldError{"sasl", errRefused}
	case errors.Is(err, sarama.ErrIllegalSASLState):
		return &FieldError{"sasl.mechanism", errNoSASL}
	case errors.Is(err, sarama.ErrUnsupportedSASLMechanism):
		return &FieldError{"sasl.mechanism", errNotOffered}
	default:
		return explainTLS(err, "broker")
	}
}
