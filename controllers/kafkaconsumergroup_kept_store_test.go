package controllers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestSweepKept: what the status names as the API server has it stays, although this
// manager's own does not know of it: another one may have led meanwhile.
func TestSweepKept(t *testing.T) {
	cases := map[string]struct {
		reason string
		age    time.Duration
		done   bool
		left   string
	}{
		"Old":   {"nobody is about to name it", time.Hour, true, "[named-live named-mine]"},
		"Young": {"it may be about to be named", time.Second, false, "[left-behind named-live named-mine]"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			group := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders", UID: "u"}}
			group.Status.KeptOffsets = &v1alpha1.KeptOffsets{Offsets: v1alpha1.ResetOffsets{ConfigMaps: []string{"named-live"}}}
			objects := []client.Object{group}
			for _, name := range []string{"named-mine", "named-live", "left-behind"} {
				objects = append(objects, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
					Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{keptLabel: "u"},
					CreationTimestamp: metav1.NewTime(noon.Add(-tc.age)),
				}})
			}
			kube := kubeOf(t, objects...)
			r := &KafkaConsumerGroupReconciler{Client: kube, Live: kube, Clock: testclock.NewFakePassiveClock(noon)}
			done, err := r.sweepKept(t.Context(), group.DeepCopy(), []string{"named-mine"})
			var left corev1.ConfigMapList
			if err := kube.List(t.Context(), &left); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, o := range left.Items {
				names = append(names, o.Name)
			}
			slices.Sort(names)
			if err != nil || done != tc.done || fmt.Sprint(names) != tc.left {
				t.Errorf("%s: done %t, %v, left %v; want %t, %s", tc.reason, done, err, names, tc.done, tc.left)
			}
		})
	}
}

// kubeOf is an API server in memory that has these objects.
func kubeOf(t *testing.T, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}
