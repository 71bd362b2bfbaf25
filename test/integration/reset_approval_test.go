package integration

import (
	"context"
	"encoding/json"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// as is a client of the user. RBAC alone says what the user may do.
func as(t *testing.T, user string) client.Client {
	t.Helper()
	impersonated := rest.CopyConfig(config)
	impersonated.Impersonate = rest.ImpersonationConfig{UserName: user}
	c, err := client.New(impersonated, client.Options{Scheme: testScheme, Mapper: kube.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// staff binds users to what config/default installs: a requester, an approver
// that can't create, a lead who is both, one who may approve the reset "own"
// alone, the manager, and one who has every right.
func staff(t *testing.T, ns string) {
	t.Helper()
	for _, u := range rendered(t, "config/default") {
		if u.GetKind() == "ClusterRole" {
			createOnce(t, u)
		}
	}
	create(t, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "own"}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"kafka.lagrange.dev"}, Resources: []string{"kafkaoffsetresets"}, ResourceNames: []string{"own"}, Verbs: []string{"approve"},
	}}})
	bind(t, ns, "Role", "own", "owner")
	bind(t, ns, "ClusterRole", "lagrange-kafkaoffsetreset-view", "requester", "lead", "owner")
	bind(t, ns, "ClusterRole", "lagrange-kafkaoffsetreset-request", "requester", "lead", "owner")
	bind(t, ns, "ClusterRole", "lagrange-kafkaoffsetreset-approve", "approver", "lead")
	bind(t, ns, "ClusterRole", "lagrange-manager", "manager")
	bind(t, ns, "ClusterRole", "cluster-admin", "admin")
}

func bind(t *testing.T, ns, kind, role string, users ...string) {
	t.Helper()
	b := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: role}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role}}
	for _, user := range users {
		b.Subjects = append(b.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user})
	}
	create(t, b)
}

// guarded waits until the policy is in force and the users have their roles:
// the API server learns of both by watching.
func guarded(t *testing.T, ns string) {
	t.Helper()
	eventually(t, func() error {
		u := resetManifest(ns, "probe", fields{"approval": "Automatic"})
		err := as(t, "requester").Create(context.Background(), u, client.DryRunAll)
		if err == nil {
			return mentions("it was accepted", "the verb approve")
		}
		return mentions(err.Error(), "the verb approve")
	})
	for user, verb := range map[string]string{"lead": "create", "owner": "create", "approver": "patch", "manager": "patch", "admin": "approve"} {
		eventually(t, func() error { return mayReset(ns, user, verb) })
	}
}

// refusal is what the policy says to the user.
func refusal(field, user, name, ns string) []string {
	return []string{field + ": ", user + " does not hold the verb approve on kafkaoffsetresets", `"` + name, `in namespace "` + ns + `"`}
}

// wantPolicy: refused by the policy for this field, or not at all where there is none.
func wantPolicy(t *testing.T, reason string, err error, field, user, name, ns string) {
	t.Helper()
	if field == "" {
		wantAdmission(t, reason, err, nil)
		return
	}
	wantAdmission(t, reason, err, refusal(field, user, name, ns))
	if !apierrors.IsForbidden(err) {
		t.Errorf("%s: %v, want Forbidden", reason, err)
	}
}

// TestCreatingAnApprovedReset: only who may approve creates what runs at once.
func TestCreatingAnApprovedReset(t *testing.T) {
	t.Parallel()
	ns, elsewhere := namespace(t), namespace(t)
	staff(t, ns)
	guarded(t, ns)
	bind(t, elsewhere, "ClusterRole", "lagrange-kafkaoffsetreset-request", "lead")
	eventually(t, func() error { return mayReset(elsewhere, "lead", "create") })
	approved, automatic, both := fields{"approved": "0a"}, fields{"approval": "Automatic"}, fields{"approved": "0a", "approval": "Automatic"}
	cases := map[string]struct {
		reason, user, ns, name string
		spec                   fields
		refused                string // the field; empty: it is accepted
	}{
		"Plan":              {"a plan touches nothing", "requester", ns, "a", nil, ""},
		"PlanWritten":       {"the default, written", "requester", ns, "a", fields{"approval": "Manual", "approved": ""}, ""},
		"Approved":          {"would run", "requester", ns, "a", approved, "spec.approved"},
		"Automatic":         {"would run", "requester", ns, "a", automatic, "spec.approval: Automatic"},
		"Both":              {"would run", "requester", ns, "a", both, "spec.approved"},
		"LeadApproved":      {"may approve", "lead", ns, "a", approved, ""},
		"LeadAutomatic":     {"may approve", "lead", ns, "a", automatic, ""},
		"LeadElsewhere":     {"may approve in another namespace", "lead", elsewhere, "a", automatic, "spec.approval: Automatic"},
		"Admin":             {"has every verb", "admin", ns, "a", both, ""},
		"OwnerOwn":          {"may approve this one", "owner", ns, "own", automatic, ""},
		"OwnerOther":        {"may approve another one", "owner", ns, "a", automatic, "spec.approval: Automatic"},
		"GeneratedName":     {"would run under any name", "requester", ns, "", automatic, "spec.approval: Automatic"},
		"GeneratedNameLead": {"may approve each name", "lead", ns, "", both, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := resetManifest(tc.ns, tc.name, tc.spec)
			if tc.name == "" {
				u.SetGenerateName("a-")
			}
			wantPolicy(t, tc.reason, as(t, tc.user).Create(context.Background(), u, client.DryRunAll), tc.refused, tc.user, tc.name, tc.ns)
		})
	}
}

