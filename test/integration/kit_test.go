package integration

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

func zapLevel() zapcore.Level {
	if os.Getenv("LOG") != "" {
		return zapcore.DebugLevel
	}
	return zapcore.PanicLevel
}

// fastSettings are DefaultSettings with times that a test can wait for.
func fastSettings() controllers.Settings {
	s := controllers.DefaultSettings()
	s.ScaleDownAfter = 500 * time.Millisecond
	s.NeverJoinedAfter = time.Second
	return s
}

type managerOptions struct {
	settings controllers.Settings
	clock    clock.PassiveClock
	// api is the way to the API server; nil is the straight one.
	api *rest.Config
	// metrics, if set, gets the groups' metrics.
	metrics *prometheus.Registry
	// wrap, if set, stands between the controllers and the API server, and offsets
	// between them and Kafka.
	wrap    func(client.Client) client.Client
	offsets func(controllers.Offsets) controllers.Offsets
	// commitLimit makes resets commit in more than one request.
	commitLimit int32
	// playedResets leaves out the controller of resets: the test plays it.
	playedResets bool
}

// startManager runs the group controller on the namespaces until the test ends
// or stop is called; stop returns when it has ended.
func startManager(t *testing.T, o managerOptions, namespaces ...string) (stop func()) {
	t.Helper()
	if o.settings == (controllers.Settings{}) {
		o.settings = fastSettings()
	}
	if o.clock == nil {
		o.clock = clock.RealClock{}
	}
	if o.api == nil {
		o.api = config
	}
	watched := map[string]cache.Config{}
	for _, ns := range namespaces {
		watched[ns] = cache.Config{}
	}
	made := cache.ByObject{Label: controllers.MadeForGroups()}
	skipNameCheck := true
	mgr, err := ctrl.NewManager(o.api, ctrl.Options{
		Scheme:  testScheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{DefaultNamespaces: watched, ByObject: map[client.Object]cache.ByObject{
			&appsv1.Deployment{}: made, &appsv1.ReplicaSet{}: made, &corev1.Pod{}: made, &corev1.ConfigMap{}: made,
		}},
		Controller: ctrlconfig.Controller{SkipNameValidation: &skipNameCheck},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	credentials := &controllers.Credentials{Reader: mgr.GetAPIReader(), Refresh: 500 * time.Millisecond}
	kubeClient, admin := mgr.GetClient(), kafkaadmin.NewAdmin(kafkaadmin.Options{RequestTimeout: 2 * time.Second, Log: ctrl.Log})
	if o.wrap != nil {
		kubeClient = o.wrap(kubeClient)
	}
	offsets := controllers.Offsets(admin)
	if o.offsets != nil {
		offsets = o.offsets(offsets)
	}
	r := &controllers.KafkaConsumerGroupReconciler{
		Client: kubeClient, Live: mgr.GetAPIReader(), Kafka: offsets, Recorder: mgr.GetEventRecorder("lagrange"),
		Clock: o.clock, Settings: o.settings, Credentials: credentials,
	}
	connections := &controllers.KafkaConnectionReconciler{
		Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("lagrange"),
		Clock: o.clock, Settings: o.settings, Credentials: credentials,
	}
	resets := &controllers.KafkaOffsetResetReconciler{
		Client: kubeClient, Live: mgr.GetAPIReader(), Kafka: offsets, Recorder: mgr.GetEventRecorder("lagrange"),
		Clock: o.clock, Settings: o.settings, Credentials: credentials, CommitLimit: o.commitLimit,
	}
	pool := kafkaadmin.NewPool(kafkaadmin.Options{
		Interval: 100 * time.Millisecond, RequestTimeout: 2 * time.Second, Log: ctrl.Log,
		OnSample: r.OnSample, OnCluster: connections.OnCluster,
	})
	r.Samples, connections.Samples, resets.Samples = pool, pool, pool
	policies := &controllers.KafkaProducerPolicyReconciler{
		Client: kubeClient, Recorder: mgr.GetEventRecorder("lagrange"),
		Clock: o.clock, Settings: o.settings, Credentials: credentials,
	}
	surveys := kafkaadmin.NewSurveys(kafkaadmin.Options{
		ConfigInterval: 500 * time.Millisecond, RequestTimeout: 2 * time.Second, Log: ctrl.Log, OnConfigs: policies.OnConfigs,
	})
	reports := &controllers.Reports{}
	policies.Surveys, policies.Reports = surveys, reports
	for _, runnable := range []manager.Runnable{pool, admin, surveys, reports, credentials} {
		if err := mgr.Add(runnable); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.SetupWithManager(ctx, mgr); err != nil {
		t.Fatal(err)
	}
	if err := connections.SetupWithManager(mgr); err != nil {
		t.Fatal(err)
	}
	if err := policies.SetupWithManager(ctx, mgr); err != nil {
		t.Fatal(err)
	}
	if !o.playedResets {
		if err := resets.SetupWithManager(mgr); err != nil {
			t.Fatal(err)
		}
	}
	if o.metrics != nil {
		o.metrics.MustRegister(controllers.Metrics{Groups: r, Partitions: 10})
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended with: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// group is a KafkaConsumerGroup that the API server accepts.
func group(ns, name, broker string, mods ...func(*v1alpha1.KafkaConsumerGroup)) *v1alpha1.KafkaConsumerGroup {
	g := &v1alpha1.KafkaConsumerGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec: v1alpha1.KafkaConsumerGroupSpec{
			Kafka:   v1alpha1.KafkaSource{Connection: v1alpha1.Connection{BootstrapServers: []v1alpha1.BootstrapServer{v1alpha1.BootstrapServer(broker)}}},
			GroupID: name, Topics: []v1alpha1.TopicName{"orders"},
			Consumer: v1alpha1.ConsumerSpec{MaxProcessingTime: v1alpha1.Duration{Duration: time.Second}},
			Scaling: v1alpha1.ScalingSpec{
				Mode: v1alpha1.ScalingAuto, MinReplicas: 1, LagTarget: &v1alpha1.LagTarget{MessagesPerReplica: 100},
			},
			Workload: v1alpha1.Workload{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "worker", Image: "registry.example/worker:1"}},
			}}},
		},
	}
	for _, mod := range mods {
		mod(g)
	}
	return g
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := kube.Create(context.Background(), o); err != nil {
		t.Fatal(err)
	}
}

