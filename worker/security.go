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
	return []error{errors.New("of the TLS certificate file and key file only one is given")}
}

func saslProblems(sasl *workerconfig.SASL) []error {
	if sasl == nil {
		return nil
	}
	switch mechanism := kafkaauth.Mechanism(sasl.Mechanism); mechanism {
	case kafkaauth.Plain, kafkaauth.ScramSHA256, kafkaauth.ScramSHA512:
		return []error{
			required(sasl.Username != "" || sasl.UsernameFile != "", "SASL user name"),
			required(sasl.PasswordFile != "", "SASL password file"),
		}
	case kafkaauth.OAuthBearer:
		return oauthProblems(sasl.OAuth)
	case kafkaauth.MSKIAM:
		return awsProblems(sasl.AWS)
	default:
		return []error{oneOf("SASL mechanism", mechanism, "",
			kafkaauth.Plain, kafkaauth.ScramSHA256, kafkaauth.ScramSHA512, kafkaauth.OAuthBearer, kafkaauth.MSKIAM)}
	}
}

func oauthProblems(oauth *workerconfig.OAuth) []error {
	if oauth == nil {
		oauth = &workerconfig.OAuth{}
	}
	return []error{
		required(oauth.TokenEndpoint != "", "OAuth token endpoint"),
		required(oauth.ClientID != "" || oauth.ClientIDFile != "", "OAuth client id"),
		required(oauth.ClientSecretFile != "", "OAuth client secret file"),
	}
}

func awsProblems(aws *workerconfig.AWS) []error {
	if aws == nil {
		aws = &workerconfig.AWS{}
	}
	problems := []error{required(aws.Region != "", "AWS region")}
	if (aws.AccessKeyIDFile == "") != (aws.SecretAccessKeyFile == "") {
		problems = append(problems, errors.New("of the AWS access key id file and secret access key file only one is given"))
	}
	return problems
}
