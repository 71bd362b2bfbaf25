package kafkaauth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/testcerts"
)

func TestApplyNamesTheFieldThatIsWrong(t *testing.T) {
	ca := testcerts.NewCA(t, "Test CA")
	mine, other := ca.Issue(t, testcerts.Leaf{Name: "billing"}), ca.Issue(t, testcerts.Leaf{})
	expiry := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	expired := ca.Issue(t, testcerts.Leaf{Hosts: []string{"billing"}, NotBefore: expiry.AddDate(0, -1, 0), NotAfter: expiry})
	withTLS := func(tls kafkaauth.TLS) kafkaauth.Security {
		tls.Enabled = true
		return kafkaauth.Security{TLS: tls}
	}
	scram := func(username, password string) kafkaauth.Security {
		return kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA256, Username: username, Password: password}}
	}
	oauth := func(oauth kafkaauth.OAuth) kafkaauth.Security {
		return kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.OAuthBearer, OAuth: oauth}}
	}
	aws := func(aws kafkaauth.AWS) kafkaauth.Security {
		return kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.MSKIAM, AWS: aws}}
	}
	const endpoint = "https://login.example.com/token"
	cases := map[string]struct {
		security kafkaauth.Security
		want     string // the error's text
	}{
		"CAEmpty":           {withTLS(kafkaauth.TLS{CA: " "}), "tls.ca: holds no certificate in PEM"},
		"CABroken":          {withTLS(kafkaauth.TLS{CA: ca.PEM + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}), "tls.ca: certificate 2 in it can't be read"},
		"CAIsAKey":          {withTLS(kafkaauth.TLS{CA: mine.Key}), "tls.ca: holds no certificate in PEM"},
		"CertificateAlone":  {withTLS(kafkaauth.TLS{Certificate: mine.Certificate}), "tls.key: is missing beside the certificate"},
		"KeyAlone":          {withTLS(kafkaauth.TLS{Key: mine.Key}), "tls.certificate: is missing beside the key"},
		"CertificateBroken": {withTLS(kafkaauth.TLS{Certificate: "x", Key: mine.Key}), "tls.certificate: holds no certificate in PEM"},
		"KeyBroken":         {withTLS(kafkaauth.TLS{Certificate: mine.Certificate, Key: "x"}), "tls.key: holds no private key in PEM"},
		"KeyOfAnother":      {withTLS(kafkaauth.TLS{Certificate: mine.Certificate, Key: other.Key}), "tls.key: is not the key of the certificate, or is of a kind that is not supported"},
		"KeyEncrypted": {
			withTLS(kafkaauth.TLS{Certificate: mine.Certificate, Key: strings.ReplaceAll(mine.Key, "PRIVATE", "ENCRYPTED PRIVATE")}),
			"tls.key: is encrypted with a password: give it without",
		},
		"Expired": {
			withTLS(kafkaauth.TLS{Certificate: expired.Certificate, Key: expired.Key}),
			`tls.certificate: the client certificate for ["billing"] expired at 2024-05-06T07:08:09Z`,
		},
		"Mechanism": {
			kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: "GSSAPI"}},
			`sasl.mechanism: "GSSAPI" is not one of ["PLAIN" "SCRAM-SHA-256" "SCRAM-SHA-512" "OAUTHBEARER" "AWS_MSK_IAM"]`,
		},
		"NoUsername": {scram("", "b"), "sasl.username: is empty"},
		"NoPassword": {scram("a", ""), "sasl.password: is empty"},
		"LineBreak":  {scram("a", "b\n"), "sasl.password: ends in a line break, as a file or the output of echo does: store it without"},
		"Windows":    {scram("a\r\n", "b"), "sasl.username: ends in a line break, as a file or the output of echo does: store it without"},
		"Control":    {scram("a", "b\x00c"), "sasl.password: has a control character in it"},
		"NotUTF8":    {scram("a", "b\xff"), "sasl.password: is not UTF-8 text"},
		"NoURL": {
			oauth(kafkaauth.OAuth{TokenEndpoint: "login", ClientID: "a", ClientSecret: "b"}),
			"sasl.oauth.tokenEndpoint: is not the URL of a token endpoint, such as https://login.example.com/token",
		},
		"NameInURL": {
			oauth(kafkaauth.OAuth{TokenEndpoint: "https://a:b@login/", ClientID: "a", ClientSecret: "b"}),
			"sasl.oauth.tokenEndpoint: has a user name in it: use clientID and clientSecret",
		},
		"NoClientID":     {oauth(kafkaauth.OAuth{TokenEndpoint: endpoint, ClientSecret: "b"}), "sasl.oauth.clientID: is empty"},
		"NoClientSecret": {oauth(kafkaauth.OAuth{TokenEndpoint: endpoint, ClientID: "a"}), "sasl.oauth.clientSecret: is empty"},
		"OAuthCA":        {oauth(kafkaauth.OAuth{TokenEndpoint: endpoint, ClientID: "a", ClientSecret: "b", CA: "x"}), "sasl.oauth.ca: holds no certificate in PEM"},
		"NoRegion":       {aws(kafkaauth.AWS{}), "sasl.aws.region: is empty"},
		"NoAWSSecret":    {aws(kafkaauth.AWS{Region: "eu-west-1", AccessKeyID: "a"}), "sasl.aws.secretAccessKey: is empty"},
		"NoAWSID":        {aws(kafkaauth.AWS{Region: "eu-west-1", SecretAccessKey: "b"}), "sasl.aws.accessKeyID: is missing beside the secret"},
		"AWSSession":     {aws(kafkaauth.AWS{Region: "eu-west-1", AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c\n"}), "sasl.aws.sessionToken: ends in a line break, as a file or the output of echo does: store it without"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := tc.security.Apply(sarama.NewConfig())
			var field *kafkaauth.FieldError
			if !errors.As(err, &field) || err.Error() != tc.want {
				t.Errorf("got %v, want %q as a FieldError", err, tc.want)
			}
		})
	}
}

