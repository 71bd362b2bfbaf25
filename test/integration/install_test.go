package integration

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// rendered are the objects of a kustomization.
func rendered(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	out, err := exec.Command(kubectl, "kustomize", filepath.Join("..", "..", folder)).Output()
	if err != nil {
		t.Fatalf("render %s: %v", folder, err)
	}
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(out), 1<<16); ; {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, u)
	}
}

// createOnce makes what an earlier round of the same test may have made.
func createOnce(t *testing.T, o client.Object) {
	t.Helper()
	if err := kube.Create(context.Background(), o); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// TestNamespacedInstall: the manager of config/namespaced has rights in the
// namespaces that it is bound in, and elsewhere none.
func TestNamespacedInstall(t *testing.T) {
	t.Parallel()
	watched, other := namespace(t), namespace(t)
	createOnce(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "lagrange-system"}})
	args := ""
	for _, u := range rendered(t, "config/namespaced") {
		switch u.GroupVersionKind().Group {
		case "rbac.authorization.k8s.io":
			createOnce(t, u)
		case "apps":
			containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
			for _, a := range containers[0].(map[string]any)["args"].([]any) {
				args += a.(string) + " "
			}
		}
	}
	for _, u := range rendered(t, "config/namespaced/watched") {
		u.SetNamespace(watched)
		create(t, u)
	}
	if lacks := mentions(args, "--watch-namespaces=", "--leader-elect"); lacks != nil {
		t.Errorf("the manager's flags: %v", lacks)
	}
	for name, tc := range map[string]struct {
		reason          string
		namespace       string
		group, resource string
		verb            string
		want            bool
	}{
		"Watched":      {"its work", watched, "apps", "deployments", "patch", true},
		"Other":        {"not its namespace", other, "apps", "deployments", "list", false},
		"Secret":       {"what a connection names", watched, "", "secrets", "get", true},
		"SecretList":   {"never", watched, "", "secrets", "list", false},
		"SecretWatch":  {"never", watched, "", "secrets", "watch", false},
		"SecretOther":  {"not its namespace", other, "", "secrets", "get", false},
		"Connections":  {"its other kind", watched, "kafka.lagrange.dev", "kafkaconnections", "watch", true},
		"ClusterWide":  {"nothing over all namespaces", "", "", "pods", "list", false},
		"Groups":       {"not even its own kind elsewhere", other, "kafka.lagrange.dev", "kafkaconsumergroups", "list", false},
		"TokenReviews": {"who asks for its metrics", "", "authentication.k8s.io", "tokenreviews", "create", true},
		"Lease":        {"in its own namespace", "lagrange-system", "coordination.k8s.io", "leases", "create", true},
	} {
		t.Run(name, func(t *testing.T) {
			eventually(t, func() error {
				review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
					User: "system:serviceaccount:lagrange-system:lagrange-manager",
					ResourceAttributes: &authorizationv1.ResourceAttributes{
						Namespace: tc.namespace, Group: tc.group, Resource: tc.resource, Verb: tc.verb,
					},
				}}
				if err := kube.Create(context.Background(), review); err != nil {
					return err
				}
				return same(tc.reason, review.Status.Allowed, tc.want)
			})
		})
	}
}

// TestSamples: the samples are admitted as they are.
func TestSamples(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	samples := rendered(t, "config/samples")
	for _, u := range samples {
		u.SetNamespace(ns)
		if err := kube.Create(context.Background(), u, client.DryRunAll); err != nil {
			t.Errorf("%s %q: %v", u.GetKind(), u.GetName(), err)
		}
	}
	if len(samples) < 9 {
		t.Errorf("%d samples, want a group and a KafkaConnection for each method", len(samples))
	}
}
