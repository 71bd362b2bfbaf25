package worker

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// credentialFiles reads what a connection is made with from the files that the
// configuration names. It keeps nothing: whoever rotates a Secret changes the
// files, and the next connection has the new content.
type credentialFiles struct {
	tls  *workerconfig.TLS
	sasl *workerconfig.SASL
}

// tlsConfig is for one connection to the address. It is only asked for with TLS.
func (c credentialFiles) tlsConfig(address string) (*tls.Config, error) {
	read := kafkaauth.TLS{Enabled: true, ServerName: c.tls.ServerName}
	err := readTogether([]credentialFile{
		{"tls.ca", c.tls.CAFile, &read.CA},
		{"tls.certificate", c.tls.CertificateFile, &read.Certificate},
		{"tls.key", c.tls.KeyFile, &read.Key},
	})
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("read the host of %q: %w", address, err)
	}
	read.ServerName = cmp.Or(read.ServerName, host)
	return read.Config()
}

// credentials are kafkaauth.Credentials. They are only asked for with SASL.
func (c credentialFiles) credentials() (kafkaauth.SASL, error) {
	read := kafkaauth.SASL{Mechanism: kafkaauth.Mechanism(c.sasl.Mechanism), Username: c.sasl.Username}
	files := []credentialFile{
		{"sasl.username", c.sasl.UsernameFile, &read.Username},
		{"sasl.password", c.sasl.PasswordFile, &read.Password},
	}
	if oauth := c.sasl.OAuth; oauth != nil {
		read.OAuth = kafkaauth.OAuth{
			TokenEndpoint: oauth.TokenEndpoint, ClientID: oauth.ClientID,
			Scopes: strings.Join(oauth.Scopes, " "), Audience: oauth.Audience,
		}
		files = append(files, credentialFile{"sasl.oauth.clientID", oauth.ClientIDFile, &read.OAuth.ClientID},
			credentialFile{"sasl.oauth.clientSecret", oauth.ClientSecretFile, &read.OAuth.ClientSecret},
			credentialFile{"sasl.oauth.ca", oauth.CAFile, &read.OAuth.CA})
	}
	if aws := c.sasl.AWS; aws != nil {
		read.AWS = kafkaauth.AWS{Region: aws.Region, RoleARN: aws.RoleARN}
		files = append(files, credentialFile{"sasl.aws.accessKeyID", aws.AccessKeyIDFile, &read.AWS.AccessKeyID},
			credentialFile{"sasl.aws.secretAccessKey", aws.SecretAccessKeyFile, &read.AWS.SecretAccessKey},
			credentialFile{"sasl.aws.sessionToken", aws.SessionTokenFile, &read.AWS.SessionToken})
	}
	if err := readTogether(files); err != nil {
		return kafkaauth.SASL{}, err
	}
	return read, nil
}

// credentialFile is a file, if path is not empty, whose content goes into a
// field of kafkaauth.Security.
type credentialFile struct {
	field, path string
	into        *string
}

// readAttempts bounds how often changing files are read.
const readAttempts = 5

// readTogether reads files until two readings agree: a kubelet changes all
// files of a volume at one moment, which may fall between two of ours. A user
// name of version 1 that is read again after a password of version 2 is of
// version 2 by then, and the two readings differ.
func readTogether(files []credentialFile) error {
	files = slices.DeleteFunc(slices.Clone(files), func(f credentialFile) bool { return f.path == "" })
	before, err := contents(files)
	for attempt := 1; err == nil && attempt < readAttempts; attempt++ {
		var now []string
		if now, err = contents(files); err == nil && slices.Equal(before, now) {
			for i, f := range files {
				*f.into = now[i]
			}
			return nil
		}
		before = now
	}
	if err != nil {
		return err
	}
	return errKeepChanging
}

var errKeepChanging = errors.New("the files with the credentials change all the time")

func contents(files []credentialFile) ([]string, error) {
	read := make([]string, len(files))
	for i, f := range files {
		raw, err := os.ReadFile(f.path)
		if err != nil {
			return nil, &kafkaauth.FieldError{Field: f.field, Err: fmt.Errorf("read its file: %w", err)}
		}
		read[i] = string(raw)
	}
	return read, nil
}
