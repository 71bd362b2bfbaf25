package worker_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/testcerts"
	"github.com/lagrange-operator/lagrange/worker"
)

// listeners cut what was accepted, and speak TLS if told to.
type listeners struct {
	mu    sync.Mutex
	open  []net.Conn
	trust *tls.Config // for connections from now on, nil for plain text
	seen  []string    // names in the clients' certificates
}

func (l *listeners) option() kfake.Opt {
	return kfake.ListenFn(func(network, address string) (net.Listener, error) {
		listener, err := net.Listen(network, address)
		return cuttable{listener, l}, err
	})
}

type cuttable struct {
	net.Listener
	all *listeners
}

func (c cuttable) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.open = append(c.all.open, conn)
	if c.all.trust == nil {
		return conn, nil
	}
	return tls.Server(conn, c.all.trust), nil
}

// cut ends all connections, as a broker that restarts does.
func (l *listeners) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.open {
		_ = conn.Close()
	}
	l.open = nil
}

// require has connections from now on show a certificate that the CA issued.
func (l *listeners) require(t *testing.T, ca *testcerts.CA) {
	t.Helper()
	config := ca.Issue(t, testcerts.Leaf{}).Server(t, ca)
	config.VerifyConnection = func(state tls.ConnectionState) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seen = append(l.seen, state.PeerCertificates[0].Subject.CommonName)
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trust = config
}

func (l *listeners) saw(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.seen, name)
}

func pemFiles(t *testing.T, ca *testcerts.CA, name string) map[string]string {
	t.Helper()
	pair := ca.Issue(t, testcerts.Leaf{Name: name})
	return map[string]string{"ca.crt": ca.PEM, "tls.crt": pair.Certificate, "tls.key": pair.Key}
}

// undisturbed fails the test unless the worker is in the session that it
// joined first.
func undisturbed(t *testing.T, b *broker, config worker.Config, generation int32) {
	t.Helper()
	if got := b.GroupInfo(group).Epoch; got != generation {
		t.Errorf("generation %d, was %d: the rotation ended the session", got, generation)
	}
	if got := metric(t, config.Registry, "lagrange_worker_rebalances_total"); got != 1 {
		t.Errorf("joined %g times", got)
	}
}

// The CA, the broker's and the client's certificate are all replaced at once.
func TestCertificatesAreRotatedWithinASession(t *testing.T) {
	t.Parallel()
	var all listeners
	before, after := testcerts.NewCA(t, "Before"), testcerts.NewCA(t, "After")
	all.require(t, before)
	var own atomic.Pointer[tls.Certificate]
	become := func(ca *testcerts.CA) {
		certificate := ca.Issue(t, testcerts.Leaf{Name: "test"}).TLS(t)
		own.Store(&certificate)
	}
	become(before)
	b := newBrokerWith(t, func(config *sarama.Config) {
		config.Net.TLS.Enable = true
		config.Net.TLS.Config = &tls.Config{
			InsecureSkipVerify:   true,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.Load(), nil },
		}
	}, kfake.SeedTopics(2, topic), all.option())
	files := newMount(t, pemFiles(t, before, "worker-before"))
	config, handled := b.config(), newRecord()
	config.TLS = &workerconfig.TLS{CAFile: files.file("ca.crt"), CertificateFile: files.file("tls.crt"), KeyFile: files.file("tls.key")}
	w := start(t, config, handled.handle)
	b.awaitMembers(t, 1)
	b.produce(t, 0, 5)
	await(t, "messages before", func() bool { return handled.distinct() == 5 })
	generation := b.GroupInfo(group).Epoch

	all.require(t, after)
	become(after)
	files.swap(t, pemFiles(t, after, "worker-after"))
	all.cut()
	b.produce(t, 1, 5)
	await(t, "messages after", func() bool { return handled.distinct() == 10 })
	undisturbed(t, b, config, generation)
	if !all.saw("worker-before") || !all.saw("worker-after") {
		t.Errorf("the broker saw %q", all.seen)
	}
	w.stop(t)
}

func scram(user, password string) func(*sarama.Config) {
	return func(config *sarama.Config) {
		security := kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA512, Username: user, Password: password}}
		if err := security.Apply(config); err != nil {
			panic(err)
		}
	}
}

// changePassword is what an administrator does at the broker.
func (b *broker) changePassword(t *testing.T, user, password string) {
	t.Helper()
	results, err := b.admin.UpsertUserScramCredentials([]sarama.AlterUserScramCredentialsUpsert{{
		Name: user, Mechanism: sarama.SCRAM_MECHANISM_SHA_512, Iterations: 4096,
		Salt: []byte("salt"), Password: []byte(password),
	}})
	if err != nil || len(results) != 1 || !errors.Is(results[0].ErrorCode, sarama.ErrNoError) {
		t.Fatalf("change the password: %v, %v", err, results)
	}
}

