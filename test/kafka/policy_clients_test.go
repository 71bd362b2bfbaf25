package kafka_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// What each program produces with each policy: keyed small messages over all
// partitions of one topic; a text, and then messages of its beginning, into
// another.
const (
	keyedMessages   = 60
	keyedPartitions = 6
	longMessages    = 40
	longBytes       = 20_000
	podName         = "pod-7"
)

// client is one that produces with the files of policies.
type client struct {
	place int
	name  string
	of    v1alpha1.ProducerClient
	// longPartitions are those of the topic of long messages. sarama has one batch of
	// a partition on its way, so that more requests need more partitions.
	longPartitions int32
	// produce does so with each file of the folder, named after the policy.
	produce func(t *testing.T, s *recorded, folder, text string)
}

var policyClients = []client{
	{inJava, "java", v1alpha1.ClientJava, 1, produceWithJava},
	{inLibrdkafka, "librdkafka", v1alpha1.ClientLibrdkafka, 1, produceWithLibrdkafka},
	{inWorker, "worker", v1alpha1.ClientSarama, 8, produceWithWorker},
}

// recorded is Apache Kafka behind a recorder.
type recorded struct {
	*stand
	*recorder
}

func recordedStand(t *testing.T) *recorded {
	t.Helper()
	r := newRecorder(t)
	address := r.listener.Addr().String()
	cluster := startApache(t, apache.Options{Listeners: []apache.Listener{{Name: "CLIENT", Advertise: []string{address}}}})
	r.leadTo(cluster.Listening("CLIENT")[0])
	return &recorded{(&stand{kind: onApache, servers: []string{address}, own: cluster.Admin(), apache: cluster}).connected(t), r}
}

// TestClientsProduceAsPoliciesSay: each client takes the files of policies, and
// what it then sends is what the policies say.
func TestClientsProduceAsPoliciesSay(t *testing.T) {
	t.Setenv(workerconfig.EnvClientID, podName)
	s, text := recordedStand(t), writeText(t)
	for _, c := range policyClients {
		t.Run(c.name, func(t *testing.T) {
			s.createTopics(t, c)
			folder := t.TempDir()
			for _, one := range c.cases() {
				must(t, "write a file", os.WriteFile(filepath.Join(folder, one.name), []byte(c.file(t, one)), 0o600))
			}
			s.holdAnswersOf(c)
			c.produce(t, s, folder, text)
			for _, one := range c.cases() {
				t.Run(one.name, func(t *testing.T) { s.check(t, c, one) })
			}
			s.checkLevels(t, c)
			if created := s.createdTopics(c.name); created != (c.place == inJava) {
				t.Errorf("the client asks for topics to be created: %v; only Java's can't be told not to", created)
			}
		})
	}
}

// cases are those for the client: the worker's transactions are the program's.
func (c client) cases() []policyCase {
	var cases []policyCase
	for _, one := range policyCases {
		if c.place != inWorker || one.spec.Transaction == nil {
			cases = append(cases, one)
		}
	}
	return cases
}

// file is the rendered one, whose head names policy and hash.
func (c client) file(t *testing.T, one policyCase) string {
	t.Helper()
	one.spec.Clients = []v1alpha1.ProducerClient{c.of}
	policy := "shop/" + one.name
	file := producerpolicy.Render(policy, one.spec)[0]
	first := strings.Join(strings.SplitN(file.Content, "\n", 4)[:3], "\n")
	if !strings.Contains(first, policy) || !strings.Contains(first, file.Hash) {
		t.Errorf("the file of %s begins without policy and hash:\n%s", one.name, first)
	}
	return file.Content
}

func keysTopic(c client, one policyCase) string { return c.name + "-" + one.name + "-keys" }
func longTopic(c client, one policyCase) string { return c.name + "-" + one.name + "-one" }

func (s *recorded) createTopics(t *testing.T, c client) {
	t.Helper()
	var keyed, long []string
	for _, one := range c.cases() {
		keyed, long = append(keyed, keysTopic(c, one)), append(long, longTopic(c, one))
	}
	_, err := s.admin.CreateTopics(within(t), keyedPartitions, 1, nil, keyed...)
	must(t, "create topics", err)
	_, err = s.admin.CreateTopics(within(t), c.longPartitions, 1, nil, long...)
	must(t, "create topics", err)
	for _, topic := range append(keyed, long...) {
		s.awaitTopic(t, topic, func(found kadm.TopicDetail) bool {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.topics[found.ID] = topic
			return true
		})
	}
}

// holdAnswersOf has the client send as many requests as it does without an answer.
func (s *recorded) holdAnswersOf(c client) {
	for _, one := range c.cases() {
		if one.reached {
			s.holdAnswers(longTopic(c, one), hold{requests: one.inFlight[c.place], messages: 1 + longMessages})
		}
	}
}

// writeText writes some 100 kB of words, which compress better with a higher level.
func writeText(t *testing.T) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < 100_000 {
		word := int(r.ExpFloat64() * 300)
		fmt.Fprintf(&text, "%s%d ", []string{"order", "parcel", "customer", "address"}[word%4], word)
	}
	path := filepath.Join(t.TempDir(), "text")
	must(t, "write a text", os.WriteFile(path, []byte(text.String()), 0o600))
	return path
}
