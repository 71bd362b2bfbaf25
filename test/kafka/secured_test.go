package kafka_test

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/lag"
	"github.com/lagrange-operator/lagrange/internal/testcerts"
)

// Who the engine is on a secured cluster.
const (
	userName      = "lagrange"
	firstPassword = "first-password"
	nextPassword  = "next-password"
)

// secured is a cluster with TLS, SCRAM and ACLs.
type secured struct {
	*stand
	ca *testcerts.CA
	// expired are the addresses at which the certificate has expired.
	expired []string
}

func TestSecured(t *testing.T) {
	start := map[string]func(*testing.T) *secured{onFake: fakeSecured, onApache: apacheSecured}
	for _, kind := range []string{onFake, onApache} {
		t.Run(kind, func(t *testing.T) {
			x := start[kind](t)
			x.createTopic(t, "allowed", 1, nil)
			x.createTopic(t, "forbidden", 1, nil)
			x.fill(t, "allowed", 0, 5)
			x.fill(t, "forbidden", 0, 5)
			x.allow(t)
			t.Run("ACLs", x.acls)
			t.Run("ExpiredCertificate", x.expiredCertificate)
			t.Run("RotatedPassword", x.rotatedPassword)
		})
	}
}

func certificates(t *testing.T) (ca *testcerts.CA, valid, expired testcerts.Pair) {
	t.Helper()
	ca = testcerts.NewCA(t, "brokers")
	hour := time.Now().Add(-time.Hour)
	return ca, ca.Issue(t, testcerts.Leaf{}), ca.Issue(t, testcerts.Leaf{NotBefore: hour.Add(-time.Hour), NotAfter: hour})
}

func fakeSecured(t *testing.T) *secured {
	t.Helper()
	ca, valid, expired := certificates(t)
	start := func(certificate testcerts.Pair) *kfake.Cluster {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(certificate.Server(t, nil)), kfake.EnableSASL(), kfake.EnableACLs(),
			kfake.Superuser("SCRAM-SHA-512", "admin", "admin"), kfake.User("SCRAM-SHA-512", userName, firstPassword))
		must(t, "start kfake", err)
		t.Cleanup(cluster.Close)
		return cluster
	}
	cluster := start(valid)
	s := &stand{kind: onFake, servers: cluster.ListenAddrs(), fake: cluster, options: []kgo.Opt{
		kgo.DialTLSConfig(&tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}),
		kgo.SASL(scram.Auth{User: "admin", Pass: "admin"}.AsSha512Mechanism()),
	}}
	return &secured{stand: s.connected(t), ca: ca, expired: start(expired).ListenAddrs()}
}

func apacheSecured(t *testing.T) *secured {
	t.Helper()
	ca, valid, expired := certificates(t)
	cluster := startApache(t, apache.Options{
		Listeners: []apache.Listener{
			{Name: "SECURED", Certificate: valid.Certificate, Key: valid.Key, SCRAM: true},
			{Name: "EXPIRED", Certificate: expired.Certificate, Key: expired.Key, SCRAM: true},
		},
		Users: []apache.User{{Name: userName, Password: firstPassword}}, ACLs: true,
	})
	s := &stand{kind: onApache, servers: cluster.Servers("SECURED"), own: cluster.Admin(), apache: cluster}
	return &secured{stand: s.connected(t), ca: ca, expired: cluster.Servers("EXPIRED")}
}

// allow gives the engine what it needs on one topic and one group.
func (x *secured) allow(t *testing.T) {
	t.Helper()
	acls := kadm.NewACLs().Allow("User:"+userName).ResourcePatternType(kadm.ACLPatternLiteral).
		Topics("allowed").Groups("allowed-group").Operations(kadm.OpDescribe, kadm.OpRead)
	results, err := x.admin.CreateACLs(within(t), acls)
	must(t, "create ACLs", err)
	for _, result := range results {
		must(t, "create an ACL", result.Err)
	}
}

