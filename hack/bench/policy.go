package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

type policyOptions struct {
	policies, topics, cycles int
}

// policyFigures is what bench policy prints. A cycle is one reading of all topics.
type policyFigures struct {
	Policies int `json:"policies"`
	// ByPattern are those of them that name their topics by a pattern.
	ByPattern int `json:"by_pattern"`
	Topics    int `json:"topics"`
	// Cycles are those of the window, which begins and ends between two.
	Cycles int     `json:"cycles"`
	Window float64 `json:"window_seconds"`
	// DescribeConfigs and Kafka are counted by the broker; Kafka are all requests.
	DescribeConfigs float64 `json:"describe_configs_requests_per_cycle"`
	Kafka           float64 `json:"kafka_requests_per_cycle"`
	// CPU is the manager's whole processor time of the window, by cycle.
	CPU        float64 `json:"cpu_ms_per_cycle"`
	Reconciles float64 `json:"reconciles_per_cycle"`
	WritesIdle float64 `json:"api_writes_idle_per_min"`
	RSS        float64 `json:"rss_mb"`
}

func policyCommand() *cobra.Command {
	o := policyOptions{}
	c := &cobra.Command{
		Use:   "policy",
		Short: "cost of many KafkaProducerPolicies while nothing changes",
		RunE: func(c *cobra.Command, _ []string) error {
			figures, err := benchPolicy(c.Context(), o)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(figures)
		},
	}
	c.Flags().IntVar(&o.policies, "policies", 500, "how many KafkaProducerPolicies")
	c.Flags().IntVar(&o.topics, "topics", 2000, "how many topics they share, of 4 partitions")
	c.Flags().IntVar(&o.cycles, "cycles", 5, "how many cycles, of a minute each, are measured")
	return c
}

// policyBench is everything that runs.
type policyBench struct {
	options                        policyOptions
	server                         *apiServer
	broker                         *kfake.Cluster
	described, listed, allRequests *kfake.FaultHandle
	manager                        *process
	managerMetrics                 string
}

func benchPolicy(ctx context.Context, o policyOptions) (figures policyFigures, err error) {
	folder, err := os.MkdirTemp("", "lagrange-bench-")
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b := &policyBench{options: o}
	defer b.stop()
	if err := b.start(ctx, folder); err != nil {
		return figures, err
	}
	say("waiting until %d policies are judged and nothing is written for more than a cycle", o.policies)
	if err := b.settle(ctx); err != nil {
		return figures, err
	}
	say("measuring %d cycles of a minute", o.cycles)
	return b.measure(ctx)
}

func (b *policyBench) start(ctx context.Context, folder string) (err error) {
	say("starting the API server (compiled the first time)")
	if b.server, err = startAPIServer(ctx, folder); err != nil {
		return err
	}
	say("starting 3 brokers with %d topics", b.options.topics)
	if err := b.startBroker(); err != nil {
		return err
	}
	say("creating %d KafkaProducerPolicies", b.options.policies)
	for i := range b.options.policies {
		if err := b.server.kube.Create(ctx, b.policy(i)); err != nil {
			return fmt.Errorf("create policy %d: %w", i, err)
		}
	}
	say("starting the manager")
	if b.managerMetrics, err = freeAddress(); err != nil {
		return err
	}
	b.manager, err = startProcess(ctx, folder, "./cmd/manager", []string{"KUBECONFIG=" + b.server.kubeconfig},
		"--metrics-insecure", "--metrics-bind-address="+b.managerMetrics, "--health-probe-bind-address=0")
	return err
}

func (b *policyBench) startBroker() (err error) {
	names := make([]string, b.options.topics)
	for i := range names {
		names[i] = policyTopic(i)
	}
	b.broker, err = kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(4, names...))
	if err != nil {
		return fmt.Errorf("start the brokers: %w", err)
	}
	counted := func(keys ...kmsg.Key) *kfake.FaultHandle {
		return b.broker.Fault(kfake.Fault{Keys: keys, Observe: true, Count: -1})
	}
	b.described, b.listed, b.allRequests = counted(kmsg.DescribeConfigs), counted(kmsg.Metadata), counted()
	return nil
}

func (b *policyBench) stop() {
	if b.manager != nil {
		b.manager.stop()
	}
	if b.broker != nil {
		b.broker.Close()
	}
	if b.server != nil && b.server.env != nil {
		_ = b.server.env.Stop()
	}
}

func policyTopic(i int) string { return fmt.Sprintf("topic-%05d", i) }

// policy i has 8 topics, of which it shares 4 with the one before and 4 with the
// one after. Every tenth has the ten by a pattern whose names begin alike.
func (b *policyBench) policy(i int) *v1alpha1.KafkaProducerPolicy {
	p := &v1alpha1.KafkaProducerPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("policy-%05d", i)}}
	for _, address := range b.broker.ListenAddrs() {
		p.Spec.Kafka.BootstrapServers = append(p.Spec.Kafka.BootstrapServers, v1alpha1.BootstrapServer(address))
	}
	p.Spec.Clients = []v1alpha1.ProducerClient{"sarama", "java", "librdkafka"}
	each := max(b.options.topics/b.options.policies, 1)
	if b.byPattern(i) {
		p.Spec.TopicPattern = policyTopic(each * i % b.options.topics)[:len("topic-0000")] + `\d`
		return p
	}
	for n := range 2 * each {
		p.Spec.Topics = append(p.Spec.Topics, v1alpha1.TopicName(policyTopic((each*i+n)%b.options.topics)))
	}
	return p
}

