package worker

import (
	"errors"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// tlsProblems says what is missing, without looking at any file.
func tlsProblems(tls *workerconfig.TLS) []error {
	if tls == nil || (tls.CertificateFile == "") == (tls.KeyFile == "") {
		return nil
	}
	return []error{errors.New("of tls.certificateFile and tls.keyFile only one is given")}
}

func saslProblems(sasl *workerconfig.SASL) []error {
	if sasl == nil {
		return nil
	}
	switch mechanism := kafkaauth.Mechanism(sasl.Mechanism); mechanism {
	case kafkaauth.Plain, kafkaauth.ScramSHA256, kafkaauth.ScramSHA512:
		return []error{
			required(sasl.Username != "" || sasl.UsernameFile != "", "sasl.usernameFile, nor sasl.username,"),
			required(sasl.PasswordFile != "", "sasl.passwordFile"),
		}
	case kafkaauth.OAuthBearer:
		return oauthProblems(sasl.OAuth)
	case kafkaauth.MSKIAM:
		return awsProblems(sasl.AWS)
	default:
		return []error{oneOf("sasl.mechanism", mechanism,
			kafkaauth.Plain, kafkaauth.ScramSHA256, kafkaauth.ScramSHA512, kafkaauth.OAuthBearer, kafkaauth.MSKIAM)}
	}
}

func oauthProblems(oauth *workerconfig.OAuth) []error {
	if oauth == nil {
		oauth = &workerconfig.OAuth{}
	}
	return []error{
		required(oauth.TokenEndpoint != "", "sasl.oauth.tokenEndpoint"),
		required(oauth.ClientID != "" || oauth.ClientIDFile != "", "sasl.oauth.clientIDFile, nor sasl.oauth.clientID,"),
		required(oauth.ClientSecretFile != "", "sasl.oauth.clientSecretFile"),
	}
}

func awsProblems(aws *workerconfig.AWS) []error {
	if aws == nil {
		aws = &workerconfig.AWS{}
	}
	problems := []error{required(aws.Region != "", "sasl.aws.region")}
	if (aws.AccessKeyIDFile == "") != (aws.SecretAccessKeyFile == "") {
		problems = append(problems, errors.New("of sasl.aws.accessKeyIDFile and sasl.aws.secretAccessKeyFile only one is given"))
	}
	return problems
}
