package kafkaauth

import (
	"errors"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

var (
	errNoProof  = errors.New("the broker did not prove that it knows the password")
	errUnusable = errors.New("the name or password has characters that SCRAM does not allow")
)

// scramClient is one SCRAM exchange (RFC 5802), on one connection.
type scramClient struct {
	hash         scram.HashGeneratorFcn
	credentials  Credentials
	conversation *scram.ClientConversation
}

func scramClients(mechanism Mechanism, credentials Credentials) func() sarama.SCRAMClient {
	hash := scram.SHA512
	if mechanism == ScramSHA256 {
		hash = scram.SHA256
	}
	return func() sarama.SCRAMClient { return &scramClient{hash: hash, credentials: credentials} }
}

// Begin takes the credentials of the moment instead of those of sarama's
// configuration.
func (c *scramClient) Begin(_, _, authorization string) error {
	sasl, err := c.credentials()
	if err != nil {
		return err
	}
	client, err := c.hash.NewClient(sasl.Username, sasl.Password, authorization)
	if err != nil {
		return &FieldError{"sasl.password", errUnusable}
	}
	c.conversation = client.NewConversation()
	return nil
}

// Step answers the broker's challenge.
func (c *scramClient) Step(challenge string) (string, error) {
	answer, err := c.conversation.Step(challenge)
	if err != nil {
		return "", &FieldError{"sasl", errNoProof}
	}
	return answer, nil
}

// Done tells whether the exchange is over.
func (c *scramClient) Done() bool { return c.conversation.Done() }