// mayReset asks the API server's authorizer.
func mayReset(ns, user, verb string) error {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: ns, Group: "kafka.lagrange.dev", Resource: "kafkaoffsetresets", Verb: verb,
		},
	}}
	if err := kube.Create(context.Background(), review); err != nil {
		return err
	}
	return same(user+" may "+verb+" a reset", review.Status.Allowed, true)
}

// resetWrite is what a user does to a stored reset.
type resetWrite func(client.Client, *unstructured.Unstructured) error

// patching is a merge patch, as kubectl patch sends.
func patching(patch fields) resetWrite {
	return func(c client.Client, u *unstructured.Unstructured) error {
		raw, err := json.Marshal(patch)
		if err != nil {
			return err
		}
		return c.Patch(context.Background(), u, client.RawPatch(types.MergePatchType, raw))
	}
}

// replacing sends the whole object again with this spec, as kubectl replace does.
func replacing(spec fields) resetWrite {
	return func(c client.Client, u *unstructured.Unstructured) error {
		again := resetManifest(u.GetNamespace(), u.GetName(), spec)
		again.SetResourceVersion(u.GetResourceVersion())
		return c.Update(context.Background(), again)
	}
}

// applying is a server-side apply of the manifest, as a GitOps tool sends.
func applying(spec fields) resetWrite {
	return func(c client.Client, u *unstructured.Unstructured) error {
		again := resetManifest(u.GetNamespace(), u.GetName(), spec)
		return c.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(again), client.FieldOwner("gitops"), client.ForceOwnership)
	}
}

// TestApprovingAReset: only who may approve sets or changes approved; to remove
// it, to leave it as it is, and all else needs no such right.
func TestApprovingAReset(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	staff(t, ns)
	guarded(t, ns)
	approve := patching(fields{"spec": fields{"approved": "0a"}})
	approved, automatic := fields{"approved": "0a"}, fields{"approval": "Automatic"}
	cases := map[string]struct {
		reason, user string
		spec         fields // that is stored
		write        resetWrite
		refused      string // the field; empty: it is accepted
		want         string // approved afterwards
	}{
		"Approve":            {"not his", "requester", nil, approve, "spec.approved", ""},
		"ApproveReplacing":   {"in no other way either", "requester", nil, replacing(approved), "spec.approved", ""},
		"ApproveApplying":    {"in no other way either", "requester", nil, applying(approved), "spec.approved", ""},
		"ApproveManager":     {"not even the manager approves", "manager", nil, approve, "spec.approved", ""},
		"ApproveOther":       {"another plan than the approved one", "requester", approved, patching(fields{"spec": fields{"approved": "0b"}}), "spec.approved", "0a"},
		"ApproveOwner":       {"he may approve another one", "owner", nil, approve, "spec.approved", ""},
		"ApproverApproves":   {"his", "approver", nil, approve, "", "0a"},
		"ApproverOther":      {"the plan after a drift", "approver", approved, patching(fields{"spec": fields{"approved": "0b"}}), "", "0b"},
		"LeadApproves":       {"his", "lead", nil, replacing(approved), "", "0a"},
		"AdminApproves":      {"has every verb", "admin", nil, applying(approved), "", "0a"},
		"Remove":             {"nothing runs that did not", "requester", approved, patching(fields{"spec": fields{"approved": nil}}), "", ""},
		"Empty":              {"as good as removed", "requester", approved, patching(fields{"spec": fields{"approved": ""}}), "", ""},
		"Cancel":             {"stops it", "requester", approved, patching(fields{"spec": fields{"cancel": true}}), "", "0a"},
		"Label":              {"says nothing", "requester", approved, patching(fields{"metadata": fields{"labels": fields{"a": "b"}}}), "", "0a"},
		"Unchanged":          {"the same approval again", "requester", approved, replacing(approved), "", "0a"},
		"AutomaticAgain":     {"the same manifest again", "requester", automatic, applying(automatic), "", ""},
		"GitOpsApplies":      {"a manifest without approved, another owner's field stays", "requester", approved, applying(nil), "", "0a"},
		"GitOpsReplaces":     {"a manifest without approved, which takes it away", "requester", approved, replacing(nil), "", ""},
		"ManagerFinalizer":   {"the manager's write", "manager", approved, patching(fields{"metadata": fields{"finalizers": list("kafka.lagrange.dev/a")}}), "", "0a"},
		"ManagerStatus":      {"the manager's write", "manager", approved, patchingStatus, "", "0a"},
		"ManagerAutomatic":   {"the manager's write", "manager", automatic, patchingStatus, "", ""},
		"ManagerNoFinalizer": {"the manager's write", "manager", automatic, patching(fields{"metadata": fields{"finalizers": nil}}), "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := resetManifest(ns, "", tc.spec)
			u.SetGenerateName("a-")
			create(t, u)
			before := u.DeepCopy()
			err := tc.write(as(t, tc.user), u)
			wantPolicy(t, tc.reason, err, tc.refused, tc.user, before.GetName(), ns)
			var now v1alpha1.KafkaOffsetReset
			if err := kube.Get(context.Background(), client.ObjectKeyFromObject(before), &now); err != nil {
				t.Fatal(err)
			}
			if now.Spec.Approved != tc.want {
				t.Errorf("%s: approved is %q, want %q", tc.reason, now.Spec.Approved, tc.want)
			}
			if err := kube.Patch(context.Background(), &now, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
				t.Error(err) // it would outlive its namespace
			}
		})
	}
}

func patchingStatus(c client.Client, u *unstructured.Unstructured) error {
	return c.Status().Patch(context.Background(), u, client.RawPatch(types.MergePatchType, []byte(`{"status":{"phase":"Approved"}}`)))
}