func TestAPasswordIsRotatedWithinASession(t *testing.T) {
	t.Parallel()
	var all listeners
	b := newBrokerWith(t, scram("test", "test"), kfake.SeedTopics(2, topic), all.option(), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-512", "test", "test"), kfake.Superuser("SCRAM-SHA-512", "workers", "before"))
	files := newMount(t, map[string]string{"username": "workers", "password": "before"})
	config, handled := b.config(), newRecord()
	config.SASL = &workerconfig.SASL{
		Mechanism: "SCRAM-SHA-512", UsernameFile: files.file("username"), PasswordFile: files.file("password"),
	}
	w := start(t, config, handled.handle)
	b.awaitMembers(t, 1)
	b.produce(t, 0, 5)
	await(t, "messages before", func() bool { return handled.distinct() == 5 })
	generation := b.GroupInfo(group).Epoch

	b.changePassword(t, "workers", "after")
	files.swap(t, map[string]string{"username": "workers", "password": "after"})
	all.cut()
	b.produce(t, 1, 5)
	await(t, "messages after", func() bool { return handled.distinct() == 10 })
	undisturbed(t, b, config, generation)
	w.stop(t)
}

// A worker that starts with a wrong password waits for the right one, and the
// log says what is wrong, and never the password.
func TestAWrongPasswordIsWaitedOut(t *testing.T) {
	t.Parallel()
	b := newBrokerWith(t, scram("test", "test"), kfake.SeedTopics(1, topic), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-512", "test", "test"), kfake.Superuser("SCRAM-SHA-512", "workers", "right"))
	files := newMount(t, map[string]string{"password": "s3cr3t\n"})
	var log lockedBuffer
	config := b.config()
	config.ListenAddress = freeAddress(t)
	config.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	config.SASL = &workerconfig.SASL{Mechanism: "SCRAM-SHA-512", Username: "workers", PasswordFile: files.file("password")}
	w := start(t, config, newRecord().handle)
	await(t, "the line break is named", func() bool { return strings.Contains(log.String(), "sasl.password: ends in a line break") })
	files.swap(t, map[string]string{"password": "s3cr3t"})
	await(t, "the broker refuses it", func() bool {
		return strings.Contains(log.String(), "sasl: the broker closed the connection instead of authenticating")
	})
	if got := status(config.ListenAddress, "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("ready with a wrong password: %d", got)
	}
	files.swap(t, map[string]string{"password": "right"})
	b.awaitMembers(t, 1)
	w.stop(t)
	if strings.Contains(log.String(), "s3cr3t") {
		t.Errorf("the log has the password: %s", log.String())
	}
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// PLAIN can't be changed within a client: the session ends in order once the
// broker takes the new credentials, and not before.
func TestPlainCredentialsAreRotatedByAnotherClient(t *testing.T) {
	t.Parallel()
	b := newBrokerWith(t, scram("test", "test"), kfake.SeedTopics(1, topic), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-512", "test", "test"), kfake.Superuser("PLAIN", "before", "one"), kfake.Superuser("PLAIN", "after", "two"))
	var tried lockedBuffer // what clients sent to authenticate
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, Observe: true, Count: -1, When: func(request kmsg.Request) bool {
		_, _ = tried.Write(request.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)
		return true
	}})
	files := newMount(t, map[string]string{"username": "before", "password": "one"})
	config, handled := b.config(), newRecord()
	config.SASL = &workerconfig.SASL{Mechanism: "PLAIN", UsernameFile: files.file("username"), PasswordFile: files.file("password")}
	w := start(t, config, handled.handle)
	b.awaitMembers(t, 1)
	b.produce(t, 0, 5)
	await(t, "messages before", func() bool { return handled.distinct() == 5 })
	generation := b.GroupInfo(group).Epoch

	files.swap(t, map[string]string{"username": "after", "password": "wrong"})
	await(t, "the wrong one is tried", func() bool { return strings.Contains(tried.String(), "\x00after\x00wrong") })
	b.produce(t, 0, 5)
	await(t, "messages all the same", func() bool { return handled.distinct() == 10 })
	undisturbed(t, b, config, generation)

	files.swap(t, map[string]string{"username": "after", "password": "two"})
	await(t, "another session", func() bool { return metric(t, config.Registry, "lagrange_worker_rebalances_total") == 2 })
	b.produce(t, 0, 5)
	await(t, "messages after", func() bool { return handled.distinct() == 15 })
	w.stop(t)
	if diff := cmp.Diff(offsets(0, 15), handled.of(0)); diff != "" {
		t.Errorf("each message once, in order, -want +got:\n%s", diff)
	}
}

// A broker that accepts and says nothing can't hold up the end within a TLS
// handshake either.
func TestASilentTLSBrokerDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	accepted := make(chan net.Conn, 100)
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			accepted <- conn
		}
	}()
	config := newBroker(t, 1).config()
	config.BootstrapServers = []string{listener.Addr().String()}
	config.TLS = &workerconfig.TLS{}
	w := start(t, config, newRecord().handle)
	conn := <-accepted
	t.Cleanup(func() { _ = conn.Close() })
	w.stop(t)
}
