package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// resolved is a connection with what it names filled in: for the operator the
// content, for the workers the files that the content is mounted as.
type resolved struct {
	connection kafkaadmin.Connection
	// clusterID is the cluster that is meant, empty for any.
	clusterID string
	// tls and sasl name the workers' files, files says where each comes from.
	tls   *workerconfig.TLS
	sasl  *workerconfig.SASL
	files map[string]keyRef // by name in workerconfig.CredentialsPath
	// origins says where the fields of a kafkaauth.FieldError came from.
	origins map[string]keyRef
	// said are those of the fields that the spec says itself: names, no secrets.
	said map[string]string
}

// keyRef is a key of a Secret or ConfigMap.
type keyRef struct {
	object objectRef
	key    string
}

// String is how messages name it.
func (k keyRef) String() string { return fmt.Sprintf("%s, key %q", k.object, k.key) }

// servers are the bootstrap servers, sorted.
func (r resolved) servers() []string {
	if r.connection.BootstrapServers == "" {
		return nil
	}
	return strings.Split(r.connection.BootstrapServers, ",")
}

// secured tells whether it is encrypted or authenticated at all.
func (r resolved) secured() bool { return r.connection.Security != (kafkaauth.Security{}) }

// problem is why a connection can't be resolved, as a condition says it. It
// names objects and keys, never their content.
type problem struct{ reason, message string }

// Error makes a problem an error.
func (p *problem) Error() string { return p.message }

// reader gives the data of an object.
type reader func(objectRef) (map[string]string, error)

// resolver resolves one connection. It stops at the first problem: what comes
// after it is not read any more.
type resolver struct {
	namespace string
	read      reader
	ambient   bool // the manager's own cloud identity may be used
	bound     bool // the spec is a service binding
	inUse     map[string]keyRef
	refs      []objectRef
	out       resolved
	problem   *problem
}

// resolve fills in what the spec names. refs are all objects that were looked
// at, also when it failed. inUse are the files of the last resolution: where one
// of several keys may be meant, the one in use stays while it has content.
func resolve(
	spec v1alpha1.KafkaConnectionSpec, namespace string, ambient bool, read reader, inUse map[string]keyRef,
) (resolved, []objectRef, *problem) {
	r := resolver{namespace: namespace, read: read, ambient: ambient, bound: spec.ServiceBinding != nil, inUse: inUse}
	r.out = resolved{clusterID: spec.ClusterID, files: map[string]keyRef{}, origins: map[string]keyRef{}, said: map[string]string{}}
	servers := serverNames(spec)
	var security kafkaauth.Security
	if spec.ServiceBinding != nil {
		servers, security = r.binding(string(spec.ServiceBinding.SecretName))
	} else {
		security = kafkaauth.Security{TLS: r.tls(spec.TLS), SASL: r.saslOf(spec.SASL)}
	}
	r.out.connection = kafkaadmin.NewConnection(servers, spec.Version, security)
	return r.out, r.refs, r.problem
}

// serverNames are the servers that the spec names itself.
func serverNames(spec v1alpha1.KafkaConnectionSpec) []string {
	servers := make([]string, 0, len(spec.BootstrapServers))
	for _, s := range spec.BootstrapServers {
		servers = append(servers, string(s))
	}
	return servers
}

func (r *resolver) fail(reason, format string, args ...any) {
	if r.problem == nil {
		r.problem = &problem{reason, fmt.Sprintf(format, args...)}
	}
}

// data is the content of an object that the field is made of; nil once something
// failed.
func (r *resolver) data(object objectRef, field string) map[string]string {
	if r.problem != nil {
		return nil
	}
	if !slices.Contains(r.refs, object) {
		r.refs = append(r.refs, object)
	}
	data, err := r.read(object)
	switch {
	case errors.Is(err, errNoObject):
		r.fail(v1alpha1.ReasonCredentialsMissing, "%v (it is needed for %s)", err, field)
	case err != nil:
		r.fail(v1alpha1.ReasonCredentialsUnreadable, "%v (it is needed for %s)", err, field)
	}
	return data
}

