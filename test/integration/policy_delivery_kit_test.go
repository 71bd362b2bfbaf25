package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// noSurveys never look at a topic: what is in force is what the test says.
type noSurveys struct{}

func (noSurveys) Watch(string, kafkaadmin.ConfigSubscription) {}
func (noSurveys) Forget(string)                               {}
func (noSurveys) Latest(string) (kafka.ConfigSurvey, bool)    { return kafka.ConfigSurvey{}, false }

// deliveryOptions are how startDelivery runs the policy controller.
type deliveryOptions struct {
	clock clock.PassiveClock
	// api is the way to the API server; nil is the straight one.
	api *rest.Config
	// wrap, if set, stands between the controller and the API server.
	wrap func(client.Client) client.Client
	// notEnabled leaves out the way to workloads.
	notEnabled bool
}

// startDelivery runs the policy controller alone, on one namespace.
func startDelivery(t *testing.T, o deliveryOptions, ns string) (stop func()) {
	t.Helper()
	if o.clock == nil {
		o.clock = clock.RealClock{}
	}
	if o.api == nil {
		o.api = config
	}
	watched, skipNameCheck := map[string]cache.Config{ns: {}}, true
	mgr, err := ctrl.NewManager(o.api, ctrl.Options{
		Scheme: testScheme, Metrics: metricsserver.Options{BindAddress: "0"}, Cache: cache.Options{DefaultNamespaces: watched},
		Controller: ctrlconfig.Controller{SkipNameValidation: &skipNameCheck},
	})
	if err != nil {
		t.Fatal(err)
	}
	beside, err := cluster.New(o.api, func(c *cluster.Options) { c.Scheme, c.Cache = testScheme, controllers.WorkloadCache(watched) })
	if err != nil {
		t.Fatal(err)
	}
	r := &controllers.KafkaProducerPolicyReconciler{
		Client: mgr.GetClient(), Surveys: noSurveys{}, Recorder: mgr.GetEventRecorder("lagrange"), Clock: o.clock,
		Settings: fastSettings(), Credentials: &controllers.Credentials{Reader: mgr.GetAPIReader()}, Reports: &controllers.Reports{},
	}
	if err := mgr.Add(r.Reports); err != nil {
		t.Fatal(err)
	}
	if o.wrap != nil {
		r.Client = o.wrap(r.Client)
	}
	if !o.notEnabled {
		r.Workloads = controllers.NewWorkloads(beside)
		if err := mgr.Add(beside); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	indexGroups(ctx, t, mgr)
	if err := r.SetupWithManager(ctx, mgr); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("the manager ended with: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// indexGroups is what the group controller does in a manager that has both: without
// it each look at a policy fails in part, and comes again later and later.
func indexGroups(ctx context.Context, t *testing.T, mgr ctrl.Manager) {
	t.Helper()
	none := func(client.Object) []string { return nil }
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.KafkaConsumerGroup{}, "spec.producerPolicyRef.name", none); err != nil {
		t.Fatal(err)
	}
}

// selecting has the policy select workloads with the label app.
func selecting(app string) func(*v1alpha1.KafkaProducerPolicy) {
	return func(p *v1alpha1.KafkaProducerPolicy) {
		p.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	}
}

// accepted creates a policy that has what its spec says in force.
func accepted(t *testing.T, ns, name string, mods ...func(*v1alpha1.KafkaProducerPolicy)) *v1alpha1.KafkaProducerPolicy {
	t.Helper()
	p := policy(ns, name, "127.0.0.1:1", mods...)
	create(t, p)
	accept(t, p)
	return p
}

// accept has the policy's newest spec in force, as its controller would after a look at its topics.
func accept(t *testing.T, p *v1alpha1.KafkaProducerPolicy) {
	t.Helper()
	eventually(t, func() error {
		now, err := policyNow(p)
		if err != nil {
			return err
		}
		before := now.DeepCopy()
		now.Status.InForce = &v1alpha1.ProducerInForce{Generation: now.Generation, Settings: producerpolicy.Resolve(now.Spec)}
		for _, f := range producerpolicy.Render(p.Namespace+"/"+p.Name, now.Spec) {
			now.Status.InForce.Files = append(now.Status.InForce.Files, v1alpha1.ProducerFile{Client: f.Client, Name: f.Name, Hash: f.Hash})
		}
		return kube.Status().Patch(context.Background(), now, client.MergeFrom(before))
	})
}

// asking has a workload ask for settings for its container.
func asking(container string) map[string]string {
	return map[string]string{v1alpha1.AnnotationProducerContainer: container}
}

// shopTemplate is a pod template with things of its own.
func shopTemplate(app string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}, Annotations: map[string]string{"note": "mine"}},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{
				{Name: "shop", Image: "registry.example/shop:1", Env: []corev1.EnvVar{{Name: "MINE", Value: "1"}},
					VolumeMounts: []corev1.VolumeMount{{Name: "scratch", MountPath: "/scratch"}}},
				{Name: "proxy", Image: "registry.example/proxy:1"},
			},
			InitContainers: []corev1.Container{{Name: "fill", Image: "registry.example/fill:1"}},
			Volumes:        []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		},
	}
}