// seen reads the group again.
func seen(g *v1alpha1.KafkaConsumerGroup) (*v1alpha1.KafkaConsumerGroup, error) {
	var now v1alpha1.KafkaConsumerGroup
	err := kube.Get(context.Background(), client.ObjectKeyFromObject(g), &now)
	return &now, err
}

// deployment reads the group's Deployment.
func deployment(g *v1alpha1.KafkaConsumerGroup) (*appsv1.Deployment, error) {
	var d appsv1.Deployment
	err := kube.Get(context.Background(), client.ObjectKeyFromObject(g), &d)
	return &d, err
}

// wantReplicas waits for the Deployment's replicas.
func wantReplicas(t *testing.T, g *v1alpha1.KafkaConsumerGroup, want int32) {
	t.Helper()
	eventually(t, func() error {
		d, err := deployment(g)
		if err != nil {
			return err
		}
		if *d.Spec.Replicas != want {
			now, err := seen(g)
			return fmt.Errorf("replicas %d, want %d; status %+v, %w", *d.Spec.Replicas, want, now.Status.Scaling, err)
		}
		return nil
	})
}

// wantCondition waits for a condition's status and reason.
func wantCondition(t *testing.T, g *v1alpha1.KafkaConsumerGroup, kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
	t.Helper()
	var found metav1.Condition
	eventually(t, func() error {
		now, err := seen(g)
		if err != nil {
			return err
		}
		for _, c := range now.Status.Conditions {
			if c.Type == kind && c.Status == status && c.Reason == reason && c.ObservedGeneration == now.Generation {
				found = c
				return nil
			}
		}
		return fmt.Errorf("want %s=%s (%s), have %+v", kind, status, reason, now.Status.Conditions)
	})
	return found
}