func (x *secured) connection(servers []string, password string) kafkaadmin.Connection {
	return kafkaadmin.NewConnection(servers, "", kafkaauth.Security{
		TLS:  kafkaauth.TLS{Enabled: true, CA: x.ca.PEM},
		SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA512, Username: userName, Password: password},
	})
}

// What may not be read is unknown, and what may be is known.
func (x *secured) acls(t *testing.T) {
	e := startEngine(t, kafkaadmin.Options{})
	connection := x.connection(x.servers, firstPassword)
	for _, group := range []string{"allowed-group", "forbidden-group"} {
		x.commit(t, group, "allowed", map[int32]int64{0: 2})
		x.commit(t, group, "forbidden", map[int32]int64{0: 2})
		e.watch(t, group, kafkaadmin.Subscription{Connection: connection, GroupID: group, Topics: []string{"allowed", "forbidden"}}, kafka.InitialEarliest)
	}
	cases := []struct {
		name, group, why string
		want             map[string]reading
		tool             map[string]string
	}{
		{
			name: "ACL missing on one topic", group: "allowed-group",
			why:  "the tool leaves out, silently, a topic that it may not describe; we name it",
			want: map[string]reading{"allowed-0": {Committed: 2, End: 5, Lag: 3}, "forbidden": {Unknown: kafka.ErrUnauthorized}},
			tool: map[string]string{"allowed-0": "2 / 5 / 3"},
		},
		{
			name: "ACL missing on the group", group: "forbidden-group",
			why:  "both refuse",
			tool: map[string]string{"all": "fails: GroupAuthorizationException"},
			want: map[string]reading{"allowed-0": {Unknown: kafka.ErrUnauthorized}, "forbidden": {Unknown: kafka.ErrUnauthorized}},
		},
	}
	for i, tc := range cases {
		var got map[string]reading
		e.until(t, tc.group, tc.name, func(sample kafka.GroupSample, group lag.Group) bool {
			got = readingsOf(sample, group, tc.want)
			return sameReadings(tc.want, got)
		})
		told := x.askAsUser(t, tc.group, firstPassword, x.servers)
		if diff := gocmp.Diff(tc.tool, told); x.apache != nil && diff != "" {
			t.Errorf("%s: Kafka's tool, -expected +said:\n%s", tc.name, diff)
		}
		for what, r := range tc.want {
			theTable.add(row{order: 200 + i, name: tc.name, what: what, ours: r.String(), tool: x.said(told, what), why: tc.why}, x.kind)
		}
	}
}

func (x *secured) expiredCertificate(t *testing.T) {
	e := startEngine(t, kafkaadmin.Options{})
	e.watch(t, "expired", kafkaadmin.Subscription{
		Connection: x.connection(x.expired, firstPassword), GroupID: "allowed-group", Topics: []string{"allowed"},
	}, kafka.InitialEarliest)
	sample, _ := e.until(t, "expired", "a refusal that names the certificate", func(sample kafka.GroupSample, _ lag.Group) bool {
		return errors.Is(sample.ConnectionErr, kafka.ErrAuthentication)
	})
	if !strings.Contains(sample.ConnectionErr.Error(), "expired") {
		t.Errorf("the error is %v: it does not say that the certificate has expired", sample.ConnectionErr)
	}
	told := x.askAsUser(t, "allowed-group", firstPassword, x.expired)
	if want := "fails: SslAuthenticationException"; x.apache != nil && told["all"] != want {
		t.Errorf("Kafka's tool said %q, want %q", told, want)
	}
	theTable.add(row{order: 210, name: "TLS certificate expired", what: "group", ours: "unknown: authentication failed, and that it has expired", tool: told["all"]}, x.kind)
}

