package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// naming has the group name a policy, "" none.
func naming(policy string) func(*v1alpha1.KafkaConsumerGroup) {
	return func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.ProducerPolicyRef = &v1alpha1.ProducerPolicyReference{Name: policy}
		if policy == "" {
			g.Spec.ProducerPolicyRef = nil
		}
	}
}

// compressing has the policy's producers compress like this.
func compressing(by v1alpha1.Compression) func(*v1alpha1.KafkaProducerPolicy) {
	return func(p *v1alpha1.KafkaProducerPolicy) { p.Spec.Compression = by }
}

// producerFile is what the Deployment gives its workers, and whether they are told of it.
func producerFile(t *testing.T, d *appsv1.Deployment) (file workerconfig.ProducerFile, told bool) {
	t.Helper()
	env := d.Spec.Template.Spec.Containers[0].Env
	told = slices.ContainsFunc(env, func(e corev1.EnvVar) bool {
		return e.Name == workerconfig.EnvProducerConfig && e.Value == "/etc/lagrange/producer.json"
	})
	var configMap corev1.ConfigMap
	if err := kube.Get(context.Background(), client.ObjectKey{Namespace: d.Namespace, Name: mounted(d)}, &configMap); err != nil {
		t.Fatal(err)
	}
	content, has := configMap.Data[workerconfig.ProducerFileName]
	if has != told || len(configMap.Data) != 1 && !has {
		t.Errorf("the environment names the file: %t; %s has %v", told, configMap.Name, configMap.Data)
	}
	if has {
		if err := json.Unmarshal([]byte(content), &file); err != nil {
			t.Fatal(err)
		}
	}
	return file, told
}

// wantGroupGiven waits until the group's workers are given these settings of the policy,
// which the policy has in force, and tells which pod template it is, counted from 1.
func wantGroupGiven(t *testing.T, g *v1alpha1.KafkaConsumerGroup, p *v1alpha1.KafkaProducerPolicy, by v1alpha1.Compression) int64 {
	t.Helper()
	inForce := wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error {
		if s.InForce == nil || s.InForce.Settings.Compression != by {
			return fmt.Errorf("in force %+v, want compression %s", s.InForce, by)
		}
		return nil
	}).InForce
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ProducerPolicy == nil || s.ProducerPolicy.Name != p.Name || !slices.Equal(s.ProducerPolicy.Files, inForce.Files) {
			return fmt.Errorf("the group says %+v, want %s with %+v", s.ProducerPolicy, p.Name, inForce.Files)
		}
		return nil
	})
	wantCondition(t, g, v1alpha1.ConditionProducerPolicyAccepted, metav1.ConditionTrue, v1alpha1.ReasonNoErrors)
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	if file, _ := producerFile(t, d); file.Hash != inForce.Files[0].Hash || file.Settings.Producer.Compression != string(by) {
		t.Errorf("the workers are given %+v, want compression %s with hash %s", file, by, inForce.Files[0].Hash)
	}
	return d.Generation
}

