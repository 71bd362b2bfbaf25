// Package testcerts makes certificates for tests and for brokers that are tried
// out on one machine: a certificate authority and what it issues, as PEM. Keys
// are ECDSA P-256 in PKCS#8, which Go and Kafka's own PEM keystores both read.
package testcerts

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// TB is what is needed of a testing.TB, so that a program can give its own.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// CA is a certificate authority, valid from a year ago for ten years.
type CA struct {
	// PEM is its certificate, to be trusted.
	PEM string

	certificate *x509.Certificate
	key         crypto.Signer
}

// Leaf is what a certificate says. Zero fields get the defaults named.
type Leaf struct {
	// Name is the common name. Default "lagrange".
	Name string
	// Hosts are the DNS names and IP addresses. Default "localhost",
	// 127.0.0.1 and ::1.
	Hosts []string
	// NotBefore and NotAfter bound its validity. Default from an hour ago for a
	// day.
	NotBefore, NotAfter time.Time
}

// Pair is a certificate and its private key, PEM. It serves both ends.
type Pair struct{ Certificate, Key string }

// NewCA makes a certificate authority with a common name of its own.
func NewCA(t TB, name string) *CA {
	t.Helper()
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial(t),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.AddDate(-1, 0, 0),
		NotAfter:              now.AddDate(9, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	key := newKey(t)
	raw := sign(t, template, template, key, key)
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatalf("read the certificate of CA %q: %v", name, err)
	}
	return &CA{PEM: encode("CERTIFICATE", raw), certificate: certificate, key: key}
}

// Issue makes a certificate for servers and clients.
func (ca *CA) Issue(t TB, leaf Leaf) Pair {
	t.Helper()
	leaf = leaf.withDefaults()
	template := &x509.Certificate{
		SerialNumber: serial(t),
		Subject:      pkix.Name{CommonName: leaf.Name},
		NotBefore:    leaf.NotBefore,
		NotAfter:     leaf.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range leaf.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key := newKey(t)
	raw := sign(t, template, ca.certificate, key, ca.key)
	return Pair{Certificate: encode("CERTIFICATE", raw), Key: encodeKey(t, key)}
}

// Pool trusts this authority alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	return pool
}

// TLS is the pair as crypto/tls takes it.
func (p Pair) TLS(t TB) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(p.Certificate), []byte(p.Key))
	if err != nil {
		t.Fatalf("read a certificate and its key: %v", err)
	}
	return pair
}

// Server is what a TLS listener needs: this pair, and if clients is not nil, a
// client certificate that it issued.
func (p Pair) Server(t TB, clients *CA) *tls.Config {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{p.TLS(t)}, MinVersion: tls.VersionTLS12}
	if clients != nil {
		config.ClientCAs, config.ClientAuth = clients.Pool(), tls.RequireAndVerifyClientCert
	}
	return config
}

func (l Leaf) withDefaults() Leaf {
	if l.Name == "" {
		l.Name = "lagrange"
	}
	if len(l.Hosts) == 0 {
		l.Hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	if l.NotBefore.IsZero() {
		l.NotBefore = time.Now().Add(-time.Hour)
	}
	if l.NotAfter.IsZero() {
		l.NotAfter = time.Now().Add(24 * time.Hour)
	}
	return l
}

func serial(t TB) *big.Int {
	t.Helper()
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatalf("make a serial number: %v", err)
	}
	return number
}

func newKey(t TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return key
}

func sign(t TB, template, parent *x509.Certificate, key *ecdsa.PrivateKey, signer crypto.Signer) []byte {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatalf("sign the certificate of %q: %v", template.Subject.CommonName, err)
	}
	return raw
}

func encodeKey(t TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("encode a key: %v", err)
	}
	return encode("PRIVATE KEY", raw)
}

func encode(kind string, raw []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}))
}