// value is the content of the first of the keys that the object has. It is
// remembered as what the field of the Security was made of, and as what the
// workers find in the file. The key that the file has now comes first: it is
// part of the pod template, so that another one would roll all pods.
func (r *resolver) value(field, file string, object objectRef, keys ...string) (content, path string) {
	data := r.data(object, field)
	for _, key := range inUseFirst(keys, r.inUse[file], object) {
		if content = data[key]; content != "" {
			from := keyRef{object, key}
			r.out.origins[field], r.out.files[file] = from, from
			return content, workerconfig.CredentialsPath + "/" + file
		}
	}
	r.fail(v1alpha1.ReasonCredentialsMissing, "%s has no key %s with content%s", object, quotedList(keys), r.keyHint(field, data))
	return "", ""
}

// keyFields are the fields of the spec that name a key.
var keyFields = map[string]string{ //nolint:gosec // names of fields
	"tls.ca": "the key of tls.ca", "tls.certificate": "tls.certificate.certificateKey", "tls.key": "tls.certificate.privateKeyKey",
	"sasl.username": "sasl.secretRef.usernameKey", "sasl.password": "sasl.secretRef.passwordKey",
	"sasl.oauth.clientID": "sasl.oauth.secretRef.clientIDKey", "sasl.oauth.clientSecret": "sasl.oauth.secretRef.clientSecretKey",
	"sasl.oauth.ca": "the key of sasl.oauth.ca", "sasl.aws.accessKeyID": "sasl.aws.secretRef.accessKeyIDKey",
	"sasl.aws.secretAccessKey": "sasl.aws.secretRef.secretAccessKeyKey", "sasl.aws.sessionToken": "sasl.aws.secretRef.sessionTokenKey",
}

// maxKeys is how many keys a message lists.
const maxKeys = 8

// keyHint tells which keys there are, and where to say which one is meant: a
// binding has its keys by specification.
func (r *resolver) keyHint(field string, data map[string]string) string {
	if len(data) == 0 || r.bound {
		return ""
	}
	keys := slices.Sorted(maps.Keys(data))
	return fmt.Sprintf("; it has %q, and %s says which one is meant", keys[:min(len(keys), maxKeys)], keyFields[field])
}

func inUseFirst(keys []string, inUse keyRef, object objectRef) []string {
	if inUse.object != object || !slices.Contains(keys, inUse.key) {
		return keys
	}
	return append([]string{inUse.key}, keys...)
}

// quotedList is `"a"`, or `"a" or "b"`.
func quotedList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(quoted, " or ")
}

func (r *resolver) secret(name v1alpha1.ObjectName) objectRef {
	return objectRef{secretKind, r.namespace, string(name)}
}

func (r *resolver) tls(spec *v1alpha1.TLSSpec) kafkaauth.TLS {
	if spec == nil {
		return kafkaauth.TLS{}
	}
	security := kafkaauth.TLS{Enabled: true, ServerName: spec.ServerName}
	worker := &workerconfig.TLS{ServerName: spec.ServerName}
	security.CA, worker.CAFile = r.ca("tls.ca", "ca.crt", spec.CA)
	if c := spec.Certificate; c != nil {
		security.Certificate, worker.CertificateFile = r.value("tls.certificate", "tls.crt", r.secret(c.SecretName), either(c.CertificateKey, "tls.crt", "user.crt")...)
		security.Key, worker.KeyFile = r.value("tls.key", "tls.key", r.secret(c.SecretName), either(c.PrivateKeyKey, "tls.key", "user.key")...)
	}
	r.out.tls = worker
	return security
}

// either is the key that was named, or those that are looked for without.
func either(key v1alpha1.DataKey, defaults ...string) []string {
	if key != "" {
		return []string{string(key)}
	}
	return defaults
}

func (r *resolver) ca(field, file string, source *v1alpha1.CASource) (content, path string) {
	switch {
	case source == nil:
		return "", ""
	case source.ConfigMapRef != nil:
		ref := source.ConfigMapRef
		return r.value(field, file, objectRef{configMapKind, r.namespace, string(ref.Name)}, either(ref.Key, "ca.crt")...)
	}
	return r.value(field, file, r.secret(source.SecretRef.Name), either(source.SecretRef.Key, "ca.crt")...)
}