// TestGroupUnderPolicy: the first workers wait for the policy; then each change of
// its settings rolls them once, and nothing else does.
func TestGroupUnderPolicy(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), soundBroker(t, map[string]int32{"orders": 4})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "under-policy", kafka.address(), naming("orders"))
	create(t, g)
	wantCondition(t, g, v1alpha1.ConditionProducerPolicyAccepted, metav1.ConditionFalse, v1alpha1.ReasonPolicyMissing)
	wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonPolicyMissing)
	wantEvent(t, g, corev1.EventTypeWarning, v1alpha1.ReasonPolicyMissing, `"orders" does not exist; no worker is started`)
	wantNoDeployment(t, g)

	orders := policy(ns, "orders", kafka.address(), compressing("zstd"))
	create(t, orders)
	if n := wantGroupGiven(t, g, orders, "zstd"); n != 1 {
		t.Errorf("the first template is the %d.", n)
	}
	// Its generation is another, what it has in force is not: nobody rolls.
	changePolicy(t, orders, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Enforcement = v1alpha1.EnforcementDeny })
	wantPolicyStatus(t, orders, func(s v1alpha1.KafkaProducerPolicyStatus) error {
		if s.InForce.Generation != 2 {
			return fmt.Errorf("generation %d is in force, want 2", s.InForce.Generation)
		}
		return nil
	})
	changePolicy(t, orders, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = "lz4" })
	if n := wantGroupGiven(t, g, orders, "lz4"); n != 2 {
		t.Errorf("after two changes of the policy, one of its settings, the template is the %d., want the 2.", n)
	}
	wantEvent(t, g, corev1.EventTypeNormal, "ProducerSettings", `settings of KafkaProducerPolicy "orders": producer.json with hash`)
	d := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	play(t, g, allAvailable)
	wantConfigMaps(t, g, mounted(d))

	// Another policy with the same settings, and none at all: what runs goes on.
	twin := policy(ns, "twin", kafka.address(), compressing("lz4"))
	create(t, twin)
	change(t, g, naming("twin"))
	if n := wantGroupGiven(t, g, twin, "lz4"); n != 2 {
		t.Errorf("under another policy with the same settings the template is the %d., want the 2.", n)
	}
	remove(t, twin)
	wantCondition(t, g, v1alpha1.ConditionProducerPolicyAccepted, metav1.ConditionFalse, v1alpha1.ReasonPolicyMissing)
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 2 })
	wantReplicas(t, g, 2) // and is scaled
	after := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	if mounted(after) != mounted(d) || after.Generation != 3 {
		t.Errorf("the policy is gone: template %d with %s, want 3, a scaling, with %s", after.Generation, mounted(after), mounted(d))
	}
	change(t, g, naming(""))
	after = wantDeployment(t, g, func(d *appsv1.Deployment) error {
		if _, told := producerFile(t, d); told {
			return fmt.Errorf("the workers are given a file, and no policy is named")
		}
		return nil
	})
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ProducerPolicy != nil || meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionProducerPolicyAccepted) != nil {
			return fmt.Errorf("status %+v, conditions %+v, and no policy is named", s.ProducerPolicy, s.Conditions)
		}
		return nil
	})
	if after.Generation != 4 {
		t.Errorf("without a policy the template is the %d., want the 4.", after.Generation)
	}
}

// TestPolicyAcrossRestart: a manager that starts anew writes nothing, and keeps the
// files of a policy that has gone meanwhile.
func TestPolicyAcrossRestart(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), soundBroker(t, map[string]int32{"orders": 4})
	stop := startManager(t, managerOptions{}, ns)
	orders := policy(ns, "orders", kafka.address(), compressing("zstd"))
	create(t, orders)
	g := group(ns, "restarted", kafka.address(), naming("orders"))
	create(t, g)
	wantGroupGiven(t, g, orders, "zstd")
	stop()
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	remove(t, orders)
	startManager(t, managerOptions{}, ns)
	wantCondition(t, g, v1alpha1.ConditionProducerPolicyAccepted, metav1.ConditionFalse, v1alpha1.ReasonPolicyMissing)
	after := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	if after.ResourceVersion != before.ResourceVersion {
		t.Errorf("the Deployment was written: version %s, before %s; template %+v", after.ResourceVersion, before.ResourceVersion, after.Spec.Template)
	}
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 2 })
	wantReplicas(t, g, 2) // the group goes on
	after = wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	if file, _ := producerFile(t, after); file.Policy != ns+"/orders" || mounted(after) != mounted(before) {
		t.Errorf("the workers are given %+v in %s, before %s", file, mounted(after), mounted(before))
	}
}

