package kafkaauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/testcerts"
)

// endpoint is a token endpoint that gives "token-1", "token-2" and so on.
type endpoint struct {
	*httptest.Server
	calls  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc] // instead, if set
	mu     sync.Mutex
	asked  url.Values
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := e.calls.Add(1)
		if instead := e.answer.Load(); instead != nil {
			(*instead)(w, r)
			return
		}
		if id, secret, _ := r.BasicAuth(); id != "id" || secret != "secret" {
			respond(w, http.StatusUnauthorized, `{"error": "invalid_client", "error_description": "the secret `+secret+` is wrong"}`)
			return
		}
		_ = r.ParseForm()
		e.mu.Lock()
		e.asked = r.PostForm
		e.mu.Unlock()
		respond(w, http.StatusOK, fmt.Sprintf(`{"access_token": "token-%d", "token_type": "bearer", "expires_in": 100}`, number))
	}))
	t.Cleanup(e.Close)
	return e
}

func respond(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body)
}

func (e *endpoint) answers(status int, body string) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { respond(w, status, body) })
	e.answer.Store(&handler)
}

func (e *endpoint) sasl() SASL {
	return SASL{Mechanism: OAuthBearer, OAuth: OAuth{TokenEndpoint: e.URL + "/token", ClientID: "id", ClientSecret: "secret"}}
}

func constant(sasl SASL) Credentials { return func() (SASL, error) { return sasl, nil } }

// wantToken asks for a token as sarama does.
func wantToken(t *testing.T, from *tokens, want string) {
	t.Helper()
	if got, err := from.Token(); err != nil || got.Token != want {
		t.Errorf("got %v, %v, want %q", got, err, want)
	}
}

