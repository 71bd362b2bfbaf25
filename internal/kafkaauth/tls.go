package kafkaauth

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config is the configuration of one client connection, or of many. Without a
// server name the caller sets one for each connection, as sarama does.
func (t TLS) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pool, err := poolOf("tls.ca", t.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if t.Certificate == "" && t.Key == "" {
		return config, nil
	}
	pair, err := t.pair()
	if err != nil {
		return nil, err
	}
	// A function and not a list: from a list Go sends no certificate at all when
	// the broker names other authorities, and the broker's answer would be that
	// there is none.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return pair, validNow(pair.Leaf)
	}
	return config, nil
}

// pair reads the client's certificate and key. One that has expired is an
// error already; one that is not valid yet may be by the time of a connection.
func (t TLS) pair() (*tls.Certificate, error) {
	if t.Certificate == "" {
		return nil, &FieldError{"tls.certificate", errors.New("is missing beside the key")}
	}
	if t.Key == "" {
		return nil, &FieldError{"tls.key", errors.New("is missing beside the certificate")}
	}
	chain, err := certificatesOf("tls.certificate", t.Certificate)
	if err != nil {
		return nil, err
	}
	if strings.Contains(t.Key, "ENCRYPTED") {
		return nil, &FieldError{"tls.key", errors.New("is encrypted with a password: give it without")}
	}
	pair, err := tls.X509KeyPair([]byte(t.Certificate), []byte(t.Key))
	if err != nil {
		return nil, &FieldError{"tls.key", keyProblem(t.Key)}
	}
	pair.Leaf = chain[0]
	if time.Now().After(pair.Leaf.NotAfter) {
		return nil, validNow(pair.Leaf)
	}
	return &pair, nil
}

// keyProblem tells a key that can't be read from one of another certificate.
func keyProblem(key string) error {
	for block, rest := pem.Decode([]byte(key)); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return errors.New("is not the key of the certificate, or is of a kind that is not supported")
		}
	}
	return errors.New("holds no private key in PEM")
}

func validNow(certificate *x509.Certificate) error {
	now := time.Now()
	if !now.Before(certificate.NotBefore) && !now.After(certificate.NotAfter) {
		return nil
	}
	return &FieldError{"tls.certificate", fmt.Errorf("the client certificate for %s %s", namesOf(certificate), outside(certificate, now))}
}

func poolOf(field, text string) (*x509.CertPool, error) {
	certificates, err := certificatesOf(field, text)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool, nil
}

// certificatesOf reads all certificates of a PEM text, which holds at least one.
func certificatesOf(field, text string) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &FieldError{field, fmt.Errorf("certificate %d in it can't be read", len(certificates)+1)}
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, &FieldError{field, errors.New("holds no certificate in PEM")}
	}
	return certificates, nil
}