func (b *policyBench) byPattern(i int) bool { return i%10 == 9 }

// settle waits until every policy is judged, and then until nothing was written for a
// cycle and three quarters.
func (b *policyBench) settle(ctx context.Context) error {
	quietSince, last := time.Now(), int64(0)
	for begin := time.Now(); time.Since(begin) < 10*time.Minute; {
		judged, err := b.judged(ctx)
		if err != nil {
			return err
		}
		written, err := b.server.since(last)
		if err != nil {
			return err
		}
		if last, err = b.server.position(); err != nil {
			return err
		}
		if written.mutating > 0 || judged < b.options.policies {
			quietSince = time.Now()
		}
		if time.Since(quietSince) > 105*time.Second {
			return nil
		}
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("the policies did not settle within 10 minutes")
}

// judged is how many policies say whether they are accepted.
func (b *policyBench) judged(ctx context.Context) (n int, err error) {
	var policies v1alpha1.KafkaProducerPolicyList
	if err := b.server.kube.List(ctx, &policies, client.InNamespace("default")); err != nil {
		return 0, fmt.Errorf("list KafkaProducerPolicies: %w", err)
	}
	for _, p := range policies.Items {
		if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionAccepted); c != nil && c.Status != metav1.ConditionUnknown {
			n++
		}
	}
	return n, nil
}

func (b *policyBench) measure(ctx context.Context) (policyFigures, error) {
	if err := b.cycle(ctx); err != nil {
		return policyFigures{}, err
	}
	before, err := b.counters(ctx)
	if err != nil {
		return policyFigures{}, err
	}
	position, err := b.server.position()
	if err != nil {
		return policyFigures{}, err
	}
	for range b.options.cycles {
		if err := b.cycle(ctx); err != nil {
			return policyFigures{}, err
		}
	}
	after, err := b.counters(ctx)
	if err != nil {
		return policyFigures{}, err
	}
	written, err := b.server.since(position)
	say("mutating requests: %v", written.byKind)
	return b.report(before, after, written), err
}

// cycle waits for the next reading, and until it must have been taken in.
func (b *policyBench) cycle(ctx context.Context) error {
	const takenIn = 10 * time.Second
	before := b.listed.Hits()
	for begin := time.Now(); b.listed.Hits() == before; {
		if time.Since(begin) > 5*time.Minute {
			return errors.New("no topics were read within 5 minutes")
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return pause(ctx, takenIn)
}

// policyCounters are counts up to a time.
type policyCounters struct {
	at                           time.Time
	described, listed, kafka     int
	cpu                          time.Duration
	reconciles, rss, fromMetrics float64
}

func (b *policyBench) counters(ctx context.Context) (c policyCounters, err error) {
	c.at, c.described, c.listed, c.kafka = time.Now(), b.described.Hits(), b.listed.Hits(), b.allRequests.Hits()
	var errs [4]error
	c.cpu, errs[0] = b.manager.cpu()
	c.rss, errs[1] = rssMB(b.manager.Process.Pid)
	c.reconciles, errs[2] = scrape(ctx, b.managerMetrics, "controller_runtime_reconcile_total", map[string]string{"controller": "kafkaproducerpolicy"})
	c.fromMetrics, errs[3] = scrape(ctx, b.managerMetrics, "lagrange_kafka_requests_total", map[string]string{"api": "DescribeConfigs"})
	return c, errors.Join(errs[:]...)
}

func (b *policyBench) report(before, after policyCounters, written requests) policyFigures {
	window, cycles := after.at.Sub(before.at), after.listed-before.listed
	per := func(n float64) float64 { return rounded(n / float64(max(cycles, 1))) }
	patterns := 0
	for i := range b.options.policies {
		if b.byPattern(i) {
			patterns++
		}
	}
	say("the window was %s; lagrange_kafka_requests_total counts %v DescribeConfigs in it", window.Round(time.Second), after.fromMetrics-before.fromMetrics)
	return policyFigures{
		Policies: b.options.policies, ByPattern: patterns, Topics: b.options.topics, Cycles: cycles, Window: rounded(window.Seconds()),
		DescribeConfigs: per(float64(after.described - before.described)),
		Kafka:           per(float64(after.kafka - before.kafka)),
		CPU:             per(1000 * (after.cpu - before.cpu).Seconds()),
		Reconciles:      per(after.reconciles - before.reconciles),
		WritesIdle:      rounded(float64(written.mutating) / window.Minutes()),
		RSS:             rounded(after.rss),
	}
}
