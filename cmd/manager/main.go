// Command manager is the Lagrange operator: it parses flags, builds the
// manager, the Kafka pool and the reconcilers, and runs them.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"os"
	"strings"
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
	settings                      controllers.Settings
	zap                           zap.Options
}

func main() {
	o := parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&o.zap)))
	if err := run(o); err != nil {
		ctrl.Log.Error(err, "the manager ended")
		os.Exit(1)
	}
}

func parse() options {
	o := options{settings: controllers.DefaultSettings()}
	s := &o.settings
	flag.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "where /metrics is served; 0 turns it off")
	flag.BoolVar(&o.metricsInsecure, "metrics-insecure", false, "serve /metrics over plain HTTP without authentication")
	flag.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served")
	flag.BoolVar(&o.leaderElection, "leader-elect", false, "run as one of several, of which one acts")
	flag.StringVar(&o.leaderElectionNamespace, "leader-elect-namespace", "", "where the lease is kept; default: the namespace that the manager runs in")
	flag.StringVar(&o.watchNamespaces, "watch-namespaces", "", "comma-separated namespaces to watch; default: all")
	flag.DurationVar(&o.pollInterval, "poll-interval", 5*time.Second, "how often each Kafka cluster is asked for lag")
	flag.Float64Var(&o.kubeQPS, "kube-api-qps", 50, "requests a second to the API server, with bursts of twice as many")
	flag.DurationVar(&s.ScaleDownAfter, "scale-down-after", s.ScaleDownAfter, "how long a number of workers must have been too high before it goes down")
	flag.DurationVar(&s.ProgressDeadline, "progress-deadline", s.ProgressDeadline, "how long a rollout or a scale-up may take before it counts as failed")
	flag.DurationVar(&s.NeverJoinedAfter, "never-joined-after", s.NeverJoinedAfter, "how long ready workers may be without members and commits before that is named")
	flag.Float64Var(&s.StatusWritesPerSecond, "status-writes-per-second", s.StatusWritesPerSecond, "bound on the status writes that only refresh numbers, over all objects")
	flag.IntVar(&s.MaxConcurrentReconciles, "max-concurrent-reconciles", s.MaxConcurrentReconciles, "how many groups are worked on at once")
	o.zap.BindFlags(flag.CommandLine)
	flag.Parse()
	return o
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
	reconciler := &controllers.KafkaConsumerGroupReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(),
		Recorder: mgr.GetEventRecorder(controllers.FieldManager),
		Clock:    clock.RealClock{}, Settings: o.settings,
	}
	pool := kafkaadmin.NewPool(kafkaadmin.Options{
		Interval: o.pollInterval, Log: ctrl.Log.WithName("kafka"), OnSample: reconciler.OnSample,
	})
	reconciler.Samples = pool
	if err := mgr.Add(pool); err != nil {
		return fmt.Errorf("add the Kafka pool: %w", err)
	}
	if err := reconciler.SetupWithManager(ctx, mgr); err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run the manager: %w", err)
	}
	return nil
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
	options := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&appsv1.Deployment{}: made, &appsv1.ReplicaSet{}: made, &corev1.Pod{}: made, &corev1.ConfigMap{}: made,
		},
	}
	for namespace := range strings.SplitSeq(o.watchNamespaces, ",") {
		if namespace = strings.TrimSpace(namespace); namespace != "" {
			if options.DefaultNamespaces == nil {
				options.DefaultNamespaces = map[string]cache.Config{}
			}
			options.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	return options
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
