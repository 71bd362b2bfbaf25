package kafkaadmin_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/testcerts"
)

// tokenEndpoint gives "good" to client "id" with secret "secret".
func tokenEndpoint(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if id, secret, _ := r.BasicAuth(); id != "id" || secret != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, `{"error": "invalid_client"}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"access_token": "good", "token_type": "bearer", "expires_in": 300}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// takesTokens has a cluster without SASL take those OAUTHBEARER tokens that the
// function likes.
func takesTokens(b broker, good func(message string) bool) {
	b.ControlKey(int16(kmsg.SASLHandshake), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		answer := request.ResponseKind().(*kmsg.SASLHandshakeResponse)
		if mechanism := request.(*kmsg.SASLHandshakeRequest).Mechanism; mechanism != "OAUTHBEARER" {
			answer.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		}
		return answer, nil, true
	})
	b.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		answer := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		if !good(string(request.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)) {
			answer.ErrorCode = kerr.SaslAuthenticationFailed.Code
			answer.ErrorMessage = kmsg.StringPtr("s3cr3t was sent")
		}
		return answer, nil, true
	})
}

func goodToken(message string) bool { return message == "n,,\x01auth=Bearer good\x01\x01" }

func oauth(endpoint, secret string) kafkaauth.SASL {
	return kafkaauth.SASL{
		Mechanism: kafkaauth.OAuthBearer, OAuth: kafkaauth.OAuth{TokenEndpoint: endpoint, ClientID: "id", ClientSecret: secret},
	}
}

func password(mechanism kafkaauth.Mechanism, password string) kafkaauth.SASL {
	return kafkaauth.SASL{Mechanism: mechanism, Username: "operator", Password: password}
}

// over is a subscription to the cluster by a secured connection.
func (b broker) over(security kafkaauth.Security) kafkaadmin.Subscription {
	return kafkaadmin.Subscription{
		Connection: kafkaadmin.NewConnection(b.addresses, "", security), GroupID: "billing", Topics: []string{"orders"},
	}
}

func TestSecuredClustersAreRead(t *testing.T) {
	ca := testcerts.NewCA(t, "Test CA")
	mine, server := ca.Issue(t, testcerts.Leaf{Name: "operator"}), ca.Issue(t, testcerts.Leaf{})
	trusting := kafkaauth.TLS{Enabled: true, CA: ca.PEM}
	mutual := trusting
	mutual.Certificate, mutual.Key = mine.Certificate, mine.Key
	user := func(mechanism string) []kfake.Opt {
		return []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(mechanism, "operator", "right"), kfake.TLS(server.Server(t, nil))}
	}
	cases := map[string]struct {
		cluster  []kfake.Opt
		tokens   func(message string) bool
		security kafkaauth.Security
	}{
		"TLS":      {cluster: []kfake.Opt{kfake.TLS(server.Server(t, nil))}, security: kafkaauth.Security{TLS: trusting}},
		"Mutual":   {cluster: []kfake.Opt{kfake.TLS(server.Server(t, ca))}, security: kafkaauth.Security{TLS: mutual}},
		"Plain":    {cluster: user("PLAIN"), security: kafkaauth.Security{TLS: trusting, SASL: password(kafkaauth.Plain, "right")}},
		"Scram256": {cluster: user("SCRAM-SHA-256"), security: kafkaauth.Security{TLS: trusting, SASL: password(kafkaauth.ScramSHA256, "right")}},
		"Scram512": {cluster: user("SCRAM-SHA-512"), security: kafkaauth.Security{TLS: trusting, SASL: password(kafkaauth.ScramSHA512, "right")}},
		"Old": {
			cluster:  append(user("SCRAM-SHA-512"), kfake.MaxVersions(kversion.V3_0_0())),
			security: kafkaauth.Security{TLS: trusting, SASL: password(kafkaauth.ScramSHA512, "right")},
		},
		"OAuth": {tokens: goodToken, security: kafkaauth.Security{SASL: oauth(tokenEndpoint(t), "secret")}},
		"MSK": {
			tokens: func(message string) bool { return len(message) > 500 }, // a signed URL
			security: kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.MSKIAM, AWS: kafkaauth.AWS{
				Region: "eu-west-1", AccessKeyID: "a", SecretAccessKey: "b",
			}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, append(tc.cluster, kfake.NumBrokers(2), kfake.SeedTopics(4, "orders"))...)
			if tc.tokens != nil {
				takesTokens(b, tc.tokens)
			}
			pool := started(t, kafkaadmin.Options{})
			pool.Watch("a", b.over(tc.security))
			sampleOf(t, pool, "a", "a sample", healthy)
		})
	}
}

func TestAuthenticationErr(t *testing.T) {
	ca, others := testcerts.NewCA(t, "Test CA"), testcerts.NewCA(t, "Others' CA")
	foreign, server := others.Issue(t, testcerts.Leaf{}), ca.Issue(t, testcerts.Leaf{})
	expiry := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	expired := ca.Issue(t, testcerts.Leaf{NotBefore: expiry.AddDate(0, -1, 0), NotAfter: expiry})
	renamed := ca.Issue(t, testcerts.Leaf{Hosts: []string{"kafka"}})
	trusting := kafkaauth.TLS{Enabled: true, CA: ca.PEM}
	with := func(pair testcerts.Pair) kafkaauth.TLS {
		return kafkaauth.TLS{Enabled: true, CA: ca.PEM, Certificate: pair.Certificate, Key: pair.Key}
	}
	serving := func(config *tls.Config) []kfake.Opt { return []kfake.Opt{kfake.TLS(config)} }
	refusing := func(code *kerr.Error) *kfake.Fault {
		return &kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, Err: code, TopLevel: true, Count: forever}
	}
	illegal := &kfake.Fault{Keys: []kmsg.Key{kmsg.SASLHandshake}, Err: kerr.IllegalSaslState, TopLevel: true, Count: forever}
	sasl := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "operator", "right"), kfake.Superuser("SCRAM-SHA-256", "operator", "right")}
	endpoint := tokenEndpoint(t)
	cases := map[string]struct {
		reason   string
		cluster  []kfake.Opt
		tokens   func(message string) bool
		fault    *kfake.Fault
		security kafkaauth.Security
		field    string
		text     string // what the error says of the field
	}{
		"WrongPassword": {
			reason: "the password is another one", cluster: sasl, fault: refusing(kerr.SaslAuthenticationFailed),
			security: kafkaauth.Security{SASL: password(kafkaauth.Plain, "wrong")}, field: "sasl", text: "the broker refused the credentials",
		},
		"WrongScram": {
			reason: "as above", cluster: sasl, fault: refusing(kerr.SaslAuthenticationFailed),
			security: kafkaauth.Security{SASL: password(kafkaauth.ScramSHA256, "wrong")}, field: "sasl", text: "the broker refused the credentials",
		},
		"Mechanism": {
			reason: "the broker has others", cluster: sasl, security: kafkaauth.Security{SASL: oauth(endpoint, "secret")},
			field: "sasl.mechanism", text: "the broker does not offer this mechanism",
		},
		"NoSASL": {
			reason: "the listener takes everyone", cluster: sasl, fault: illegal,
			security: kafkaauth.Security{SASL: password(kafkaauth.Plain, "right")}, field: "sasl.mechanism", text: "the listener does not authenticate by SASL",
		},
		"Token": {
			reason: "the token is refused; what the broker says of it is left out", tokens: func(string) bool { return false },
			security: kafkaauth.Security{SASL: oauth(endpoint, "secret")}, field: "sasl", text: "the broker refused the credentials",
		},
		"TokenEndpoint": {
			reason: "there is no token to show", tokens: goodToken, security: kafkaauth.Security{SASL: oauth(endpoint, "wrong")},
			field: "sasl.oauth.clientSecret", text: fmt.Sprintf(`token endpoint %q answered "invalid_client"`, strings.TrimPrefix(endpoint, "http://")),
		},
		"WrongCA": {
			reason: "the broker's certificate is not trusted", cluster: serving(foreign.Server(t, nil)), security: kafkaauth.Security{TLS: trusting},
			field: "tls.ca", text: `the broker's certificate for ["localhost" "127.0.0.1" "::1"] is signed by "CN=Others' CA", which is not trusted`,
		},
		"Expired": {
			reason: "the broker's certificate is", cluster: serving(expired.Server(t, nil)), security: kafkaauth.Security{TLS: trusting},
			field: "tls", text: `the broker's certificate for ["localhost" "127.0.0.1" "::1"] expired at 2024-05-06T07:08:09Z`,
		},
		"WrongName": {
			reason: "the broker is reached by another name", cluster: serving(renamed.Server(t, nil)), security: kafkaauth.Security{TLS: trusting},
			field: "tls.serverName", text: `the broker's certificate is for ["kafka"], not for "127.0.0.1"`,
		},
		"NoCertificate": {
			reason: "the broker wants ours", cluster: serving(server.Server(t, ca)), security: kafkaauth.Security{TLS: trusting},
			field: "tls.certificate", text: "the broker wants a client certificate",
		},
		"ForeignCertificate": {
			reason: "the broker does not trust ours", cluster: serving(server.Server(t, ca)), security: kafkaauth.Security{TLS: with(foreign)},
			field: "tls.certificate", text: "the broker refused the client certificate: unknown certificate authority",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, append(tc.cluster, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))...)
			if tc.tokens != nil {
				takesTokens(b, tc.tokens)
			}
			if tc.fault != nil {
				b.Fault(*tc.fault)
			}
			pool := started(t, kafkaadmin.Options{})
			pool.Watch("a", b.over(tc.security))
			sample := sampleOf(t, pool, "a", "a sample", anySample)
			var field *kafkaauth.FieldError
			if !errors.Is(sample.ConnectionErr, kafka.ErrAuthentication) || !errors.As(sample.ConnectionErr, &field) {
				t.Fatalf("%s: got %v, want an authentication failure that names a field", tc.reason, sample.ConnectionErr)
			}
			want := fmt.Sprintf("ask for metadata: broker %q: authentication failed: %s: %s", b.addresses[0], tc.field, tc.text)
			if got := sample.ConnectionErr.Error(); field.Field != tc.field || got != want {
				t.Errorf("%s: the field is %q, the text is\n%s, want\n%s", tc.reason, field.Field, got, want)
			}
			if again := later(t, pool, "a"); again.ConnectionErr.Error() != sample.ConnectionErr.Error() {
				t.Errorf("%s: the same problem reads %q, then %q", tc.reason, sample.ConnectionErr, again.ConnectionErr)
			}
		})
	}
}

