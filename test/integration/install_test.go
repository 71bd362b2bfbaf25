package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// rendered are the objects of a kustomization.
func rendered(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := render(folder)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func render(folder string) ([]*unstructured.Unstructured, error) {
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	out, err := exec.Command(kubectl, "kustomize", filepath.Join("..", "..", folder)).Output()
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", folder, err)
	}
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(out), 1<<16); ; {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what %s renders to: %w", folder, err)
		}
		objects = append(objects, u)
	}
}

// installPolicies gives the API server the admission policies of config/default.
func installPolicies(ctx context.Context, c client.Client) error {
	objects, err := render("config/default")
	if err != nil {
		return err
	}
	for _, u := range objects {
		if u.GroupVersionKind().Group != "admissionregistration.k8s.io" {
			continue
		}
		if err := c.Create(ctx, u); err != nil {
			return fmt.Errorf("install %s %q: %w", u.GetKind(), u.GetName(), err)
		}
	}
	return nil
}

// TestInstallsHoldTheApprovalPolicy: whoever installs the manager installs what
// guards approvals, in force.
func TestInstallsHoldTheApprovalPolicy(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"config/default", "config/namespaced"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			objects := rendered(t, folder)
			var policy admissionregistrationv1.ValidatingAdmissionPolicy
			read(t, only(t, objects, "ValidatingAdmissionPolicy"), &policy)
			var binding admissionregistrationv1.ValidatingAdmissionPolicyBinding
			read(t, only(t, objects, "ValidatingAdmissionPolicyBinding"), &binding)
			if f := policy.Spec.FailurePolicy; f == nil || *f != admissionregistrationv1.Fail {
				t.Errorf("failurePolicy %v: what can't be checked would pass", f)
			}
			if binding.Spec.PolicyName != policy.Name || !strings.HasPrefix(policy.Name, "lagrange-") {
				t.Errorf("the binding is of %q, the policy is %q", binding.Spec.PolicyName, policy.Name)
			}
			if !slices.Contains(binding.Spec.ValidationActions, admissionregistrationv1.Deny) || binding.Spec.MatchResources != nil {
				t.Errorf("it does not refuse everywhere: %+v", binding.Spec)
			}
		})
	}
}

// only is the one object of the kind.
func only(t *testing.T, objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(objects), func(u *unstructured.Unstructured) bool { return u.GetKind() != kind })
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s, want 1", len(found), kind)
	}
	return found[0]
}

func read(t *testing.T, u *unstructured.Unstructured, into any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into); err != nil {
		t.Fatal(err)
	}
}

// TestResetRoles: viewing and requesting come with the cluster's own roles,
// approving with none, and with no role that is not about it.
func TestResetRoles(t *testing.T) {
	t.Parallel()
	aggregated := map[string][]string{
		"lagrange-kafkaoffsetreset-view":    {"rbac.authorization.k8s.io/aggregate-to-view"},
		"lagrange-kafkaoffsetreset-request": {"rbac.authorization.k8s.io/aggregate-to-admin", "rbac.authorization.k8s.io/aggregate-to-edit"},
		"lagrange-kafkaoffsetreset-approve": nil,
	}
	for _, u := range rendered(t, "config/default") {
		if u.GetKind() != "ClusterRole" {
			continue
		}
		var role rbacv1.ClusterRole
		read(t, u, &role)
		if want, ours := aggregated[role.Name]; ours {
			delete(aggregated, role.Name)
			if got := slices.Sorted(maps.Keys(role.Labels)); !slices.Equal(got, want) {
				t.Errorf("%s is aggregated to %v, want %v", role.Name, got, want)
			}
		}
		for _, rule := range role.Rules {
			grants := slices.Contains(rule.Verbs, "approve") || slices.Contains(rule.Verbs, rbacv1.VerbAll)
			if grants != (role.Name == "lagrange-kafkaoffsetreset-approve") {
				t.Errorf("%s: verbs %v", role.Name, rule.Verbs)
			}
		}
	}
	if len(aggregated) > 0 {
		t.Errorf("not installed: %v", aggregated)
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
	if len(samples) < 10 {
		t.Errorf("%d samples, want a group, a KafkaConnection for each method, and a reset", len(samples))
	}
}
