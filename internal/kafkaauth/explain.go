package kafkaauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"time"
)

var (
	errNoTLS       = errors.New("the listener does not speak TLS")
	errClosesHello = errors.New("the listener closed the connection instead of starting TLS, as one without TLS does")
	errWantsTLS    = errors.New("the listener speaks TLS only")
	errNoCommonTLS = errors.New("the listener refuses the TLS versions and ciphers offered")
)

// noName stands for a certificate that an error does not carry.
const noName = "no name"

// explainTLS explains a failed handshake with the one named.
func explainTLS(err error, peer string) *FieldError {
	var (
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		remote    *net.OpError
	)
	switch {
	case errors.As(err, &record):
		return &FieldError{"tls", errNoTLS}
	case errors.As(err, &host):
		return &FieldError{"tls.serverName", fmt.Errorf("the %s's certificate is for %s, not for %q", peer, namesOf(host.Certificate), host.Host)}
	case errors.As(err, &authority):
		return &FieldError{"tls.ca", fmt.Errorf("the %s's certificate for %s is signed by %q, which is not trusted",
			peer, namesOf(leafOf(err, authority.Cert)), issuerOf(leafOf(err, authority.Cert)))}
	case errors.As(err, &invalid):
		return &FieldError{"tls", invalidity(invalid, peer)}
	case errors.As(err, &remote) && remote.Op == "remote error":
		return alert(remote.Err, peer)
	default:
		return localTLS(err)
	}
}

// leafOf is the certificate that the peer is, where the error names one that
// is further up.
func leafOf(err error, otherwise *x509.Certificate) *x509.Certificate {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) && len(verification.UnverifiedCertificates) > 0 {
		return verification.UnverifiedCertificates[0]
	}
	return otherwise
}

// invalidity says when a certificate is valid instead of the time of the
// attempt, as the error itself does.
func invalidity(err x509.CertificateInvalidError, peer string) error {
	what := fmt.Sprintf("the %s's certificate for %s", peer, namesOf(err.Cert))
	if err.Cert != nil && err.Cert.IsCA {
		what = fmt.Sprintf("the authority %q of the %s's certificate", err.Cert.Subject.CommonName, peer)
	}
	if err.Reason != x509.Expired || err.Cert == nil {
		return fmt.Errorf("%s is not valid for this use", what)
	}
	return fmt.Errorf("%s %s", what, outside(err.Cert, time.Now()))
}

// outside says how a time lies outside of a certificate's validity.
func outside(certificate *x509.Certificate, now time.Time) string {
	if now.Before(certificate.NotBefore) {
		return "is not valid before " + certificate.NotBefore.UTC().Format(time.RFC3339)
	}
	return "expired at " + certificate.NotAfter.UTC().Format(time.RFC3339)
}

// alert is what the peer said of our side of the handshake, such as "bad
// certificate". Go has no type for it but a private number with a text.
func alert(said error, peer string) *FieldError {
	text := strings.TrimPrefix(said.Error(), "tls: ")
	switch {
	case reflect.ValueOf(said).Kind() != reflect.Uint8:
		return nil
	case text == "certificate required":
		return &FieldError{"tls.certificate", fmt.Errorf("the %s wants a client certificate", peer)}
	case strings.Contains(text, "certificate"):
		return &FieldError{"tls.certificate", fmt.Errorf("the %s refused the client certificate: %s", peer, text)}
	case text == "unrecognized name":
		return &FieldError{"tls.serverName", fmt.Errorf("the %s does not know this name", peer)}
	case text == "handshake failure", text == "protocol version not supported", text == "insufficient security level":
		return &FieldError{"tls", errNoCommonTLS}
	default:
		return &FieldError{"tls", fmt.Errorf("the %s refused the connection: %s", peer, text)}
	}
}

// localTLS is a handshake that our side gave up for a reason without a type.
func localTLS(err error) *FieldError {
	for ; err != nil; err = errors.Unwrap(err) {
		if text, ours := strings.CutPrefix(err.Error(), "tls: "); ours {
			return &FieldError{"tls", errors.New(text)}
		}
	}
	return nil
}

func namesOf(certificate *x509.Certificate) string {
	if certificate == nil {
		return noName
	}
	names := append([]string{}, certificate.DNSNames...)
	for _, ip := range certificate.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = []string{certificate.Subject.CommonName}
	}
	const most = 5 // a load balancer's may have a hundred
	if len(names) > most {
		return fmt.Sprintf("%q and %d more", names[:most], len(names)-most)
	}
	return fmt.Sprintf("%q", names)
}

func issuerOf(certificate *x509.Certificate) string {
	if certificate == nil {
		return noName
	}
	return certificate.Issuer.String()
}
