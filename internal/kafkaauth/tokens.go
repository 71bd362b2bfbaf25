package kafkaauth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/IBM/sarama"
)

const (
	// tokenTimeout bounds one call for a token.
	tokenTimeout = 10 * time.Second
	// unknownLife is how long a token is used that does not say until when.
	unknownLife = 5 * time.Minute
	// expiryMargin is what a token must have left to be worth sending.
	expiryMargin = 5 * time.Second
)

// token is what stands for the credentials for a while.
type token struct {
	text            string
	issued, expires time.Time
}

// fresh tells that a token has a fifth of its life left: one of 15 minutes is
// replaced after 12, by the first connection that is opened then.
func (t token) fresh(now time.Time) bool {
	return t.text != "" && now.Before(t.issued.Add(t.expires.Sub(t.issued)*4/5))
}

func (t token) usable(now time.Time) bool {
	return t.text != "" && now.Add(expiryMargin).Before(t.expires)
}

// tokenSource fetches a new token for the credentials that it was made with.
type tokenSource func(context.Context) (token, error)

// tokens shares one token among the connections of a client. Those that need a
// new one at the same time wait for the same call.
type tokens struct {
	credentials Credentials
	sourceOf    func(SASL) (tokenSource, error)
	now         func() time.Time
	timeout     time.Duration // of one call

	mu     sync.Mutex
	of     SASL // what source and held are of
	source tokenSource
	held   token
	call   *tokenCall // under way, nil if none is
}

type tokenCall struct{ result func() (token, error) }

func newTokens(credentials Credentials) *tokens {
	return &tokens{credentials: credentials, sourceOf: sourceOf, now: time.Now, timeout: tokenTimeout}
}

func sourceOf(sasl SASL) (tokenSource, error) {
	if sasl.Mechanism == MSKIAM {
		return sasl.AWS.source(), nil
	}
	return sasl.OAuth.source()
}

// Token gives sarama the token for a connection.
func (t *tokens) Token() (*sarama.AccessToken, error) {
	sasl, err := t.credentials()
	if err != nil {
		return nil, err
	}
	held, call, err := t.lookup(sasl)
	if err != nil {
		return nil, err
	}
	if call == nil {
		return &sarama.AccessToken{Token: held.text}, nil
	}
	fetched, err := call.result()
	t.end(call, fetched)
	switch {
	case err == nil:
		return &sarama.AccessToken{Token: fetched.text}, nil
	case held.usable(t.now()): // the old one lasts until the endpoint is back
		return &sarama.AccessToken{Token: held.text}, nil
	default:
		return nil, err
	}
}

// lookup is what is held, and the call to wait for if that is old.
func (t *tokens) lookup(sasl SASL) (token, *tokenCall, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.source == nil || t.of != sasl {
		source, err := t.sourceOf(sasl)
		if err != nil {
			return token{}, nil, err
		}
		t.of, t.source, t.held, t.call = sasl, source, token{}, nil
	}
	if t.held.fresh(t.now()) {
		return t.held, nil, nil
	}
	if t.call == nil {
		t.call = newTokenCall(t.source, t.timeout)
	}
	return t.held, t.call, nil
}

// end keeps what a call brought, unless the credentials have changed since.
func (t *tokens) end(call *tokenCall, fetched token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.call != call {
		return
	}
	t.call = nil
	if fetched.text != "" {
		t.held = fetched
	}
}

func newTokenCall(source tokenSource, timeout time.Duration) *tokenCall {
	return &tokenCall{sync.OnceValues(func() (token, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		fetched, err := source(ctx)
		if err != nil {
			return token{}, err
		}
		// \x01 would end the token on the wire.
		if fetched.text == "" || strings.ContainsFunc(fetched.text, unicode.IsControl) {
			return token{}, &FieldError{"sasl", errNoToken}
		}
		return fetched, nil
	})}
}

var errNoToken = errors.New("what the endpoint gave is no token")
