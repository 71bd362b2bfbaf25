// Package kafkaauth turns credentials into what a Kafka client needs to
// connect: TLS, SASL and tokens. The operator's client and the worker runtime
// both use it, so that what one can connect to, the other can.
//
// It imports sarama, as its two users do, and knows nothing of Kubernetes.
package kafkaauth

// Security is how a connection is encrypted and authenticated, with its secrets.
// It is comparable: equal values make connections that may be shared, and
// unequal ones never share. The zero value is neither encrypted nor
// authenticated. It prints as what it is without its secrets.
type Security struct {
	TLS  TLS
	SASL SASL
}

// TLS is how a connection is encrypted.
type TLS struct {
	// Enabled turns TLS on.
	Enabled bool
	// CA holds the trusted certificates, PEM. Empty trusts the system's.
	CA string
	// Certificate and Key are the client's own, PEM. Both or neither.
	Certificate, Key string
	// ServerName is the name expected in the brokers' certificates. Empty
	// expects the host that is connected to.
	ServerName string
}

// SASL is how a client says who it is.
type SASL struct {
	// Mechanism is one of the constants below, empty for none.
	Mechanism Mechanism
	// Username and Password are for PLAIN and SCRAM.
	Username, Password string
	// OAuth is for OAUTHBEARER.
	OAuth OAuth
	// AWS is for AWS_MSK_IAM.
	AWS AWS
}

// Mechanism is a SASL mechanism, as users write it.
type Mechanism string

// The mechanisms.
const (
	Plain       Mechanism = "PLAIN"
	ScramSHA256 Mechanism = "SCRAM-SHA-256"
	ScramSHA512 Mechanism = "SCRAM-SHA-512"
	OAuthBearer Mechanism = "OAUTHBEARER"
	// MSKIAM is Amazon's own: OAUTHBEARER on the wire, with a token that is
	// signed by AWS credentials.
	MSKIAM Mechanism = "AWS_MSK_IAM"
)

// OAuth is the client credentials grant of OAuth 2.0 (RFC 6749, 4.4).
type OAuth struct {
	// TokenEndpoint is the URL that gives tokens.
	TokenEndpoint string
	// ClientID and ClientSecret are what it knows us by.
	ClientID, ClientSecret string
	// Scopes are asked for, space-separated.
	Scopes string
	// Audience is asked for, if not empty, by the parameter "audience".
	Audience string
	// CA holds the certificates trusted for the endpoint, PEM. Empty trusts the system's.
	CA string
}

// AWS are credentials for MSK IAM. Without AccessKeyID the ambient ones of the
// process are used: environment, web identity, instance role.
type AWS struct {
	Region                                     string
	AccessKeyID, SecretAccessKey, SessionToken string
	// RoleARN is a role to assume with them, if not empty.
	RoleARN string
}
