package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// shelf gives Secrets by name.
func shelf(secrets map[string]map[string]string) reader {
	return func(ref objectRef) (map[string]string, error) {
		data, found := secrets[ref.name]
		if !found || ref.namespace != "shop" {
			return nil, fmt.Errorf("%s %w", ref, errNoObject)
		}
		return data, nil
	}
}

func specOf(tls *v1alpha1.TLSSpec, sasl *v1alpha1.SASLSpec) v1alpha1.KafkaConnectionSpec {
	return v1alpha1.KafkaConnectionSpec{Connection: v1alpha1.Connection{BootstrapServers: []v1alpha1.BootstrapServer{"b:9092", "a:9092"}, TLS: tls, SASL: sasl}}
}

func TestResolve(t *testing.T) {
	secrets := map[string]map[string]string{
		"client": {"client-id": "id", "client-secret": "word", "my-id": "mine"},
		"key":    {"access-key-id": "AK", "secret-access-key": "SK", "token": "ST"},
		"basic":  {"username": "u1", "user": "u2", "password": "p"},
		"ca":     {"ca.crt": "CA"},
	}
	oauthOf := func(mod func(*v1alpha1.OAuthSpec)) *v1alpha1.SASLSpec {
		o := &v1alpha1.OAuthSpec{TokenEndpoint: "https://t", Scopes: []string{"a", "b"}, Audience: "kafka", SecretRef: v1alpha1.OAuthReference{Name: "client", ClientSecretKey: "client-secret"}}
		mod(o)
		return &v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLOAuthBearer, OAuth: o}
	}
	awsOf := func(ref *v1alpha1.AWSReference) *v1alpha1.SASLSpec {
		return &v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLAWSMSKIAM, AWS: &v1alpha1.AWSSpec{Region: "eu", RoleARN: "arn", SecretRef: ref}}
	}
	at := func(name string) string { return workerconfig.CredentialsPath + "/" + name }
	cases := map[string]struct {
		reason  string
		spec    v1alpha1.KafkaConnectionSpec
		ambient bool
		want    kafkaauth.Security
		sasl    *workerconfig.SASL
		files   string // of the workers, sorted
		said    string // of the fields that the spec says itself
	}{
		"Plain": {reason: "nothing to resolve", spec: specOf(nil, nil)},
		"OAuth": {
			reason: "client credentials, with a CA of the endpoint's own",
			spec: specOf(nil, oauthOf(func(o *v1alpha1.OAuthSpec) {
				o.CA = &v1alpha1.CASource{SecretRef: &v1alpha1.CAReference{Name: "ca"}}
			})),
			want: kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.OAuthBearer, OAuth: kafkaauth.OAuth{
				TokenEndpoint: "https://t", ClientID: "id", ClientSecret: "word", Scopes: "a b", Audience: "kafka", CA: "CA",
			}}},
			sasl: &workerconfig.SASL{Mechanism: "OAUTHBEARER", OAuth: &workerconfig.OAuth{
				TokenEndpoint: "https://t", Scopes: []string{"a", "b"}, Audience: "kafka",
				ClientIDFile: at("client-id"), ClientSecretFile: at("client-secret"), CAFile: at("oauth-ca.crt"),
			}},
			files: "client-id client-secret oauth-ca.crt",
		},
		"OAuthLiteral": {
			reason: "a client id that is no secret",
			spec:   specOf(nil, oauthOf(func(o *v1alpha1.OAuthSpec) { o.ClientID = "literal" })),
			want: kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.OAuthBearer, OAuth: kafkaauth.OAuth{
				TokenEndpoint: "https://t", ClientID: "literal", ClientSecret: "word", Scopes: "a b", Audience: "kafka",
			}}},
			sasl: &workerconfig.SASL{Mechanism: "OAUTHBEARER", OAuth: &workerconfig.OAuth{
				TokenEndpoint: "https://t", Scopes: []string{"a", "b"}, Audience: "kafka", ClientID: "literal", ClientSecretFile: at("client-secret"),
			}},
			files: "client-secret", said: "sasl.oauth.clientID=literal",
		},
		"Username": {
			reason: "as Strimzi's users are named",
			spec: specOf(nil, &v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLScramSHA512, Username: "billing",
				SecretRef: &v1alpha1.PasswordReference{Name: "basic"}}),
			want:  kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA512, Username: "billing", Password: "p"}},
			sasl:  &workerconfig.SASL{Mechanism: "SCRAM-SHA-512", Username: "billing", PasswordFile: at("password")},
			files: "password", said: "sasl.username=billing",
		},
		"AWSKey": {
			reason: "a temporary access key",
			spec:   specOf(&v1alpha1.TLSSpec{}, awsOf(&v1alpha1.AWSReference{Name: "key", SessionTokenKey: "token"})),
			want: kafkaauth.Security{TLS: kafkaauth.TLS{Enabled: true}, SASL: kafkaauth.SASL{Mechanism: kafkaauth.MSKIAM, AWS: kafkaauth.AWS{
				Region: "eu", RoleARN: "arn", AccessKeyID: "AK", SecretAccessKey: "SK", SessionToken: "ST",
			}}},
			sasl: &workerconfig.SASL{Mechanism: "AWS_MSK_IAM", AWS: &workerconfig.AWS{
				Region: "eu", RoleARN: "arn", AccessKeyIDFile: at("access-key-id"), SecretAccessKeyFile: at("secret-access-key"), SessionTokenFile: at("session-token"),
			}},
			files: "access-key-id secret-access-key session-token",
		},
		"AWSAmbient": {
			reason: "the installer allows it; a worker uses its pod's identity",
			spec:   specOf(&v1alpha1.TLSSpec{ServerName: "n"}, awsOf(nil)), ambient: true,
			want: kafkaauth.Security{TLS: kafkaauth.TLS{Enabled: true, ServerName: "n"}, SASL: kafkaauth.SASL{Mechanism: kafkaauth.MSKIAM, AWS: kafkaauth.AWS{Region: "eu", RoleARN: "arn"}}},
			sasl: &workerconfig.SASL{Mechanism: "AWS_MSK_IAM", AWS: &workerconfig.AWS{Region: "eu", RoleARN: "arn"}},
		},
		"NamedKey": {
			reason: "a key that is named wins over those that are looked for",
			spec: specOf(nil, &v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLPlain,
				SecretRef: &v1alpha1.PasswordReference{Name: "basic", UsernameKey: "user", PasswordKey: "password"}}),
			want:  kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.Plain, Username: "u2", Password: "p"}},
			sasl:  &workerconfig.SASL{Mechanism: "PLAIN", UsernameFile: at("username"), PasswordFile: at("password")},
			files: "password username",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, _, problem := resolve(tc.spec, "shop", tc.ambient, shelf(secrets), nil)
			if problem != nil {
				t.Fatal(problem)
			}
			if got.connection.Security != tc.want || got.connection.BootstrapServers != "a:9092,b:9092" {
				t.Errorf("%s: another security than wanted", tc.reason)
			}
			if diff := cmp.Diff(tc.sasl, got.sasl); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			var said []string
			for _, field := range sortedKeys(got.said) {
				said = append(said, field+"="+got.said[field])
			}
			if strings.Join(said, " ") != tc.said {
				t.Errorf("%s: the spec says %q, want %q", tc.reason, said, tc.said)
			}
			if files := strings.Join(sortedKeys(got.files), " "); files != tc.files {
				t.Errorf("%s: files %q, want %q", tc.reason, files, tc.files)
			}
		})
	}
}