// A plain-text listener of Kafka takes the TLS greeting for a request that is
// too long, and closes.
func TestTLSToPlainText(t *testing.T) {
	address := closingAddress(t, new(atomic.Int64))
	pool := started(t, kafkaadmin.Options{})
	connection := kafkaadmin.NewConnection([]string{address}, "", kafkaauth.Security{TLS: kafkaauth.TLS{Enabled: true}})
	pool.Watch("a", kafkaadmin.Subscription{Connection: connection, GroupID: "billing", Topics: []string{"orders"}})
	err := sampleOf(t, pool, "a", "a sample", anySample).ConnectionErr
	want := fmt.Sprintf("ask for metadata: broker %q: authentication failed: tls: "+
		"the listener closed the connection instead of starting TLS, as one without TLS does", address)
	if !errors.Is(err, kafka.ErrAuthentication) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A TLS listener that gets plain text says nothing that could be told from any
// other closed connection.
func TestPlainTextToTLS(t *testing.T) {
	server := testcerts.NewCA(t, "Test CA").Issue(t, testcerts.Leaf{})
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.TLS(server.Server(t, nil)))
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.over(kafkaauth.Security{}))
	err := sampleOf(t, pool, "a", "a sample", anySample).ConnectionErr
	want := fmt.Sprintf("ask for metadata: broker %q: not reachable: "+
		"the connection was closed, as by a listener that expects TLS or SASL", b.addresses[0])
	if !errors.Is(err, kafka.ErrUnreachable) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Security with which no broker could be asked is the client's own error.
