package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// managerUser is who the manager is to the API server; the audit log tells its requests from ours.
const managerUser = "lagrange-manager"

// apiServer is a real API server with an audit log.
type apiServer struct {
	env        *envtest.Environment
	kube       client.Client
	kubeconfig string
	audit      string
}

func startAPIServer(ctx context.Context, folder string) (*apiServer, error) {
	assets, err := binaries(ctx)
	if err != nil {
		return nil, err
	}
	s := &apiServer{audit: filepath.Join(folder, "audit.log"), kubeconfig: filepath.Join(folder, "kubeconfig")}
	policy := filepath.Join(folder, "audit-policy.yaml")
	rules := "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata, users: [" + managerUser + "]}]\n"
	if err := os.WriteFile(policy, []byte(rules), 0o600); err != nil {
		return nil, err
	}
	s.env = &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{"config/crd/bases"}, ErrorIfCRDPathMissing: true,
	}
	s.env.ControlPlane.GetAPIServer().Configure().
		Append("audit-policy-file", policy).Append("audit-log-path", s.audit).
		Append("max-requests-inflight", "1000").Append("max-mutating-requests-inflight", "500")
	config, err := s.env.Start()
	if err != nil {
		return nil, fmt.Errorf("start the API server: %w", err)
	}
	config.QPS, config.Burst = 500, 1000
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return s, err
	}
	if s.kube, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return s, err
	}
	return s, s.admitManager(ctx)
}

// binaries is the folder of kube-apiserver and etcd, compiled the first time.
func binaries(ctx context.Context) (string, error) {
	if given := os.Getenv("KUBEBUILDER_ASSETS"); given != "" {
		return given, nil
	}
	c := exec.CommandContext(ctx, "go", "run", "./hack/cluster", "binaries")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("compile the API server: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// admitManager makes the manager's user, with the very role that it is installed with.
func (s *apiServer) admitManager(ctx context.Context) error {
	user, err := s.env.AddUser(envtest.User{Name: managerUser}, nil)
	if err != nil {
		return fmt.Errorf("add the manager's user: %w", err)
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.kubeconfig, kubeconfig, 0o600); err != nil {
		return err
	}
	raw, err := os.ReadFile("config/rbac/role.yaml")
	if err != nil {
		return err
	}
	var role rbacv1.ClusterRole
	if err := yaml.Unmarshal(raw, &role); err != nil {
		return err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: managerUser},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: managerUser}},
	}
	return errors.Join(s.kube.Create(ctx, &role), s.kube.Create(ctx, binding))
}

// requests are the manager's requests in a stretch of the audit log, leases left out.
type requests struct {
	all, mutating int
	byKind        map[string]int
}

// position is where the audit log ends now.
func (s *apiServer) position() (int64, error) {
	info, err := os.Stat(s.audit)
	if err != nil {
		return 0, fmt.Errorf("find the audit log: %w", err)
	}
	return info.Size(), nil
}

// since counts from a position to the end.
func (s *apiServer) since(position int64) (requests, error) {
	counted := requests{byKind: map[string]int{}}
	file, err := os.Open(s.audit)
	if err != nil {
		return counted, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(position, io.SeekStart); err != nil {
		return counted, err
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		counted.add(lines.Bytes())
	}
	return counted, lines.Err()
}

func (r *requests) add(line []byte) {
	var event struct {
		Verb      string
		ObjectRef struct{ Resource, Subresource string }
	}
	if json.Unmarshal(line, &event) != nil || event.ObjectRef.Resource == "leases" {
		return
	}
	r.all++
	switch event.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		r.mutating++
		r.byKind[strings.TrimSuffix(event.Verb+" "+event.ObjectRef.Resource+"/"+event.ObjectRef.Subresource, "/")]++
	}
}
