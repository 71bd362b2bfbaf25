// Command manager is the Lagrange operator: it parses flags, builds the
// manager, the Kafka pool and the reconcilers, and runs them.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// options are the flags.
type options struct {
	metricsAddress, healthAddress string
	metricsInsecure               bool
	leaderElection                bool
	leaderElectionNamespace       string
	watchNamespaces               string
	pollInterval                  time.Duration
	kubeQPS                       float64
	credentialsRefresh            time.Duration
	partitionMetrics              int
	deliverToWorkloads            bool
	settings                      controllers.Settings
	zap                           zap.Options
}

func main() {
	var o options
	o.addFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&o.zap)))
	if err := run(o); err != nil {
		ctrl.Log.Error(err, "the manager ended")
		os.Exit(1)
	}
}

// addFlags gives the options their defaults, and the flags that set them.
func (o *options) addFlags(flags *flag.FlagSet) {
	o.settings = controllers.DefaultSettings()
	s := &o.settings
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "where /metrics is served; 0 turns it off")
	flags.BoolVar(&o.metricsInsecure, "metrics-insecure", false, "serve /metrics over plain HTTP without authentication")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served")
	flags.BoolVar(&o.leaderElection, "leader-elect", false, "run as one of several, of which one acts")
	flags.StringVar(&o.leaderElectionNamespace, "leader-elect-namespace", "", "where the lease is kept; default: the namespace that the manager runs in")
	flags.StringVar(&o.watchNamespaces, "watch-namespaces", "", "comma-separated namespaces to watch; default: all")
	flags.DurationVar(&o.pollInterval, "poll-interval", 5*time.Second, "how often each Kafka cluster is asked for lag")
	flags.Float64Var(&o.kubeQPS, "kube-api-qps", 50, "requests a second to the API server, with bursts of twice as many")
	flags.DurationVar(&s.ScaleDownAfter, "scale-down-after", s.ScaleDownAfter, "how long a number of workers must have been too high before it goes down")
	flags.DurationVar(&s.ProgressDeadline, "progress-deadline", s.ProgressDeadline, "how long a rollout or a scale-up may take before it counts as failed")
	flags.DurationVar(&s.NeverJoinedAfter, "never-joined-after", s.NeverJoinedAfter, "how long ready workers may be without members and commits before that is named")
	flags.Float64Var(&s.StatusWritesPerSecond, "status-writes-per-second", s.StatusWritesPerSecond, "bound on the status writes that only refresh numbers, over all objects")
	flags.IntVar(&s.MaxConcurrentReconciles, "max-concurrent-reconciles", s.MaxConcurrentReconciles, "how many groups are worked on at once")
	flags.BoolVar(&s.AllowAmbientCredentials, "allow-ambient-credentials", false, "let connections use the manager's own cloud identity (AWS_MSK_IAM without a Secret): whoever may create a connection then acts as the manager")
	flags.DurationVar(&o.credentialsRefresh, "credentials-refresh", 25*time.Second, "how old what was read of a Secret or ConfigMap may grow")
	flags.IntVar(&o.partitionMetrics, "partition-metrics", 0, "how many partitions have metrics of their own; 0 for none")
	flags.BoolVar(&o.deliverToWorkloads, "deliver-to-workloads", false, "give the settings of KafkaProducerPolicies to Deployments and StatefulSets that ask for them; needs the rights of config/components/producer-workloads")
	o.zap.BindFlags(flags)
}

func run(o options) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	config.QPS, config.Burst = float32(o.kubeQPS), int(2*o.kubeQPS)
	mgr, err := newManager(config, o)
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := build(ctx, mgr, o); err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run the manager: %w", err)
	}
	return nil
}

