package v1alpha1

// Connection is how to reach a Kafka cluster: where it is, how the connection is
// encrypted, and how a client says who it is. Equal connections, with equal
// credentials, share one client and one polling cycle of the operator.
//
// +kubebuilder:validation:XValidation:rule="!has(self.sasl) || self.sasl.mechanism != 'AWS_MSK_IAM' || has(self.tls)",message="AWS_MSK_IAM is only spoken over TLS: set tls, as tls: {} if the system's certificates are to be trusted",fieldPath=".tls"
type Connection struct {
	// bootstrapServers are the brokers to start from, as host:port. The order has no meaning.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +optional
	BootstrapServers []BootstrapServer `json:"bootstrapServers,omitempty"`

	// version is the newest Kafka version to speak, such as "3.6.0". It need not be set: each broker is asked what it
	// speaks, and nothing newer is sent to it. It is a cap, for brokers, or what stands before them, that claim to
	// speak more than they do. Default: 4.2.0 for Lagrange; for workers what they choose (3.6.0 on the Go runtime).
	// +kubebuilder:validation:XValidation:rule="self.matches('^([3-9]|[1-9][0-9])[.][0-9]{1,3}[.][0-9]{1,3}$')",message="version must be a Kafka version of 3.0.0 or newer in three parts, such as 3.6.0"
	// +kubebuilder:validation:MaxLength=16
	// +optional
	Version string `json:"version,omitempty"`

	// clusterID is the id of the cluster that is meant. Without it the first cluster seen behind the bootstrap
	// servers is; if another one answers there later nothing is scaled until that is settled (Stalled,
	// ClusterChanged). Naming the new id here accepts it. Default: not set.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	ClusterID string `json:"clusterID,omitempty"`

	// tls encrypts the connection. Without it the connection is plain text; "tls: {}" trusts the certificates of the
	// system that the manager, or the worker, runs on.
	// +optional
	TLS *TLSSpec `json:"tls,omitempty"`

	// sasl is how to say who connects. Default: not at all, or by tls.certificate.
	// +optional
	SASL *SASLSpec `json:"sasl,omitempty"`
}

// BootstrapServer is the address of a broker: a host name, an IPv4 address or an IPv6 address in brackets, and a port.
//
// +kubebuilder:validation:MaxLength=261
// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$`
type BootstrapServer string

// ObjectName is the name of an object of the same namespace.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
type ObjectName string

// DataKey is a key in the data of a Secret or a ConfigMap.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
type DataKey string

// TLSSpec is how a connection is encrypted.
type TLSSpec struct {
	// ca holds the certificates (PEM) that the brokers' are checked with. Default: those of the system that the
	// manager, or the worker, runs on.
	// +optional
	CA *CASource `json:"ca,omitempty"`

	// certificate is the client's own, for brokers that ask for one. Default: none.
	// +optional
	Certificate *ClientCertificate `json:"certificate,omitempty"`

	// serverName is the name that the brokers' certificates must be made out to. Default: the host that is
	// connected to.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ServerName string `json:"serverName,omitempty"`
}

// CASource is where certificates to be trusted are kept.
//
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) != has(self.configMapRef)",message="ca needs one of secretRef and configMapRef"
type CASource struct {
	// secretRef names a key of a Secret of the same namespace.
	// +optional
	SecretRef *CAReference `json:"secretRef,omitempty"`
	// configMapRef names a key of a ConfigMap of the same namespace.
	// +optional
	ConfigMapRef *CAReference `json:"configMapRef,omitempty"`
}

// CAReference names a key that holds certificates to be trusted.
type CAReference struct {
	// name is the name of the Secret or ConfigMap.
	// +required
	Name ObjectName `json:"name"`
	// key is the key that holds the certificates, PEM. Default: ca.crt, as Strimzi and cert-manager write it.
	// +kubebuilder:default="ca.crt"
	// +optional
	Key DataKey `json:"key,omitempty"`
}

// ClientCertificate names the certificate and private key of the client.
//
// +kubebuilder:validation:XValidation:rule="has(self.certificateKey) == has(self.privateKeyKey)",message="certificateKey and privateKeyKey go together"
type ClientCertificate struct {
	// secretName is a Secret of the same namespace.
	// +required
	SecretName ObjectName `json:"secretName"`
	// certificateKey is the key that holds the certificate and its chain, PEM. Default: tls.crt, as cert-manager and
	// Secrets of type kubernetes.io/tls have it; where there is none user.crt, as Strimzi writes it.
	// +optional
	CertificateKey DataKey `json:"certificateKey,omitempty"`
	// privateKeyKey is the key that holds the private key, PEM. Default: tls.key, or user.key.
	// +optional
	PrivateKeyKey DataKey `json:"privateKeyKey,omitempty"`
}

// SASLMechanism is how a client says who it is.
//
// +kubebuilder:validation:Enum=PLAIN;SCRAM-SHA-256;SCRAM-SHA-512;OAUTHBEARER;AWS_MSK_IAM
type SASLMechanism string

// The mechanisms.
const (
	SASLPlain       SASLMechanism = "PLAIN"
	SASLScramSHA256 SASLMechanism = "SCRAM-SHA-256"
	SASLScramSHA512 SASLMechanism = "SCRAM-SHA-512"
	SASLOAuthBearer SASLMechanism = "OAUTHBEARER"
	SASLAWSMSKIAM   SASLMechanism = "AWS_MSK_IAM"
)