func (r *resolver) saslOf(spec *v1alpha1.SASLSpec) kafkaauth.SASL {
	if spec == nil {
		return kafkaauth.SASL{}
	}
	security := kafkaauth.SASL{Mechanism: kafkaauth.Mechanism(spec.Mechanism)}
	r.out.sasl = &workerconfig.SASL{Mechanism: string(spec.Mechanism)}
	switch {
	case spec.OAuth != nil:
		security.OAuth, r.out.sasl.OAuth = r.oauth(spec.OAuth)
	case spec.AWS != nil:
		security.AWS, r.out.sasl.AWS = r.aws(spec.AWS)
	default:
		r.password(&security, r.secret(spec.SecretRef.Name), spec.Username,
			either(spec.SecretRef.UsernameKey, "username", "user"), either(spec.SecretRef.PasswordKey, "password"))
	}
	return security
}

// password fills in user name and password, as PLAIN and SCRAM want them.
func (r *resolver) password(security *kafkaauth.SASL, object objectRef, username string, userKeys, passwordKeys []string) {
	worker := r.out.sasl
	security.Username, worker.Username = username, username
	if username != "" {
		r.out.said["sasl.username"] = username
	} else {
		security.Username, worker.UsernameFile = r.value("sasl.username", "username", object, userKeys...)
	}
	security.Password, worker.PasswordFile = r.value("sasl.password", "password", object, passwordKeys...)
}

func (r *resolver) oauth(spec *v1alpha1.OAuthSpec) (kafkaauth.OAuth, *workerconfig.OAuth) {
	security := kafkaauth.OAuth{
		TokenEndpoint: spec.TokenEndpoint, Scopes: strings.Join(spec.Scopes, " "), Audience: spec.Audience, ClientID: spec.ClientID,
	}
	worker := &workerconfig.OAuth{
		TokenEndpoint: spec.TokenEndpoint, Scopes: spec.Scopes, Audience: spec.Audience, ClientID: spec.ClientID,
	}
	object := r.secret(spec.SecretRef.Name)
	if spec.ClientID != "" {
		r.out.said["sasl.oauth.clientID"] = spec.ClientID
	} else {
		security.ClientID, worker.ClientIDFile = r.value("sasl.oauth.clientID", "client-id", object, either(spec.SecretRef.ClientIDKey, "client-id")...)
	}
	security.ClientSecret, worker.ClientSecretFile = r.value("sasl.oauth.clientSecret", "client-secret", object, either(spec.SecretRef.ClientSecretKey, "client-secret")...)
	security.CA, worker.CAFile = r.ca("sasl.oauth.ca", "oauth-ca.crt", spec.CA)
	return security, worker
}

func (r *resolver) aws(spec *v1alpha1.AWSSpec) (kafkaauth.AWS, *workerconfig.AWS) {
	security := kafkaauth.AWS{Region: spec.Region, RoleARN: spec.RoleARN}
	worker := &workerconfig.AWS{Region: spec.Region, RoleARN: spec.RoleARN}
	ref := spec.SecretRef
	if ref == nil {
		if !r.ambient {
			r.fail(v1alpha1.ReasonAmbientNotAllowed,
				"sasl.aws without secretRef signs with the manager's own cloud identity, which the installer has not allowed (--allow-ambient-credentials): name a Secret in sasl.aws.secretRef")
		}
		return security, worker
	}
	object := r.secret(ref.Name)
	security.AccessKeyID, worker.AccessKeyIDFile = r.value("sasl.aws.accessKeyID", "access-key-id", object, either(ref.AccessKeyIDKey, "access-key-id")...)
	security.SecretAccessKey, worker.SecretAccessKeyFile = r.value("sasl.aws.secretAccessKey", "secret-access-key", object, either(ref.SecretAccessKeyKey, "secret-access-key")...)
	if ref.SessionTokenKey != "" {
		security.SessionToken, worker.SessionTokenFile = r.value("sasl.aws.sessionToken", "session-token", object, string(ref.SessionTokenKey))
	}
	return security, worker
}

