package kafkaauth_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/testcerts"
)

// listen serves each connection with the function, and closes it then.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			serving.Go(func() {
				serve(conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}

// echo is a TLS server that answers "pong" to whatever it reads first.
func echo(config *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		secure := tls.Server(conn, config)
		if _, err := secure.Read(make([]byte, 100)); err == nil {
			_, _ = secure.Write([]byte("pong"))
		}
	}
}

// ask connects as a client of this package does, and waits for an answer.
func ask(t *testing.T, address string, with kafkaauth.TLS) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	conn = kafkaauth.Watch(conn)
	if with.Enabled {
		config, err := with.Config()
		if err != nil {
			t.Fatal(err)
		}
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		conn = tls.Client(conn, config)
	}
	if _, err := conn.Write([]byte{0, 0, 0, 4, 'p', 'i', 'n', 'g'}); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 100))
	return err
}

func TestHandshakeFailuresAreExplained(t *testing.T) {
	ca, others := testcerts.NewCA(t, "Test CA"), testcerts.NewCA(t, "Others' CA")
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	mine, foreign := ca.Issue(t, testcerts.Leaf{Name: "billing"}), others.Issue(t, testcerts.Leaf{})
	later := ca.Issue(t, testcerts.Leaf{Name: "billing", Hosts: []string{"billing"}, NotBefore: at.AddDate(100, 0, 0), NotAfter: at.AddDate(101, 0, 0)})
	server := ca.Issue(t, testcerts.Leaf{})
	trusting := kafkaauth.TLS{Enabled: true, CA: ca.PEM}
	with := func(pair testcerts.Pair) kafkaauth.TLS {
		return kafkaauth.TLS{Enabled: true, CA: ca.PEM, Certificate: pair.Certificate, Key: pair.Key}
	}
	old := server.Server(t, nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	many := []string{"a", "b", "c", "d", "e", "f", "g"}
	cases := map[string]struct {
		reason string
		serve  func(net.Conn)
		client kafkaauth.TLS
		want   string // empty: it works
	}{
		"Trusted": {reason: "host, CA and dates are right", serve: echo(server.Server(t, nil)), client: trusting},
		"Mutual":  {reason: "both sides trust each other", serve: echo(server.Server(t, ca)), client: with(mine)},
		"ExpiredButNotAsked": {
			reason: "a certificate that nobody asks for does no harm", serve: echo(server.Server(t, nil)), client: with(later),
		},
		"WrongCA": {
			reason: "the broker's authority is another one", serve: echo(foreign.Server(t, nil)), client: trusting,
			want: `tls.ca: the broker's certificate for ["localhost" "127.0.0.1" "::1"] is signed by "CN=Others' CA", which is not trusted`,
		},
		"SystemCAs": {
			reason: "without a CA the system's count, and none knows the test's", serve: echo(server.Server(t, nil)), client: kafkaauth.TLS{Enabled: true},
			want: `tls.ca: the broker's certificate for ["localhost" "127.0.0.1" "::1"] is signed by "CN=Test CA", which is not trusted`,
		},
		"Expired": {
			reason: "the time of expiry is named, not that of the attempt",
			serve:  echo(ca.Issue(t, testcerts.Leaf{NotBefore: at.AddDate(0, -1, 0), NotAfter: at}).Server(t, nil)), client: trusting,
			want: `tls: the broker's certificate for ["localhost" "127.0.0.1" "::1"] expired at 2024-05-06T07:08:09Z`,
		},
		"NotYetValid": {
			reason: "a clock is wrong", serve: echo(later.Server(t, nil)), client: kafkaauth.TLS{Enabled: true, CA: ca.PEM, ServerName: "billing"},
			want: `tls: the broker's certificate for ["billing"] is not valid before 2124-05-06T07:08:09Z`,
		},
		"WrongName": {
			reason: "the names there are and the name expected are both named",
			serve:  echo(ca.Issue(t, testcerts.Leaf{Hosts: []string{"kafka-0", "kafka-1"}}).Server(t, nil)), client: trusting,
			want: `tls.serverName: the broker's certificate is for ["kafka-0" "kafka-1"], not for "127.0.0.1"`,
		},
		"ManyNames": {
			reason: "not more than five", serve: echo(ca.Issue(t, testcerts.Leaf{Hosts: many}).Server(t, nil)),
			client: kafkaauth.TLS{Enabled: true, CA: ca.PEM, ServerName: "kafka"},
			want:   `tls.serverName: the broker's certificate is for ["a" "b" "c" "d" "e"] and 2 more, not for "kafka"`,
		},
		"ServerName": {
			reason: "the name given replaces the host", serve: echo(ca.Issue(t, testcerts.Leaf{Hosts: []string{"kafka"}}).Server(t, nil)),
			client: kafkaauth.TLS{Enabled: true, CA: ca.PEM, ServerName: "kafka"},
		},
		"NoCertificate": {
			reason: "the broker wants one", serve: echo(server.Server(t, ca)), client: trusting,
			want: "tls.certificate: the broker wants a client certificate",
		},
		"ForeignCertificate": {
			reason: "it is sent although the broker names another authority, so that the broker can say what it thinks of it",
			serve:  echo(server.Server(t, ca)), client: with(foreign),
			want: "tls.certificate: the broker refused the client certificate: unknown certificate authority",
		},
		"CertificateNotYetValid": {
			reason: "ours is not shown while it can't be right", serve: echo(server.Server(t, ca)), client: with(later),
			want: `tls.certificate: the client certificate for ["billing"] is not valid before 2124-05-06T07:08:09Z`,
		},
		"OldTLS": {
			reason: "TLS 1.1 is not spoken", serve: echo(old), client: trusting,
			want: "tls: the listener refuses the TLS versions and ciphers offered",
		},
		"NoTLS": {
			reason: "the listener answers something else", client: trusting,
			serve: func(conn net.Conn) { _, _ = fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") },
			want:  "tls: the listener does not speak TLS",
		},
		"ClosesHello": {
			reason: "so does a plain-text listener of Kafka: the greeting is too long a request", client: trusting,
			serve: func(conn net.Conn) { _, _ = conn.Read(make([]byte, 4)) },
			want:  "tls: the listener closed the connection instead of starting TLS, as one without TLS does",
		},
		"WantsTLS": {
			reason: "a TLS listener says so by an alert",
			serve: func(conn net.Conn) {
				_, _ = conn.Read(make([]byte, 100))
				_, _ = conn.Write([]byte{0x15, 3, 3, 0, 2, 2, 10})
			},
			want: "tls: the listener speaks TLS only",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := ask(t, listen(t, tc.serve), tc.client)
			if tc.want == "" {
				if err != nil {
					t.Errorf("%s: %v", tc.reason, err)
				}
				return
			}
			if got := kafkaauth.Explain(fmt.Errorf("wrapped: %w", err)); got == nil || got.Error() != tc.want {
				t.Errorf("%s: %v is explained by\n%v, want\n%s", tc.reason, err, got, tc.want)
			}
		})
	}
}

// What stands for a length of over 100 MB is not one: sarama would allocate it.
func TestWatchRefusesAnAnswerThatIsNotKafkas(t *testing.T) {
	conn, err := net.Dial("tcp", listen(t, func(conn net.Conn) { _, _ = fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") }))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	watched := kafkaauth.Watch(conn)
	if n, err := watched.Read(make([]byte, 100)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if _, err := watched.Write([]byte("more")); err == nil {
		t.Error("went on writing")
	}
	if err := ask(t, listen(t, func(conn net.Conn) { _, _ = conn.Write([]byte{0, 0, 0, 1, 0}) }), kafkaauth.TLS{}); err != nil {
		t.Errorf("an answer of Kafka's is refused: %v", err)
	}
}

func TestExplainLeavesOtherErrors(t *testing.T) {
	for _, err := range []error{nil, errors.New("broken"), context.DeadlineExceeded, net.ErrClosed, &net.OpError{Op: "dial", Err: errors.New("refused")}} {
		if got := kafkaauth.Explain(err); got != nil {
			t.Errorf("%v is explained by %v", err, got)
		}
	}
}
