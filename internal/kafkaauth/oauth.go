package kafkaauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func (o OAuth) check() error {
	_, err := o.endpoint()
	if err == nil {
		_, err = o.client()
	}
	return firstOf(err, secretText("sasl.oauth.clientID", o.ClientID), secretText("sasl.oauth.clientSecret", o.ClientSecret))
}

func (o OAuth) endpoint() (*url.URL, error) {
	const field = "sasl.oauth.tokenEndpoint"
	endpoint, err := url.Parse(o.TokenEndpoint)
	switch {
	case err != nil, endpoint.Host == "", endpoint.Scheme != "https" && endpoint.Scheme != "http":
		return nil, &FieldError{field, errors.New("is not the URL of a token endpoint, such as https://login.example.com/token")}
	case endpoint.User != nil:
		return nil, &FieldError{field, errors.New("has a user name in it: use clientID and clientSecret")}
	}
	return endpoint, nil
}

// source asks the token endpoint by the client credentials grant.
func (o OAuth) source() (tokenSource, error) {
	endpoint, err := o.endpoint()
	if err != nil {
		return nil, err
	}
	client, err := o.client()
	if err != nil {
		return nil, err
	}
	grant := &clientcredentials.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret,
		TokenURL: o.TokenEndpoint, Scopes: strings.Fields(o.Scopes),
	}
	if o.Audience != "" {
		grant.EndpointParams = url.Values{"audience": {o.Audience}}
	}
	return func(ctx context.Context) (token, error) {
		issued := time.Now()
		given, err := grant.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
		if err != nil {
			return token{}, tokenProblem(endpoint.Host, err)
		}
		fetched := token{text: given.AccessToken, issued: issued, expires: given.Expiry}
		if fetched.expires.IsZero() {
			fetched.expires = issued.Add(unknownLife)
		}
		return fetched, nil
	}, nil
}

func (o OAuth) client() (*http.Client, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pool, err := poolOf("sasl.oauth.ca", o.CA)
		if err != nil {
			return nil, err
		}
		secure.RootCAs = pool
	}
	return &http.Client{
		// A token is fetched every few minutes: no connection is worth keeping.
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, DisableKeepAlives: true},
		// The client secret goes to the endpoint that was named and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// tokenProblem names the endpoint's host and its error code. The answer's body
// and description are left out: they may say anything.
func tokenProblem(host string, err error) error {
	var answer *oauth2.RetrieveError
	switch {
	case errors.As(err, &answer) && answer.ErrorCode != "":
		return &FieldError{fieldOf(answer.ErrorCode), fmt.Errorf("token endpoint %q answered %q", host, shortened(answer.ErrorCode))}
	case errors.As(err, &answer):
		return &FieldError{"sasl.oauth.tokenEndpoint", fmt.Errorf("token endpoint %q answered with HTTP status %d", host, answer.Response.StatusCode)}
	}
	if problem := explainTLS(err, "token endpoint"); problem != nil {
		if problem.Field == "tls.ca" {
			return &FieldError{"sasl.oauth.ca", problem.Err}
		}
		return &FieldError{"sasl.oauth.tokenEndpoint", problem.Err}
	}
	var failed *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &FieldError{"sasl.oauth.tokenEndpoint", fmt.Errorf("token endpoint %q did not answer in time", host)}
	case errors.As(err, &failed):
		return &FieldError{"sasl.oauth.tokenEndpoint", fmt.Errorf("token endpoint %q is not reachable", host)}
	default:
		return &FieldError{"sasl.oauth.tokenEndpoint", fmt.Errorf("token endpoint %q gave no token", host)}
	}
}

// fieldOf is the field that an error code of RFC 6749, 5.2 speaks of.
func fieldOf(code string) string {
	switch code {
	case "invalid_client", "unauthorized_client":
		return "sasl.oauth.clientSecret"
	case "invalid_scope":
		return "sasl.oauth.scopes"
	default:
		return "sasl.oauth.tokenEndpoint"
	}
}

func shortened(code string) string {
	const most = 60
	if len(code) > most {
		return code[:most]
	}
	return code
}
