//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	kafkabroker "github.com/lagrange-operator/lagrange/hack/kafka/broker"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/testcerts"
)

// The listener that clients use, and who they are there.
const (
	securedListener = "SECURED"
	userName        = "billing"
)

// secured is an Apache Kafka at which a client needs a certificate and a
// password. Pods reach it through a relay.
type secured struct {
	*relay
	cluster *apache.Cluster
	admin   *kadm.Client // by the listener at which all is allowed
	// brokers signed the broker's certificate; clients[0] signs those of clients
	// until the broker trusts clients[1] alone.
	brokers *testcerts.CA
	clients [2]*testcerts.CA
}

func startSecured(t *testing.T, password string, topic kafkabroker.Topic) *secured {
	t.Helper()
	s := &secured{relay: startRelay(t), brokers: testcerts.NewCA(t, "brokers")}
	s.clients = [2]*testcerts.CA{testcerts.NewCA(t, "clients"), testcerts.NewCA(t, "next clients")}
	pair := s.brokers.Issue(t, testcerts.Leaf{Hosts: []string{host}})
	var err error
	s.cluster, err = apache.Start(t.Context(), apache.Options{
		Listeners: []apache.Listener{{
			Name: securedListener, Advertise: []string{s.address()}, SCRAM: true,
			Certificate: pair.Certificate, Key: pair.Key, ClientCA: s.clients[0].PEM + s.clients[1].PEM,
		}},
		Users: []apache.User{{Name: userName, Password: password}}, Topics: []kafkabroker.Topic{topic}, Progress: os.Stderr,
	})
	if errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cluster.Close() })
	s.leadTo(s.cluster.Listening(securedListener)[0])
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Admin()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.admin = kadm.NewClient(client)
	return s
}

// certificate is a new one for the user, of the first or the next authority.
func (s *secured) certificate(t *testing.T, of int) testcerts.Pair {
	t.Helper()
	return s.clients[of].Issue(t, testcerts.Leaf{Name: userName})
}

// setPassword changes the user's password: new connections need it, open ones stay.
func (s *secured) setPassword(t *testing.T, password string) {
	t.Helper()
	altered, err := s.admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{
		User: userName, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password,
	}})
	if err = errors.Join(err, altered[userName].Err); err != nil {
		t.Fatalf("change the password: %v", err)
	}
}

// trustNextAlone makes the broker refuse new connections with a certificate of
// the first authority.
func (s *secured) trustNextAlone(t *testing.T) {
	t.Helper()
	responses, err := s.admin.AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{
		Op: kadm.SetConfig, Name: "listener.name.secured.ssl.truststore.certificates", Value: &s.clients[1].PEM,
	}}, 0)
	for _, response := range responses {
		err = errors.Join(err, response.Err)
	}
	if err != nil {
		t.Fatalf("change whom the broker trusts: %v", err)
	}
}

// login connects as the user.
func (s *secured) login(password string, pair testcerts.Pair) error {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Net.DialTimeout, config.Net.ReadTimeout = 10*time.Second, 10*time.Second
	security := kafkaauth.Security{
		TLS:  kafkaauth.TLS{Enabled: true, CA: s.brokers.PEM, Certificate: pair.Certificate, Key: pair.Key, ServerName: host},
		SASL: kafkaauth.SASL{Mechanism: kafkaauth.ScramSHA512, Username: userName, Password: password},
	}
	if err := security.Apply(config); err != nil {
		return err
	}
	broker := sarama.NewBroker(s.cluster.Listening(securedListener)[0])
	if err := broker.Open(config); err != nil {
		return err
	}
	connected, err := broker.Connected()
	if connected {
		return broker.Close()
	}
	return err
}

// wantRefused waits until the broker refuses these, and sees that it takes others.
func (s *secured) wantRefused(t *testing.T, refuses, takes func() error) {
	t.Helper()
	eventually(t, func(context.Context) error {
		if refuses() == nil {
			return errors.New("the broker still takes the old credentials")
		}
		return nil
	})
	if err := takes(); err != nil {
		t.Fatal(fmt.Errorf("the broker does not take the new credentials: %w", err))
	}
}