// shop creates a Deployment of two pods as somebody else would.
func shop(t *testing.T, ns, name string, annotations map[string]string, mods ...func(*appsv1.Deployment)) *appsv1.Deployment {
	t.Helper()
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{"app": name}, Annotations: annotations},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](2), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}, Template: shopTemplate(name),
		},
	}
	for _, mod := range mods {
		mod(d)
	}
	if err := kube.Create(context.Background(), d, client.FieldOwner("shop-team")); err != nil {
		t.Fatal(err)
	}
	return d
}

// now reads the object again.
func now[T client.Object](t *testing.T, o T) T {
	t.Helper()
	again := o.DeepCopyObject().(T)
	if err := kube.Get(context.Background(), client.ObjectKeyFromObject(o), again); err != nil {
		t.Fatal(err)
	}
	return again
}

// rework changes the object as one of its owners would.
func rework[T client.Object](t *testing.T, o T, change func(T)) T {
	t.Helper()
	after := now(t, o)
	before := after.DeepCopyObject().(T)
	change(after)
	if err := kube.Patch(context.Background(), after, client.MergeFrom(before), client.FieldOwner("shop-team")); err != nil {
		t.Fatal(err)
	}
	return after
}

// given is the ConfigMap of settings that the template mounts, "" for none.
func given(template corev1.PodTemplateSpec) string {
	for _, v := range template.Spec.Volumes {
		if v.Name == "lagrange-producer" && v.ConfigMap != nil {
			return v.ConfigMap.Name
		}
	}
	return ""
}

// wantGiven waits until the Deployment mounts settings of the policy, other than before.
func wantGiven(t *testing.T, d *appsv1.Deployment, policy, before string) *appsv1.Deployment {
	t.Helper()
	eventually(t, func() error {
		d = now(t, d)
		if has, label := given(d.Spec.Template), d.Labels[v1alpha1.LabelProducerPolicy]; has == "" || has == before || label != policy {
			return fmt.Errorf("it mounts %q of policy %q, want other than %q of %q", has, label, before, policy)
		}
		return nil
	})
	return d
}

// wantReleased waits until the Deployment is, but for its generation, what it was.
func wantReleased(t *testing.T, before *appsv1.Deployment) *appsv1.Deployment {
	t.Helper()
	d := before
	eventually(t, func() error {
		d = now(t, before)
		if has, label := given(d.Spec.Template), d.Labels[v1alpha1.LabelProducerPolicy]; has != "" || label != "" {
			return fmt.Errorf("it still mounts %q of policy %q", has, label)
		}
		return nil
	})
	if left := ownedByProducer(d); left {
		t.Errorf("%s still owns something: %+v", controllers.ProducerFieldManager, d.ManagedFields)
	}
	return d
}

func ownedByProducer(o client.Object) bool {
	return slices.ContainsFunc(o.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool { return m.Manager == controllers.ProducerFieldManager })
}

// wantWorkload waits for what the policy says of a workload.
func wantWorkload(t *testing.T, p *v1alpha1.KafkaProducerPolicy, o client.Object, state v1alpha1.ProducerWorkloadState, words ...string) v1alpha1.ProducerWorkload {
	t.Helper()
	kind := "Deployment"
	if _, ok := o.(*appsv1.StatefulSet); ok {
		kind = "StatefulSet"
	}
	var found v1alpha1.ProducerWorkload
	wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error {
		for _, w := range s.Workloads {
			if w.Kind == kind && w.Name == o.GetName() && w.State == state {
				found = w
				return mentions(w.Message, words...)
			}
		}
		return fmt.Errorf("want %s %s %s, have %+v", kind, o.GetName(), state, s.Workloads)
	})
	return found
}

// filesOf is what the ConfigMap holds.
func filesOf(t *testing.T, ns, name string) *corev1.ConfigMap {
	t.Helper()
	return now(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}})
}

// fileNames of a ConfigMap, sorted.
func fileNames(cm *corev1.ConfigMap) []string {
	var names []string
	for name := range cm.Data {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// producerEnv is what the container's environment says of the settings.
func producerEnv(c corev1.Container) map[string]string {
	env := map[string]string{}
	for _, e := range c.Env {
		if e.Name == workerconfig.EnvProducerConfig || e.Name == workerconfig.EnvClientID {
			env[e.Name] = e.Value
			if e.ValueFrom != nil {
				env[e.Name] = e.ValueFrom.FieldRef.FieldPath
			}
		}
	}
	return env
}