// SASLSpec is how a client says who it is.
//
// +kubebuilder:validation:XValidation:rule="!(self.mechanism in ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) || has(self.secretRef)",message="mechanisms PLAIN and SCRAM need secretRef: the Secret that holds the password",fieldPath=".secretRef"
// +kubebuilder:validation:XValidation:rule="self.mechanism in ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] || !(has(self.secretRef) || has(self.username))",message="username and secretRef are for PLAIN and SCRAM; oauth and aws name a Secret of their own",fieldPath=".secretRef"
// +kubebuilder:validation:XValidation:rule="(self.mechanism == 'OAUTHBEARER') == has(self.oauth)",message="oauth goes with mechanism OAUTHBEARER, which needs it",fieldPath=".oauth"
// +kubebuilder:validation:XValidation:rule="(self.mechanism == 'AWS_MSK_IAM') == has(self.aws)",message="aws goes with mechanism AWS_MSK_IAM, which needs it",fieldPath=".aws"
// +kubebuilder:validation:XValidation:rule="!has(self.username) || !has(self.secretRef) || !has(self.secretRef.usernameKey)",message="the user name is given by username or by secretRef.usernameKey, not by both",fieldPath=".username"
type SASLSpec struct {
	// mechanism is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER (client credentials of OAuth 2.0) or
	// AWS_MSK_IAM (Amazon's, for MSK).
	// +required
	Mechanism SASLMechanism `json:"mechanism"`

	// username is the user for PLAIN and SCRAM when the Secret doesn't hold it, as those that Strimzi writes for
	// SCRAM: there it is the KafkaUser's name. Default: what the Secret says.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Username string `json:"username,omitempty"`

	// secretRef names the Secret that holds the password, and the user name unless username gives it. For PLAIN and SCRAM.
	// +optional
	SecretRef *PasswordReference `json:"secretRef,omitempty"`

	// oauth is where tokens come from. For OAUTHBEARER.
	// +optional
	OAuth *OAuthSpec `json:"oauth,omitempty"`

	// aws is how requests are signed. For AWS_MSK_IAM.
	// +optional
	AWS *AWSSpec `json:"aws,omitempty"`
}

// PasswordReference names user name and password in a Secret.
type PasswordReference struct {
	// name is a Secret of the same namespace.
	// +required
	Name ObjectName `json:"name"`
	// usernameKey is the key that holds the user name. Default: username, or where there is none user.
	// +optional
	UsernameKey DataKey `json:"usernameKey,omitempty"`
	// passwordKey is the key that holds the password. Default: password.
	// +kubebuilder:default="password"
	// +optional
	PasswordKey DataKey `json:"passwordKey,omitempty"`
}

// OAuthSpec is the client credentials grant of OAuth 2.0 (RFC 6749, 4.4). A new
// token is fetched before the one in use expires.
//
// +kubebuilder:validation:XValidation:rule="!has(self.clientID) || !has(self.secretRef.clientIDKey)",message="the client id is given by clientID or by secretRef.clientIDKey, not by both",fieldPath=".clientID"
type OAuthSpec struct {
	// tokenEndpoint is the URL that gives tokens, https.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https://[^/?#\s]+([/?][^#\s]*)?$`
	// +required
	TokenEndpoint string `json:"tokenEndpoint"`
	// scopes are asked for. Default: those that the endpoint gives by itself.
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[!#-\[\]-~]+$`
	// +optional
	Scopes []string `json:"scopes,omitempty"`
	// audience is asked for by the parameter "audience". Default: not sent.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Audience string `json:"audience,omitempty"`
	// clientID is what the endpoint knows the client by, when the Secret doesn't hold it. Default: what the Secret says.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// secretRef names the Secret that holds the client's secret, and its id unless clientID gives it.
	// +required
	SecretRef OAuthReference `json:"secretRef"`
	// ca holds the certificates that the endpoint's is checked with. Default: those of the system that the manager,
	// or the worker, runs on; not those of tls.ca.
	// +optional
	CA *CASource `json:"ca,omitempty"`
}

// OAuthReference names client id and client secret in a Secret.
type OAuthReference struct {
	// name is a Secret of the same namespace.
	// +required
	Name ObjectName `json:"name"`
	// clientIDKey is the key that holds the client's id. Default: client-id.
	// +optional
	ClientIDKey DataKey `json:"clientIDKey,omitempty"`
	// clientSecretKey is the key that holds the client's secret. Default: client-secret.
	// +kubebuilder:default="client-secret"
	// +optional
	ClientSecretKey DataKey `json:"clientSecretKey,omitempty"`
}

// AWSSpec is how requests to MSK are signed.
type AWSSpec struct {
	// region is the cluster's region, such as eu-central-1.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-z0-9-]+$`
	// +required
	Region string `json:"region"`
	// roleARN is a role that is assumed before signing. Default: none.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^arn:[a-z0-9-]+:iam::[0-9]{12}:role/.+$`
	// +optional
	RoleARN string `json:"roleARN,omitempty"`
	// secretRef names the Secret that holds an access key. Without it the manager signs with its own cloud identity,
	// if the installer allows that by --allow-ambient-credentials, and each worker with its pod's.
	// +optional
	SecretRef *AWSReference `json:"secretRef,omitempty"`
}

// AWSReference names an access key in a Secret.
type AWSReference struct {
	// name is a Secret of the same namespace.
	// +required
	Name ObjectName `json:"name"`
	// accessKeyIDKey is the key that holds the access key's id. Default: access-key-id.
	// +kubebuilder:default="access-key-id"
	// +optional
	AccessKeyIDKey DataKey `json:"accessKeyIDKey,omitempty"`
	// secretAccessKeyKey is the key that holds the secret access key. Default: secret-access-key.
	// +kubebuilder:default="secret-access-key"
	// +optional
	SecretAccessKeyKey DataKey `json:"secretAccessKeyKey,omitempty"`
	// sessionTokenKey is the key that holds the session token of a temporary access key. Default: there is none.
	// +optional
	SessionTokenKey DataKey `json:"sessionTokenKey,omitempty"`
}
