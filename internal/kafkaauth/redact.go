package kafkaauth

import (
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Nothing that came from a Secret is printed, nor its length: no password or
// key, and no user name. Each type has String for those who ask, Format for
// every verb of package fmt, MarshalText for JSON and slog, and MarshalLog for
// logr.

// String says how the connection is secured, without any secret.
func (s Security) String() string { return s.TLS.String() + ", " + s.SASL.String() }

// Format writes String, whatever the verb.
func (s Security) Format(f fmt.State, _ rune) { write(f, s) }

// MarshalText is String.
func (s Security) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalLog is String.
func (s Security) MarshalLog() any { return s.String() }

// String says how the connection is encrypted.
func (t TLS) String() string {
	if !t.Enabled {
		return "plain text"
	}
	said := []string{"TLS"}
	if t.CA != "" {
		said = append(said, "with a CA of its own")
	}
	if t.Certificate != "" {
		said = append(said, "with a client certificate")
	}
	if t.ServerName != "" {
		said = append(said, fmt.Sprintf("to %q", t.ServerName))
	}
	return strings.Join(said, " ")
}

// Format writes String, whatever the verb.
func (t TLS) Format(f fmt.State, _ rune) { write(f, t) }

// MarshalText is String.
func (t TLS) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// MarshalLog is String.
func (t TLS) MarshalLog() any { return t.String() }

// String names the mechanism.
func (s SASL) String() string {
	switch s.Mechanism {
	case "":
		return "no SASL"
	case OAuthBearer:
		return "SASL " + string(s.Mechanism) + " by " + s.OAuth.String()
	case MSKIAM:
		return "SASL " + string(s.Mechanism) + " by " + s.AWS.String()
	default:
		return "SASL " + string(s.Mechanism)
	}
}

// Format writes String, whatever the verb.
func (s SASL) Format(f fmt.State, _ rune) { write(f, s) }

// MarshalText is String.
func (s SASL) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalLog is String.
func (s SASL) MarshalLog() any { return s.String() }

// String names the token endpoint's host.
func (o OAuth) String() string {
	endpoint, err := url.Parse(o.TokenEndpoint)
	if err != nil {
		return "an endpoint that is no URL"
	}
	return fmt.Sprintf("token endpoint %q", endpoint.Host)
}

// Format writes String, whatever the verb.
func (o OAuth) Format(f fmt.State, _ rune) { write(f, o) }

// MarshalText is String.
func (o OAuth) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// MarshalLog is String.
func (o OAuth) MarshalLog() any { return o.String() }

// String says where the credentials come from.
func (a AWS) String() string {
	said := "ambient credentials"
	if a.AccessKeyID != "" {
		said = "an access key"
	}
	if a.RoleARN != "" {
		said += fmt.Sprintf(" and role %q", a.RoleARN)
	}
	return fmt.Sprintf("%s in region %q", said, a.Region)
}

// Format writes String, whatever the verb.
func (a AWS) Format(f fmt.State, _ rune) { write(f, a) }

// MarshalText is String.
func (a AWS) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// MarshalLog is String.
func (a AWS) MarshalLog() any { return a.String() }

func write(f fmt.State, s fmt.Stringer) { _, _ = io.WriteString(f, s.String()) }
