package kafkaauth

import (
	"fmt"

	"github.com/IBM/sarama"
)

// Credentials gives what a connection authenticates with. It is called for
// each connection that is opened, so that what it returns may change; only the
// mechanism may not, and PLAIN keeps what it was given first, since sarama
// reads that from its configuration alone.
type Credentials func() (SASL, error)

// notUsed stands where sarama wants a user name and a password that it does
// not use.
const notUsed = "asked for at each connection"

// Apply sets up the client so that it connects as this says. What can be found
// wrong without a connection is a *FieldError.
func (s Security) Apply(config *sarama.Config) error {
	if s.TLS.Enabled {
		secure, err := s.TLS.Config()
		if err != nil {
			return err
		}
		config.Net.TLS.Enable, config.Net.TLS.Config = true, secure
	}
	if s.SASL.Mechanism == "" {
		return nil
	}
	return ApplySASL(config, func() (SASL, error) { return s.SASL, nil })
}

// ApplySASL sets up the client so that it authenticates with the credentials
// of the moment.
func ApplySASL(config *sarama.Config, credentials Credentials) error {
	first, err := checked(credentials)()
	if err != nil {
		return err
	}
	sasl := &config.Net.SASL
	sasl.Enable, sasl.Handshake, sasl.Version = true, true, sarama.SASLHandshakeV1
	sasl.User, sasl.Password = notUsed, notUsed
	switch first.Mechanism {
	case Plain:
		sasl.Mechanism = sarama.SASLTypePlaintext
		sasl.User, sasl.Password = first.Username, first.Password
	case ScramSHA256, ScramSHA512:
		sasl.Mechanism = sarama.SASLMechanism(first.Mechanism)
		sasl.SCRAMClientGeneratorFunc = scramClients(first.Mechanism, checked(credentials))
	default: // OAuthBearer and MSKIAM, checked above
		sasl.Mechanism = sarama.SASLTypeOAuth
		sasl.TokenProvider = newTokens(checked(credentials))
	}
	return nil
}

// checked refuses credentials with which no connection could succeed.
func checked(credentials Credentials) Credentials {
	return func() (SASL, error) {
		sasl, err := credentials()
		if err != nil {
			return SASL{}, err
		}
		if err := sasl.check(); err != nil {
			return SASL{}, err
		}
		return sasl, nil
	}
}

func (s SASL) check() error {
	switch s.Mechanism {
	case Plain, ScramSHA256, ScramSHA512:
		return firstOf(secretText("sasl.username", s.Username), secretText("sasl.password", s.Password))
	case OAuthBearer:
		return s.OAuth.check()
	case MSKIAM:
		return s.AWS.check()
	default:
		return &FieldError{"sasl.mechanism", fmt.Errorf("%q is not one of %q", s.Mechanism,
			[]Mechanism{Plain, ScramSHA256, ScramSHA512, OAuthBearer, MSKIAM})}
	}
}