func TestInvalidSecurity(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.over(kafkaauth.Security{SASL: password(kafkaauth.Plain, "s3cr3t\n")}))
	err := sampleOf(t, pool, "a", "a sample", anySample).ConnectionErr
	var field *kafkaauth.FieldError
	if !errors.Is(err, kafka.ErrInvalid) || !errors.As(err, &field) || field.Field != "sasl.password" || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v", err)
	}
	if got := b.accepted.Load(); got != 0 {
		t.Errorf("%d connections with it", got)
	}
}

// A peer that accepts and never answers the TLS greeting is hung up on at the
// deadline.
func TestMuteTLSPeer(t *testing.T) {
	mute := muteAddress(t)
	pool := started(t, kafkaadmin.Options{RequestTimeout: time.Second})
	connection := kafkaadmin.NewConnection([]string{mute}, "", kafkaauth.Security{TLS: kafkaauth.TLS{Enabled: true}})
	pool.Watch("a", kafkaadmin.Subscription{Connection: connection, GroupID: "billing", Topics: []string{"orders"}})
	want := fmt.Sprintf("ask for metadata: broker %q: no answer in time", mute)
	err := sampleOf(t, pool, "a", "a sample", anySample).ConnectionErr
	if !errors.Is(err, kafka.ErrTimeout) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if again := later(t, pool, "a"); again.ConnectionErr.Error() != want {
		t.Errorf("then %v", again.ConnectionErr)
	}
}

// Once the broker takes the credentials, the next attempt succeeds, and until
// then there is a wait between attempts.
func TestRefusedCredentialsAreTriedAgain(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.EnableSASL(), kfake.Superuser("PLAIN", "operator", "right"))
	refused := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, Err: kerr.SaslAuthenticationFailed, TopLevel: true, Count: forever})
	pool := started(t, kafkaadmin.Options{Interval: 100 * time.Millisecond})
	pool.Watch("a", b.over(kafkaauth.Security{SASL: password(kafkaauth.Plain, "right")}))
	for range 10 {
		later(t, pool, "a")
	}
	// As for a broker that closes: 20 cycles leave about 8 tries.
	if got := refused.Hits(); got > 15 {
		t.Errorf("%d tries in 20 cycles", got)
	}
	refused.Remove()
	sampleOf(t, pool, "a", "the end of the refusal", healthy)
}