func TestTheTokenIsAskedForAsConfigured(t *testing.T) {
	e := newEndpoint(t)
	sasl := e.sasl()
	sasl.OAuth.Scopes, sasl.OAuth.Audience = "read write", "kafka"
	wantToken(t, newTokens(constant(sasl)), "token-1")
	want := url.Values{"grant_type": {"client_credentials"}, "scope": {"read write"}, "audience": {"kafka"}}
	if diff := cmp.Diff(want, e.asked); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConnectionsShareATokenUntilItIsOld(t *testing.T) {
	e := newEndpoint(t)
	from := newTokens(constant(e.sasl()))
	now := time.Now()
	var later atomic.Int64
	from.now = func() time.Time { return now.Add(time.Duration(later.Load())) }

	var connections sync.WaitGroup
	for range 20 {
		connections.Go(func() { wantToken(t, from, "token-1") })
	}
	connections.Wait()
	later.Store(int64(79 * time.Second))
	wantToken(t, from, "token-1")
	later.Store(int64(82 * time.Second)) // a fifth of 100 s is left
	wantToken(t, from, "token-2")
	if got := e.calls.Load(); got != 2 {
		t.Errorf("%d calls for two tokens", got)
	}
}

func TestAnOldTokenServesWhileTheEndpointIsDown(t *testing.T) {
	e := newEndpoint(t)
	from := newTokens(constant(e.sasl()))
	now := time.Now()
	from.now = func() time.Time { return now }
	wantToken(t, from, "token-1")
	e.answers(http.StatusServiceUnavailable, "")
	now = now.Add(90 * time.Second)
	wantToken(t, from, "token-1")
	now = now.Add(8 * time.Second)
	if got, err := from.Token(); err == nil {
		t.Errorf("got %q, two seconds before its end", got.Token)
	}
	e.answer.Store(nil)
	wantToken(t, from, "token-4")
}

func TestNewCredentialsAreUsedAtOnce(t *testing.T) {
	e := newEndpoint(t)
	current := e.sasl()
	from := newTokens(func() (SASL, error) { return current, nil })
	wantToken(t, from, "token-1")
	current.OAuth.ClientSecret = "other"
	if got, err := from.Token(); err == nil {
		t.Errorf("got %q with a secret that the endpoint refuses: the token of the one before", got.Token)
	}
	current.OAuth.ClientSecret = "secret"
	before := e.calls.Load()
	wantToken(t, from, fmt.Sprintf("token-%d", before+1))
}

func TestCredentialsThatCannotBeReadAreNamed(t *testing.T) {
	gone := &FieldError{"sasl.oauth.clientSecret", errors.New("gone")}
	if _, err := newTokens(func() (SASL, error) { return SASL{}, gone }).Token(); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

func TestTokenFailuresAreExplained(t *testing.T) {
	ca := testcerts.NewCA(t, "Test CA")
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.TLS = ca.Issue(t, testcerts.Leaf{}).Server(t, nil)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	const leak = "s3cr3t"
	cases := map[string]struct {
		reason string
		status int
		body   string
		change func(*SASL)
		field  string
		want   string // %s is the endpoint's host
	}{
		"WrongSecret": {
			reason: "the code of RFC 6749 is named, the description is not", change: func(s *SASL) { s.OAuth.ClientSecret = leak },
			field: "sasl.oauth.clientSecret", want: `token endpoint %q answered "invalid_client"`,
		},
		"Scope": {
			reason: "as is another code", status: http.StatusBadRequest, body: `{"error": "invalid_scope", "error_description": "` + leak + `"}`,
			field: "sasl.oauth.scopes", want: `token endpoint %q answered "invalid_scope"`,
		},
		"Down": {
			reason: "without a code the status is", status: http.StatusServiceUnavailable, body: leak,
			field: "sasl.oauth.tokenEndpoint", want: "token endpoint %q answered with HTTP status 503",
		},
		"NotJSON": {
			reason: "a page of a proxy", status: http.StatusOK, body: leak,
			field: "sasl.oauth.tokenEndpoint", want: "token endpoint %q gave no token",
		},
		"NoToken": {
			reason: "an answer without one", status: http.StatusOK, body: `{"token": "` + leak + `"}`,
			field: "sasl.oauth.tokenEndpoint", want: "token endpoint %q gave no token",
		},
		"NoText": {
			reason: "this would break the message to the broker", status: http.StatusOK, body: `{"access_token": "a\u0001b"}`,
			field: "sasl", want: "what the endpoint gave is no token",
		},
		"Unreachable": {
			reason: "nothing listens", change: func(s *SASL) { s.OAuth.TokenEndpoint = closed.URL },
			field: "sasl.oauth.tokenEndpoint", want: "token endpoint %q is not reachable",
		},
		"WrongCA": {
			reason: "its own CA is wrong", change: func(s *SASL) { s.OAuth.TokenEndpoint = secure.URL },
			field: "sasl.oauth.ca", want: `the token endpoint's certificate for ["localhost" "127.0.0.1" "::1"] is signed by "CN=Test CA", which is not trusted`,
		},
		"TLSWithRightCA": {
			reason: "with the right one it is spoken to", change: func(s *SASL) { s.OAuth.TokenEndpoint, s.OAuth.CA = secure.URL, ca.PEM },
			field: "sasl.oauth.tokenEndpoint", want: "token endpoint %q answered with HTTP status 404",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t)
			if tc.status != 0 {
				e.answers(tc.status, tc.body)
			}
			sasl := e.sasl()
			if tc.change != nil {
				tc.change(&sasl)
			}
			_, err := newTokens(constant(sasl)).Token()
			var field *FieldError
			if !errors.As(err, &field) || field.Field != tc.field {
				t.Fatalf("%s: got %v, want the field %q", tc.reason, err, tc.field)
			}
			host := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(sasl.OAuth.TokenEndpoint, "/token"), "http://"), "https://")
			want := tc.want
			if strings.Contains(want, "%q") {
				want = fmt.Sprintf(tc.want, host)
			}
			if got := field.Err.Error(); got != want || strings.Contains(err.Error(), leak) {
				t.Errorf("%s: got %q, want %q", tc.reason, got, want)
			}
			if _, again := newTokens(constant(sasl)).Token(); again == nil || again.Error() != err.Error() {
				t.Errorf("%s: the same problem reads %v, then %v", tc.reason, err, again)
			}
		})
	}
}

// The client secret goes nowhere but to the endpoint that was named.
func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere, e := newEndpoint(t), newEndpoint(t)
	redirect := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	e.answer.Store(&redirect)
	if _, err := newTokens(constant(e.sasl())).Token(); err == nil || !strings.HasSuffix(err.Error(), "answered with HTTP status 307") {
		t.Errorf("got %v", err)
	}
	if elsewhere.calls.Load() != 0 {
		t.Error("the secret was sent elsewhere")
	}
}

func TestAMuteEndpointIsNotWaitedFor(t *testing.T) {
	e := newEndpoint(t)
	mute := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // until it is read the server does not notice that the client has gone
		<-r.Context().Done()
	})
	e.answer.Store(&mute)
	from := newTokens(constant(e.sasl()))
	from.timeout = 50 * time.Millisecond
	if _, err := from.Token(); err == nil || !strings.HasSuffix(err.Error(), "did not answer in time") {
		t.Errorf("got %v", err)
	}
}

func TestATokenWithoutExpiryIsReplacedAfterAWhile(t *testing.T) {
	e := newEndpoint(t)
	e.answers(http.StatusOK, `{"access_token": "eternal"}`)
	source, err := e.sasl().OAuth.source()
	if err != nil {
		t.Fatal(err)
	}
	got, err := source(context.Background())
	if err != nil || got.fresh(got.issued.Add(unknownLife)) || !got.fresh(got.issued.Add(unknownLife/2)) {
		t.Errorf("got %+v, %v", got, err)
	}
}