// A password that is rotated loses no number: the last one stays, with its age,
// until a client with the new password has another one.
func (x *secured) rotatedPassword(t *testing.T) {
	e := startEngine(t, kafkaadmin.Options{})
	watch := func(password string) {
		e.pool.Watch("rotated", kafkaadmin.Subscription{
			Connection: x.connection(x.servers, password), GroupID: "allowed-group", Topics: []string{"allowed"},
		})
	}
	e.watch(t, "rotated", kafkaadmin.Subscription{
		Connection: x.connection(x.servers, firstPassword), GroupID: "allowed-group", Topics: []string{"allowed"},
	}, kafka.InitialEarliest)
	lagIs := func(messages int64) func(kafka.GroupSample, lag.Group) bool {
		return func(_ kafka.GroupSample, group lag.Group) bool {
			known, unknown := group.Known()
			return unknown == 0 && known == messages
		}
	}
	e.until(t, "rotated", "the lag with the first password", lagIs(3))
	x.setPassword(t, nextPassword)
	watch(nextPassword)
	if sample, known := e.pool.Latest("rotated"); !known || sample.ConnectionErr != nil {
		t.Errorf("right after the rotation the sample is %+v, %v; want the last one", sample, known)
	}
	x.commit(t, "allowed-group", "allowed", map[int32]int64{0: 4})
	e.until(t, "rotated", "the lag with the next password", lagIs(1))
	if gaps := e.gaps("rotated"); gaps > 0 {
		t.Errorf("%d samples without a number through the rotation", gaps)
	}
	refused := kafka.ErrAuthentication
	if x.fake != nil {
		refused = kafka.ErrUnreachable // it hangs up, and doesn't say why
	}
	watch("another-password")
	e.until(t, "rotated", "a refusal of a wrong password", func(sample kafka.GroupSample, _ lag.Group) bool {
		return errors.Is(sample.ConnectionErr, refused)
	})
	watch(nextPassword)
	e.until(t, "rotated", "recovery", lagIs(1))
	theTable.add(row{order: 211, name: "password rotated", what: "allowed-0", ours: "no sample without a number", why: "the last sample stays, with its age, until the new client has one"}, x.kind)
}

func (x *secured) setPassword(t *testing.T, password string) {
	t.Helper()
	altered, err := x.admin.AlterUserSCRAMs(within(t), nil, []kadm.UpsertSCRAM{{
		User: userName, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password,
	}})
	must(t, "change the password", err)
	must(t, "change the password", altered[userName].Err)
}

// askAsUser asks Kafka's tool with the engine's own rights, and returns what it
// says by partition, or how it fails as "all".
func (x *secured) askAsUser(t *testing.T, group, password string, servers []string) map[string]string {
	t.Helper()
	if x.apache == nil {
		return nil
	}
	folder := t.TempDir()
	ca, config := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "client.properties")
	must(t, "write the CA", os.WriteFile(ca, []byte(x.ca.PEM), 0o600))
	must(t, "write the client's properties", os.WriteFile(config, []byte(strings.Join([]string{
		"security.protocol=SASL_SSL", "ssl.truststore.type=PEM", "ssl.truststore.location=" + ca, "sasl.mechanism=SCRAM-SHA-512",
		fmt.Sprintf("sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=%q password=%q;", userName, password),
	}, "\n")), 0o600))
	out, err := x.apache.Tool(within(t), "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
		"--bootstrap-server", strings.Join(servers, ","), "--command-config", config, "--describe", "--offsets", "--group", group)
	if exception := exceptionIn(fmt.Sprint(out, err)); exception != "" {
		return map[string]string{"all": "fails: " + exception}
	}
	lines, err := apache.ParseOffsets(out)
	must(t, "read what Kafka's tool says", err)
	told := map[string]string{}
	for _, line := range lines {
		told[fmt.Sprintf("%s-%d", line.Topic, line.Partition)] = numbersOf(line)
	}
	return told
}

// said is the tool's answer for the table, "" on kfake.
func (x *secured) said(told map[string]string, what string) string {
	if x.apache == nil {
		return ""
	}
	return cmp.Or(told[what], told["all"], noLine)
}

// exceptionIn is the name of the first exception in what a program said, without its package.
func exceptionIn(said string) string {
	for _, word := range strings.Fields(said) {
		if name, found := strings.CutSuffix(word, "Exception:"); found {
			return name[strings.LastIndex(name, ".")+1:] + "Exception"
		}
	}
	return ""
}