// build adds to the manager what runs in it.
func build(ctx context.Context, mgr ctrl.Manager, o options) error {
	secrets, err := secretReader(mgr)
	if err != nil {
		return err
	}
	credentials := &controllers.Credentials{Reader: secrets, Refresh: o.credentialsRefresh}
	admin := kafkaadmin.NewAdmin(kafkaadmin.Options{MetricsRegisterer: metrics.Registry})
	groups := &controllers.KafkaConsumerGroupReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Kafka: admin,
		Recorder: mgr.GetEventRecorder(controllers.FieldManager),
		Clock:    clock.RealClock{}, Settings: o.settings, Credentials: credentials,
	}
	connections := &controllers.KafkaConnectionReconciler{
		Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder(controllers.FieldManager),
		Clock: clock.RealClock{}, Settings: o.settings, Credentials: credentials,
	}
	resets := &controllers.KafkaOffsetResetReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Kafka: admin,
		Recorder: mgr.GetEventRecorder(controllers.FieldManager),
		Clock:    clock.RealClock{}, Settings: o.settings, Credentials: credentials,
	}
	policies := &controllers.KafkaProducerPolicyReconciler{
		Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder(controllers.FieldManager),
		Clock: clock.RealClock{}, Settings: o.settings, Credentials: credentials,
	}
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{OnConfigs: policies.OnConfigs, MetricsRegisterer: metrics.Registry})
	reports := &controllers.Reports{}
	policies.Surveys, policies.Reports = surveys, reports
	pool := kafkaadmin.NewPool(kafkaadmin.Options{
		Interval: o.pollInterval, Log: ctrl.Log.WithName("kafka"),
		OnSample: groups.OnSample, OnCluster: connections.OnCluster, MetricsRegisterer: metrics.Registry,
	})
	groups.Samples, connections.Samples, resets.Samples = pool, pool, pool
	for name, runnable := range map[string]manager.Runnable{"Kafka pool": pool, "Kafka admin": admin, "Kafka surveys": surveys, "reports of pods": reports, "credentials": credentials} {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("add the %s: %w", name, err)
		}
	}
	if err := metrics.Registry.Register(controllers.Metrics{Groups: groups, Partitions: o.partitionMetrics}); err != nil {
		return fmt.Errorf("register the groups' metrics: %w", err)
	}
	for _, setup := range []func(ctrl.Manager) error{connections.SetupWithManager, resets.SetupWithManager} {
		if err := setup(mgr); err != nil {
			return err
		}
	}
	if policies.Workloads, err = workloadsOf(mgr, o); err != nil {
		return err
	}
	if err := policies.SetupWithManager(ctx, mgr); err != nil {
		return err
	}
	return groups.SetupWithManager(ctx, mgr)
}

// secretReader reads Secrets and ConfigMaps from the API server. It has a budget
// of its own: 3,000 groups, each with a Secret of its own that is read every 25
// seconds, are 120 requests a second.
func secretReader(mgr ctrl.Manager) (client.Reader, error) {
	config := rest.CopyConfig(mgr.GetConfig())
	config.QPS, config.Burst = 400, 400
	reader, err := client.New(config, client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient()})
	if err != nil {
		return nil, fmt.Errorf("build the reader of Secrets: %w", err)
	}
	return reader, nil
}

func newManager(config *rest.Config, o options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("build the scheme: %w", err)
		}
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions(o),
		Metrics:                       metricsOptions(o),
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                o.leaderElection,
		LeaderElectionID:              "manager.kafka.lagrange.dev",
		LeaderElectionNamespace:       o.leaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true, // run returns right after the manager stops
	})
	if err != nil {
		return nil, fmt.Errorf("build the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return nil, fmt.Errorf("add the health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("started", healthz.Ping); err != nil {
		return nil, fmt.Errorf("add the readiness check: %w", err)
	}
	return mgr, nil
}

// cacheOptions hold of the workload kinds only what Lagrange made, and nothing
// of what takes memory and is never read.
func cacheOptions(o options) cache.Options {
	made := cache.ByObject{Label: controllers.MadeForGroups(), Transform: cache.TransformStripManagedFields()}
	return cache.Options{
		DefaultTransform:  cache.TransformStripManagedFields(),
		DefaultNamespaces: watchedNamespaces(o),
		ByObject: map[client.Object]cache.ByObject{
			&appsv1.Deployment{}: made, &appsv1.ReplicaSet{}: made, &corev1.Pod{}: made, &corev1.ConfigMap{}: made,
		},
	}
}

// metricsOptions serve /metrics over TLS to those whom the API server lets read them.
func metricsOptions(o options) metricsserver.Options {
	options := metricsserver.Options{BindAddress: o.metricsAddress}
	if !o.metricsInsecure {
		options.SecureServing = true
		options.FilterProvider = filters.WithAuthenticationAndAuthorization
		options.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }}
	}
	return options
}
