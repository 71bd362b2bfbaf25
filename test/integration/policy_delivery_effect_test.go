package integration

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"sync/atomic"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// runtimePod answers as the Go runtime does, with the hash that is set.
func runtimePod(t *testing.T) (hash *atomic.Value, probe *corev1.Probe) {
	t.Helper()
	hash = &atomic.Value{}
	hash.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != workerconfig.ReportPath {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(workerconfig.ProducerReport{Policy: "shop/orders", Hash: hash.Load().(string)})
	}))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		t.Fatal(err)
	}
	return hash, &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt(port)}}}
}

// unlisted is a client that can't list one kind.
type unlisted struct {
	client.Client
	not reflect.Type
}

func (u unlisted) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if reflect.TypeOf(list) == u.not {
		return errors.New("can't be listed")
	}
	return u.Client.List(ctx, list, opts...)
}

// TestUnreadWorkloadsStay: what can't be looked at is not gone.
func TestUnreadWorkloadsStay(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	not := reflect.TypeOf(&v1alpha1.KafkaConsumerGroupList{})
	startDelivery(t, deliveryOptions{wrap: func(c client.Client) client.Client { return unlisted{c, not} }}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := policy(ns, "orders", "127.0.0.1:1", selecting("keen"))
	create(t, p)
	eventually(t, func() error {
		is, err := policyNow(p)
		if err != nil {
			return err
		}
		before := is.DeepCopy()
		is.Status.Workloads = []v1alpha1.ProducerWorkload{{Kind: "KafkaConsumerGroup", Name: "billing", State: v1alpha1.WorkloadDrifted}}
		return kube.Status().Patch(context.Background(), is, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	})
	accept(t, p)
	wantWorkload(t, p, keen, v1alpha1.WorkloadRolling)
	is, err := policyNow(p)
	if err != nil || len(is.Status.Workloads) != 2 || is.Status.Workloads[0].Name != "billing" {
		t.Errorf("%+v, %v", is.Status.Workloads, err)
	}
}

// TestDeliveryReported: the policy says what the pods say that they run.
func TestDeliveryReported(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	hash, probe := runtimePod(t)
	keen := shop(t, ns, "keen", asking("shop"), func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].ReadinessProbe = probe })
	p := accepted(t, ns, "orders", selecting("keen"))
	inForce := func() string {
		is, err := policyNow(p)
		if err != nil {
			t.Fatal(err)
		}
		return is.Status.InForce.Files[0].Hash
	}
	first := wantGiven(t, keen, "orders", "")
	hash.Store(inForce())
	rolled(t, first)
	if w := wantWorkload(t, p, keen, v1alpha1.WorkloadApplied); w.Pods != 2 || w.Applied != 2 || w.Message != "" {
		t.Errorf("%+v, want two of two", w)
	}

	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = v1alpha1.CompressionLZ4 })
	accept(t, p)
	second := wantGiven(t, keen, "orders", given(first.Spec.Template))
	rolled(t, second) // its pods say the old hash
	wantWorkload(t, p, keen, v1alpha1.WorkloadDrifted, hash.Load().(string), inForce())

	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = v1alpha1.CompressionZstd })
	accept(t, p)
	hash.Store("")
	rolled(t, wantGiven(t, keen, "orders", given(second.Spec.Template)))
	wantWorkload(t, p, keen, v1alpha1.WorkloadNotReporting, "no settings of the policy")
}

// TestDeliveryRights: the rights of config/namespaced with the component for
// workloads suffice to give and to take back, and the flag is set.
func TestDeliveryRights(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	createOnce(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "lagrange-system"}})
	flags := ""
	for _, u := range rendered(t, "test/integration/testdata/producer-workloads") {
		switch u.GroupVersionKind().Group {
		case rbacv1.GroupName:
			createOnce(t, u)
		case appsv1.GroupName:
			containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
			for _, a := range containers[0].(map[string]any)["args"].([]any) {
				flags += a.(string) + " "
			}
		}
	}
	if lacks := mentions(flags, "--deliver-to-workloads", "--watch-namespaces", "--leader-elect"); lacks != nil {
		t.Error(lacks)
	}
	for _, folder := range []string{"config/namespaced/watched", "config/components/producer-workloads/watched"} {
		for _, u := range rendered(t, folder) {
			u.SetNamespace(ns)
			create(t, u)
		}
	}
	api := rest.CopyConfig(config)
	api.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:lagrange-system:lagrange-manager"}
	startDelivery(t, deliveryOptions{api: api}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := accepted(t, ns, "orders", selecting("keen"))
	d := wantGiven(t, keen, "orders", "")
	files := filesOf(t, ns, given(d.Spec.Template))
	rs := rolled(t, d)
	wantWorkload(t, p, keen, v1alpha1.WorkloadNotReporting)
	remove(t, p)
	rolled(t, wantReleased(t, keen))
	remove(t, rs)
	wantGone(t, files)
}

// TestDeliveryRightsAreAskedFor: only who installs the component gives the right
// to change workloads of others everywhere.
func TestDeliveryRightsAreAskedFor(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]bool{"config/default": false, "test/integration/testdata/producer-workloads-everywhere": true} {
		bound := false
		for _, u := range rendered(t, folder) {
			if u.GetKind() != "ClusterRoleBinding" {
				continue
			}
			var binding rbacv1.ClusterRoleBinding
			read(t, u, &binding)
			bound = bound || binding.RoleRef.Name == "lagrange-producer-workloads" && binding.Subjects[0].Name == "lagrange-manager" &&
				binding.Subjects[0].Namespace == "lagrange-system"
		}
		if bound != want {
			t.Errorf("%s binds the right: %t", folder, bound)
		}
	}
}