// binding reads a Secret in the layout of the Service Binding specification, in
// the spellings that Strimzi's Access Operator writes. Without securityProtocol
// there is TLS if certificates are there, and SASL if a password is: a password
// is not sent in the clear because a key was forgotten.
func (r *resolver) binding(name string) ([]string, kafkaauth.Security) {
	object := objectRef{secretKind, r.namespace, name}
	data := r.data(object, "serviceBinding")
	if r.problem != nil {
		return nil, kafkaauth.Security{}
	}
	if kind := data["type"]; kind != "" && kind != "kafka" {
		r.fail(v1alpha1.ReasonInvalidBinding, "%s: its type is not \"kafka\"", object)
	}
	servers := r.bindingServers(object, data)
	encrypted, authenticated := r.protocol(object, data)
	var security kafkaauth.Security
	if encrypted {
		security.TLS = r.bindingTLS(object, data)
	}
	if authenticated {
		security.SASL = r.bindingSASL(object, data)
	}
	return servers, security
}

// firstOf is the first of the keys that has content.
func firstOf(data map[string]string, keys ...string) (key, value string) {
	for _, key := range keys {
		if data[key] != "" {
			return key, data[key]
		}
	}
	return keys[0], ""
}

func (r *resolver) bindingServers(object objectRef, data map[string]string) []string {
	key, list := firstOf(data, "bootstrapServers", "bootstrap-servers", "bootstrap.servers")
	if list == "" {
		r.fail(v1alpha1.ReasonCredentialsMissing, "%s has no key %q with content", object, key)
		return nil
	}
	var servers []string
	for server := range strings.SplitSeq(list, ",") {
		server = strings.TrimSpace(server)
		if host, port, err := net.SplitHostPort(server); err != nil || host == "" || port == "" {
			r.fail(v1alpha1.ReasonInvalidBinding, "%s is no comma-separated list of host:port", keyRef{object, key})
			return nil
		}
		servers = append(servers, server)
	}
	return servers
}

// protocol tells whether the binding wants TLS, and SASL.
func (r *resolver) protocol(object objectRef, data map[string]string) (encrypted, authenticated bool) {
	key, protocol := firstOf(data, "securityProtocol", "security.protocol")
	switch protocol {
	case "":
		return data["ssl.truststore.crt"] != "" || data["ssl.keystore.crt"] != "", data["password"] != ""
	case "PLAINTEXT":
		return false, false
	case "SSL":
		return true, false
	case "SASL_PLAINTEXT":
		return false, true
	case "SASL_SSL":
		return true, true
	}
	r.fail(v1alpha1.ReasonInvalidBinding, "%s is none of PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL", keyRef{object, key})
	return false, false
}

func (r *resolver) bindingTLS(object objectRef, data map[string]string) kafkaauth.TLS {
	security, worker := kafkaauth.TLS{Enabled: true}, &workerconfig.TLS{}
	if data["ssl.truststore.crt"] != "" {
		security.CA, worker.CAFile = r.value("tls.ca", "ca.crt", object, "ssl.truststore.crt")
	}
	if data["ssl.keystore.crt"] != "" || data["ssl.keystore.key"] != "" {
		security.Certificate, worker.CertificateFile = r.value("tls.certificate", "tls.crt", object, "ssl.keystore.crt")
		security.Key, worker.KeyFile = r.value("tls.key", "tls.key", object, "ssl.keystore.key")
	}
	r.out.tls = worker
	return security
}

func (r *resolver) bindingSASL(object objectRef, data map[string]string) kafkaauth.SASL {
	key, mechanism := firstOf(data, "saslMechanism", "sasl.mechanism")
	switch v1alpha1.SASLMechanism(mechanism) {
	case v1alpha1.SASLPlain, v1alpha1.SASLScramSHA256, v1alpha1.SASLScramSHA512:
	case "":
		r.fail(v1alpha1.ReasonCredentialsMissing, "%s has no key %q with content", object, key)
	default:
		r.fail(v1alpha1.ReasonInvalidBinding, "%s is none of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", keyRef{object, key})
	}
	security := kafkaauth.SASL{Mechanism: kafkaauth.Mechanism(mechanism)}
	r.out.sasl = &workerconfig.SASL{Mechanism: mechanism}
	r.password(&security, object, "", []string{"username", "user"}, []string{"password"})
	return security
}

// readerOf reads through the credentials.
func (c *Credentials) readerOf(ctx context.Context) reader {
	return func(ref objectRef) (map[string]string, error) { return c.get(ctx, ref) }
}