// What a Config can't do without, sarama says when it is validated.
func TestApplyMakesAValidConfiguration(t *testing.T) {
	ca := testcerts.NewCA(t, "Test CA")
	mine := ca.Issue(t, testcerts.Leaf{})
	full := kafkaauth.TLS{Enabled: true, CA: ca.PEM, Certificate: mine.Certificate, Key: mine.Key, ServerName: "kafka"}
	for name, security := range map[string]kafkaauth.Security{
		"Nothing":  {},
		"TLS":      {TLS: full},
		"TLSOff":   {TLS: kafkaauth.TLS{CA: "not looked at"}},
		"Plain":    {TLS: full, SASL: kafkaauth.SASL{Mechanism: kafkaauth.Plain, Username: "a", Password: "b"}},
		"Scram256": {SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA256, Username: "a", Password: "b"}},
		"Scram512": {SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA512, Username: "a", Password: "b"}},
		"OAuth": {SASL: kafkaauth.SASL{
			Mechanism: kafkaauth.OAuthBearer, OAuth: kafkaauth.OAuth{TokenEndpoint: "http://login/token", ClientID: "a", ClientSecret: "b"},
		}},
		"AWS": {SASL: kafkaauth.SASL{Mechanism: kafkaauth.MSKIAM, AWS: kafkaauth.AWS{Region: "eu-west-1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			config := sarama.NewConfig()
			if err := security.Apply(config); err != nil {
				t.Fatal(err)
			}
			if err := config.Validate(); err != nil {
				t.Error(err)
			}
			if config.Net.TLS.Enable != security.TLS.Enabled || config.Net.SASL.Enable != (security.SASL.Mechanism != "") {
				t.Errorf("TLS %t, SASL %t", config.Net.TLS.Enable, config.Net.SASL.Enable)
			}
		})
	}
}