// TestPolicyWaitsForReset: what changes while a reset has the group comes with the
// workers that start after it, and rolls none.
func TestPolicyWaitsForReset(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), soundBroker(t, map[string]int32{"orders": 4})
	startManager(t, played(), ns)
	orders := policy(ns, "orders", kafka.address(), compressing("zstd"))
	create(t, orders)
	g := group(ns, "reset", kafka.address(), naming("orders"))
	create(t, g)
	wantGroupGiven(t, g, orders, "zstd")
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	reset := playedReset(t, g, "replay")
	playApproval(t, reset, time.Now())
	wantActive(t, g, reset)
	wantReplicas(t, g, 0)
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	changePolicy(t, orders, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = "lz4" })
	wantCondition(t, g, v1alpha1.ConditionProducerPolicyAccepted, metav1.ConditionFalse, v1alpha1.ReasonPolicyHeld)
	wantPolicyStatus(t, orders, func(s v1alpha1.KafkaProducerPolicyStatus) error {
		if len(s.Workloads) != 1 || s.Workloads[0].State != v1alpha1.WorkloadRolling || !strings.Contains(s.Workloads[0].Message, "KafkaOffsetReset") {
			return fmt.Errorf("workloads %+v, want the group to wait for the reset", s.Workloads)
		}
		return nil
	})
	if held := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil }); held.Generation != before.Generation {
		t.Errorf("the template was changed while the reset has the group: generation %d, before %d", held.Generation, before.Generation)
	}
	play(t, g, allAvailable)
	playResume(t, reset, v1alpha1.PhaseSucceeded)
	wantReplicas(t, g, 1)
	if n := wantGroupGiven(t, g, orders, "lz4"); n != before.Generation+1 {
		t.Errorf("generation %d, want %d: the workers start with the new settings", n, before.Generation+1)
	}
}

// TestPolicyOfAnotherClusterIsGivenAndTold, since the workers may produce there.
func TestPolicyOfAnotherClusterIsGivenAndTold(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	elsewhere := soundBroker(t, map[string]int32{"orders": 4}, kfake.ClusterID("elsewhere"))
	startManager(t, managerOptions{}, ns)
	orders := policy(ns, "orders", elsewhere.address(), compressing("zstd"))
	create(t, orders)
	g := group(ns, "abroad", kafka.address(), naming("orders"))
	create(t, g)
	wantGroupGiven(t, g, orders, "zstd")
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		return mentions(strings.Join(s.Warnings, "; "), `"orders"`, `"elsewhere"`)
	})
}

// TestWorkersReport: the policy's status tells what a worker says that it runs, by
// itself once the worker is ready.
func TestWorkersReport(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), soundBroker(t, map[string]int32{"orders": 4})
	var hash atomic.Value
	worker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(workerconfig.ProducerReport{Policy: ns + "/orders", Hash: hash.Load().(string)})
	}))
	t.Cleanup(worker.Close)
	_, text, _ := strings.Cut(strings.TrimPrefix(worker.URL, "http://"), ":")
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	startManager(t, managerOptions{}, ns)
	orders := policy(ns, "orders", kafka.address(), compressing("zstd"))
	create(t, orders)
	g := group(ns, "reporting", kafka.address(), naming("orders"), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Workload.Template.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromInt(port)},
		}}
	})
	create(t, g)
	wantGroupGiven(t, g, orders, "zstd")
	hash.Store(wantPolicyStatus(t, orders, func(v1alpha1.KafkaProducerPolicyStatus) error { return nil }).InForce.Files[0].Hash)
	play(t, g, allAvailable)
	d := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "reporting-1", Labels: d.Spec.Template.Labels}, Spec: d.Spec.Template.Spec}
	create(t, pod)
	start := func(id string) {
		t.Helper()
		pod.Status = ready(metav1.Now())
		pod.Status.PodIP, pod.Status.PodIPs = "127.0.0.1", []corev1.PodIP{{IP: "127.0.0.1"}}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: workerconfig.ContainerName, Ready: true, ContainerID: id, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}}
		if err := kube.Status().Update(context.Background(), pod); err != nil {
			t.Fatal(err)
		}
	}
	wantReported := func(want v1alpha1.ProducerWorkload) {
		t.Helper()
		wantPolicyStatus(t, orders, func(s v1alpha1.KafkaProducerPolicyStatus) error {
			if len(s.Workloads) != 1 {
				return fmt.Errorf("workloads %+v, want %+v", s.Workloads, want)
			}
			got := s.Workloads[0]
			got.Message = ""
			if got != want {
				return fmt.Errorf("workload %+v, want %+v", s.Workloads[0], want)
			}
			return nil
		})
	}
	start("containerd://1")
	wantReported(v1alpha1.ProducerWorkload{Kind: "KafkaConsumerGroup", Name: "reporting", State: v1alpha1.WorkloadApplied, Pods: 1, Applied: 1})
	// Another program in the same pod, which sets its own: it is asked again.
	hash.Store(workerconfig.HashNotInForce)
	pod.Status.Conditions[0].Status = corev1.ConditionFalse
	if err := kube.Status().Update(context.Background(), pod); err != nil {
		t.Fatal(err)
	}
	start("containerd://2")
	wantReported(v1alpha1.ProducerWorkload{Kind: "KafkaConsumerGroup", Name: "reporting", State: v1alpha1.WorkloadDrifted, Pods: 1})
}

