// Package pki makes the certificates and kubeconfig files of one throw-away cluster.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"time"
)

// validity is how long the certificates of a cluster hold; a cluster that runs longer must be made anew.
const validity = 365 * 24 * time.Hour

// Authority issues certificates.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Pair is a certificate with its key, both PEM encoded.
type Pair struct {
	Certificate []byte
	Key         []byte
}

// Identity is whom a certificate names.
type Identity struct {
	// User and Groups are what the API server reads from a client certificate.
	User   string
	Groups []string
	// Names and Addresses are what clients verify of a serving certificate.
	Names     []string
	Addresses []net.IP
}

// NewAuthority makes a self-signed authority of the given name.
func NewAuthority(name string, now time.Time) (*Authority, error) {
	template := template(pkix.Name{CommonName: name}, now)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage |= x509.KeyUsageCertSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of authority %q: %w", name, err)
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make authority %q: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(encoded)
	if err != nil {
		return nil, fmt.Errorf("make authority %q: %w", name, err)
	}
	return &Authority{certificate: certificate, key: key}, nil
}

// Pair returns the authority's own certificate and key.
func (a *Authority) Pair() (Pair, error) {
	return encodePair(a.certificate.Raw, a.key)
}

// Issue makes a certificate that serves and authenticates as identity.
func (a *Authority) Issue(identity Identity, now time.Time) (Pair, error) {
	template := template(pkix.Name{CommonName: identity.User, Organization: identity.Groups}, now)
	template.DNSNames, template.IPAddresses = identity.Names, identity.Addresses
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make the key of %q: %w", identity.User, err)
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("make the certificate of %q: %w", identity.User, err)
	}
	return encodePair(encoded, key)
}

// Write writes the pair to base.crt and base.key, readable by the owner alone.
func (p Pair) Write(base string) error {
	if err := os.WriteFile(base+".crt", p.Certificate, 0o600); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	if err := os.WriteFile(base+".key", p.Key, 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

func template(subject pkix.Name, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:   subject,
		NotBefore: now.Add(-time.Hour), // a clock that steps back must not break the cluster
		NotAfter:  now.Add(validity),
		KeyUsage:  x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
}

func encodePair(certificate []byte, key *ecdsa.PrivateKey) (Pair, error) {
	encodedKey, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode key: %w", err)
	}
	return Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encodedKey}),
	}, nil
}