// TestResolveBinding: what a binding leaves out or gets wrong is named by key,
// and nothing is sent in the clear because a key was forgotten.
func TestResolveBinding(t *testing.T) {
	cases := map[string]struct {
		reason string
		data   map[string]string
		tls    bool
		sasl   kafkaauth.Mechanism
		why    string
		says   string
	}{
		"Least":       {reason: "servers alone", data: map[string]string{"bootstrap.servers": "a:1, b:2"}},
		"NoProtocol":  {reason: "certificates and a password speak for themselves", data: map[string]string{"bootstrapServers": "a:1", "ssl.truststore.crt": "CA", "user": "u", "password": "p", "saslMechanism": "PLAIN"}, tls: true, sasl: kafkaauth.Plain},
		"SystemCA":    {reason: "TLS with the system's certificates", data: map[string]string{"bootstrapServers": "a:1", "securityProtocol": "SSL"}, tls: true},
		"NoServers":   {reason: "no way in", data: map[string]string{"password": "word"}, why: v1alpha1.ReasonCredentialsMissing, says: `key "bootstrapServers"`},
		"BadServers":  {reason: "not shown: it may be anything", data: map[string]string{"bootstrapServers": "word"}, why: v1alpha1.ReasonInvalidBinding, says: `Secret "binding", key "bootstrapServers"`},
		"BadType":     {reason: "the binding of a database", data: map[string]string{"bootstrapServers": "a:1", "type": "mysql"}, why: v1alpha1.ReasonInvalidBinding, says: "type"},
		"BadProtocol": {reason: "a typo", data: map[string]string{"bootstrapServers": "a:1", "security.protocol": "TLS"}, why: v1alpha1.ReasonInvalidBinding, says: `key "security.protocol"`},
		"NoMechanism": {reason: "which one?", data: map[string]string{"bootstrapServers": "a:1", "securityProtocol": "SASL_SSL", "password": "p"}, why: v1alpha1.ReasonCredentialsMissing, says: `"saslMechanism"`},
		"Kerberos":    {reason: "not spoken", data: map[string]string{"bootstrapServers": "a:1", "securityProtocol": "SASL_SSL", "saslMechanism": "GSSAPI"}, why: v1alpha1.ReasonInvalidBinding, says: `key "saslMechanism"`},
		"HalfAKey":    {reason: "a certificate goes with its key", data: map[string]string{"bootstrapServers": "a:1", "securityProtocol": "SSL", "ssl.keystore.crt": "C"}, why: v1alpha1.ReasonCredentialsMissing, says: `"ssl.keystore.key"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := v1alpha1.KafkaConnectionSpec{ServiceBinding: &v1alpha1.ServiceBinding{SecretName: "binding"}}
			got, refs, problem := resolve(spec, "shop", false, shelf(map[string]map[string]string{"binding": tc.data}), nil)
			if len(refs) != 1 || refs[0] != (objectRef{secretKind, "shop", "binding"}) {
				t.Errorf("%s: %v were read", tc.reason, refs)
			}
			if tc.why != "" {
				if problem == nil || problem.reason != tc.why || !strings.Contains(problem.message, tc.says) || strings.Contains(problem.message, "word") {
					t.Errorf("%s: %v, want %s with %q", tc.reason, problem, tc.why, tc.says)
				}
				return
			}
			if problem != nil || got.connection.Security.TLS.Enabled != tc.tls || got.connection.Security.SASL.Mechanism != tc.sasl {
				t.Errorf("%s: %v, %v", tc.reason, got.connection.Security, problem)
			}
		})
	}
}

// TestResolveKeepsKey: the key is part of the pod template, so a rotation that
// adds the other one rolls no pod.
func TestResolveKeepsKey(t *testing.T) {
	sasl := func(secret, key string) v1alpha1.KafkaConnectionSpec {
		return specOf(nil, &v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLPlain, SecretRef: &v1alpha1.PasswordReference{
			Name: v1alpha1.ObjectName(secret), UsernameKey: v1alpha1.DataKey(key), PasswordKey: "password"}})
	}
	certificate := specOf(&v1alpha1.TLSSpec{Certificate: &v1alpha1.ClientCertificate{SecretName: "user"}}, nil)
	password := map[string]string{"user": "u2", "password": "p"}
	cases := map[string]struct {
		reason        string
		before, after v1alpha1.KafkaConnectionSpec
		old, new      map[string]string
		file, want    string
	}{
		"Username": {"the one in use stays", sasl("user", ""), sasl("user", ""), password, map[string]string{"username": "u1", "user": "u3", "password": "p"}, "username", "user"},
		"Gone":     {"it is no longer there", sasl("user", ""), sasl("user", ""), password, map[string]string{"username": "u1", "password": "p"}, "username", "username"},
		"Empty":    {"it has no content", sasl("user", ""), sasl("user", ""), password, map[string]string{"username": "u1", "user": "", "password": "p"}, "username", "username"},
		"Named":    {"somebody says which", sasl("user", ""), sasl("user", "username"), password, map[string]string{"username": "u1", "user": "u3", "password": "p"}, "username", "username"},
		"Other":    {"another Secret's key says nothing", sasl("user", ""), sasl("second", ""), password, map[string]string{"username": "u1", "user": "u3", "password": "p"}, "username", "username"},
		"Certificate": {"the same of certificates", certificate, certificate, map[string]string{"user.crt": "C", "user.key": "K"},
			map[string]string{"tls.crt": "C1", "tls.key": "K1", "user.crt": "C2", "user.key": "K2"}, "tls.crt", "user.crt"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before, _, problem := resolve(tc.before, "shop", false, shelf(map[string]map[string]string{"user": tc.old}), nil)
			if problem != nil {
				t.Fatal(problem)
			}
			after, _, problem := resolve(tc.after, "shop", false, shelf(map[string]map[string]string{"user": tc.new, "second": tc.new}), before.files)
			if problem != nil || after.files[tc.file].key != tc.want {
				t.Errorf("%s: %v, %v, want %q", tc.reason, after.files, problem, tc.want)
			}
		})
	}
}

// TestResolveProblem: what is missing is named with the field that needs it, and
// with the keys that are there.
func TestResolveProblem(t *testing.T) {
	password := func(secret string) v1alpha1.KafkaConnectionSpec {
		return specOf(nil, &v1alpha1.SASLSpec{Mechanism: v1alpha1.SASLPlain, Username: "billing", SecretRef: &v1alpha1.PasswordReference{Name: v1alpha1.ObjectName(secret)}})
	}
	cases := map[string]struct {
		reason string
		spec   v1alpha1.KafkaConnectionSpec
		want   string
	}{
		"NoSecret": {"which of the names is it?", password("absent"), `Secret "absent" does not exist (it is needed for sasl.password)`},
		"NoKey":    {"another tool's name for it", password("other"), `Secret "other" has no key "password" with content; it has ["login" "pass"], and sasl.secretRef.passwordKey says which one is meant`},
		"Binding": {"its keys are as the specification says", v1alpha1.KafkaConnectionSpec{ServiceBinding: &v1alpha1.ServiceBinding{SecretName: "bound"}},
			`Secret "bound" has no key "username" or "user" with content`},
	}
	secrets := map[string]map[string]string{"other": {"pass": "p", "login": "l"}, "bound": {"bootstrapServers": "a:1", "password": "p", "saslMechanism": "PLAIN"}}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, _, problem := resolve(tc.spec, "shop", false, shelf(secrets), nil); problem == nil || problem.message != tc.want {
				t.Errorf("%s: %v, want %q", tc.reason, problem, tc.want)
			}
		})
	}
}

// TestOutdated: what was resolved is in use and not what the spec asks for.
func TestOutdated(t *testing.T) {
	before, other := specOf(nil, nil), specOf(&v1alpha1.TLSSpec{}, nil)
	gone := &problem{v1alpha1.ReasonCredentialsMissing, "gone"}
	cases := map[string]struct {
		reason  string
		known   bool
		spec    v1alpha1.KafkaConnectionSpec
		problem *problem
		want    bool
	}{
		"Resolved":   {"nothing is missing", true, other, nil, false},
		"SecretGone": {"what the spec asks for is in use", true, before, gone, false},
		"SpecToo":    {"and here it is not", true, other, gone, true},
		"Never":      {"nothing is in use", false, other, gone, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var h heldConnection
			if tc.known {
				h.renew(before, resolved{}, nil, noon)
			}
			if h.renew(tc.spec, resolved{}, tc.problem, noon); h.outdated != tc.want {
				t.Errorf("%s: outdated %t, want %t", tc.reason, h.outdated, tc.want)
			}
		})
	}
}

// TestBlame: a failure names the Secret and key of the field that failed.
func TestBlame(t *testing.T) {
	all := map[string]keyRef{
		"tls.ca": {userSecret, "ca.crt"}, "sasl.username": {userSecret, "username"}, "sasl.password": {userSecret, "password"},
	}
	word := map[string]keyRef{"sasl.password": {userSecret, "password"}}
	ca := kafkaadmin.Connection{Security: kafkaauth.Security{TLS: kafkaauth.TLS{CA: "PEM"}}}
	spaced := kafkaadmin.Connection{Security: kafkaauth.Security{SASL: kafkaauth.SASL{Password: "s3cret "}}}
	field := func(name string) error {
		return fmt.Errorf("connect: %w: %w", kafka.ErrAuthentication, &kafkaauth.FieldError{Field: name, Err: errBoom})
	}
	cases := map[string]struct {
		reason string
		held   resolved
		err    error
		want   []string
		not    string
	}{
		"Field":    {"one field", resolved{origins: all, connection: ca}, field("tls.ca"), []string{`(Secret "user", key "ca.crt")`}, "password"},
		"Part":     {"all that makes it up", resolved{origins: all}, field("sasl"), []string{`key "username"`, `key "password"`}, "ca.crt"},
		"Said":     {"the user may be the wrong one, and is in the spec", resolved{origins: word, said: map[string]string{"sasl.username": "billing"}}, field("sasl"), []string{`(Secret "user", key "password"; sasl.username "billing")`}, "ca.crt"},
		"Name":     {"no Secret holds the server's name", resolved{origins: all}, field("tls.serverName"), []string{"tls.serverName: boom"}, "Secret"},
		"Method":   {"nor the mechanism", resolved{origins: all}, field("sasl.mechanism"), []string{"sasl.mechanism: boom"}, "Secret"},
		"Listener": {"nor what the listener speaks", resolved{origins: all}, field("tls"), []string{"tls: boom"}, "Secret"},
		"SystemCA": {"a private CA, and none was named", resolved{origins: word}, field("tls.ca"), []string{"tls.ca is not set", "system's certificates"}, "Secret"},
		"OAuthCA":  {"the same of a token endpoint", resolved{origins: word}, field("sasl.oauth.ca"), []string{"sasl.oauth.ca is not set"}, "Secret"},
		"Space":    {"white space is seen by nobody", resolved{origins: word, connection: spaced}, field("sasl"), []string{"white space"}, "s3cret"},
		"NoAuth":   {"not about credentials", resolved{origins: all}, fmt.Errorf("connect: %w", kafka.ErrUnreachable), nil, "Secret"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := heldConnection{resolved: tc.held}.blame(tc.err)
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s: %q, want %q in it", tc.reason, got, want)
				}
			}
			if strings.Contains(got, tc.not) {
				t.Errorf("%s: %q, want no %q in it", tc.reason, got, tc.not)
			}
		})
	}
}

// TestCredentialsRefused: one broker that refuses them is enough to look for newer ones.
func TestCredentialsRefused(t *testing.T) {
	refused, away := fmt.Errorf("connect: %w", kafka.ErrAuthentication), fmt.Errorf("connect: %w", kafka.ErrUnreachable)
	partition := func(err error) kafka.GroupSample {
		return kafka.GroupSample{Topics: []kafka.TopicSample{{Partitions: []kafka.PartitionSample{{}, {Partition: 1, Err: err}}}}}
	}
	cases := map[string]struct {
		sample kafka.GroupSample
		want   bool
	}{
		"None":        {partition(nil), false},
		"Away":        {partition(away), false},
		"Unreachable": {kafka.GroupSample{ConnectionErr: away}, false},
		"Connection":  {kafka.GroupSample{ConnectionErr: refused}, true},
		"State":       {kafka.GroupSample{StateErr: refused}, true},
		"Pattern":     {kafka.GroupSample{TopicsErr: refused}, true},
		"Topic":       {kafka.GroupSample{Topics: []kafka.TopicSample{{}, {Err: refused}}}, true},
		"Partition":   {partition(refused), true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := credentialsRefused(tc.sample); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