// TestEditedFilesAreReplaced: who creates a group's ConfigMap anew with other content,
// under its name and as the group's, has pods run what nobody said. It is put right,
// also with a manager that starts later, and no pod template changes.
func TestEditedFilesAreReplaced(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), soundBroker(t, map[string]int32{"orders": 4})
	stop := startManager(t, managerOptions{}, ns)
	orders := policy(ns, "orders", kafka.address(), compressing("zstd"))
	create(t, orders)
	g := group(ns, "edited", kafka.address(), naming("orders"))
	create(t, g)
	wantGroupGiven(t, g, orders, "zstd")
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	var good corev1.ConfigMap
	if err := kube.Get(context.Background(), client.ObjectKey{Namespace: ns, Name: mounted(before)}, &good); err != nil {
		t.Fatal(err)
	}
	edit := func(change func(*corev1.ConfigMap)) {
		t.Helper()
		edited := good.DeepCopy()
		edited.ObjectMeta = metav1.ObjectMeta{Namespace: ns, Name: good.Name, Labels: good.Labels, OwnerReferences: good.OwnerReferences}
		change(edited)
		remove(t, &good)
		eventually(t, func() error { // the controller may come first
			err := kube.Create(context.Background(), edited)
			if apierrors.IsAlreadyExists(err) {
				err = errors.Join(err, client.IgnoreNotFound(kube.Delete(context.Background(), good.DeepCopy())))
			}
			return err
		})
		wantContent := func() error {
			var now corev1.ConfigMap
			if err := kube.Get(context.Background(), client.ObjectKeyFromObject(&good), &now); err != nil {
				return err
			}
			if !maps.Equal(now.Data, good.Data) || now.Immutable == nil || !*now.Immutable {
				return fmt.Errorf("%s has %v, want %v", now.Name, now.Data, good.Data)
			}
			return nil
		}
		if stop == nil {
			startManager(t, managerOptions{}, ns)
		}
		eventually(t, wantContent)
	}
	weaker := func(cm *corev1.ConfigMap) {
		cm.Data = maps.Clone(cm.Data)
		cm.Data[workerconfig.ProducerFileName] = strings.Replace(cm.Data[workerconfig.ProducerFileName], `"all"`, `"none"`, 1)
	}
	edit(weaker)
	edit(func(cm *corev1.ConfigMap) { cm.Immutable = nil })
	edit(func(cm *corev1.ConfigMap) { weaker(cm); cm.Labels = nil })
	stop()
	stop = nil
	edit(weaker)
	wantConfigMaps(t, g, good.Name)
	if after := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil }); after.Generation != before.Generation {
		t.Errorf("the template is the %d., before the %d.", after.Generation, before.Generation)
	}
}

// TestDeletedUnderPolicy: workers that are stopped for good are stopped as they are.
func TestDeletedUnderPolicy(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), soundBroker(t, map[string]int32{"orders": 4})
	stop := startManager(t, managerOptions{}, ns)
	orders := policy(ns, "orders", kafka.address(), compressing("zstd"))
	create(t, orders)
	g := disposable(t, ns, "deleted-under-policy", kafka, naming("orders"))
	wantGroupGiven(t, g, orders, "zstd")
	wantReplicas(t, g, 1)
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	wantConfigMaps(t, g, mounted(before))
	stop() // a manager that starts anew knows no more than the cluster does
	remove(t, g)
	startManager(t, managerOptions{}, ns)
	after := wantDeployment(t, g, func(d *appsv1.Deployment) error {
		if *d.Spec.Replicas != 0 {
			return fmt.Errorf("%d workers are asked for, want none", *d.Spec.Replicas)
		}
		return nil
	})
	if diff := cmp.Diff(before.Spec.Template, after.Spec.Template); diff != "" {
		t.Errorf("the template of workers that are stopped changed:\n%s", diff)
	}
	wantConfigMaps(t, g, mounted(before))
}
