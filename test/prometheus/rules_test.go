// Package prometheus tests the alert rules with Prometheus' own promtool.
package prometheus

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	clientprometheus "github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"

	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

const rules = "../../config/prometheus/rules.yaml"

// ruleFile writes the spec of the PrometheusRule, which is what Prometheus
// calls a rule file, and the tests beside it.
func ruleFile(t *testing.T) (folder string) {
	t.Helper()
	raw, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	var object struct{ Spec map[string]any }
	if err := yaml.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	content, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("../../config/prometheus/rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	for name, content := range map[string][]byte{"rules.yaml": content, "rules_test.yaml": tests} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestAlertRules(t *testing.T) {
	program, folder := promtool(t), ruleFile(t)
	for _, arguments := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		command := exec.CommandContext(t.Context(), program, arguments...)
		command.Dir = folder
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
	}
}

// TestRulesSpeakOfMetricsThatExist guards against an alert that can never fire,
// since a metric was renamed.
func TestRulesSpeakOfMetricsThatExist(t *testing.T) {
	raw, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	known := metricNames(t)
	used := regexp.MustCompile(`lagrange_[a-z_]+`).FindAllString(string(raw), -1)
	if len(used) == 0 {
		t.Fatal("the rules use no metric of ours")
	}
	for _, name := range used {
		if !slices.Contains(known, name) {
			t.Errorf("the rules use %s; there are %s", name, strings.Join(known, ", "))
		}
	}
}

// metricNames are the names of the metrics that a manager with one pool has.
func metricNames(t *testing.T) []string {
	t.Helper()
	names := nameBook{}
	kafkaadmin.NewPool(kafkaadmin.Options{MetricsRegisterer: &names})
	names.MustRegister(controllers.Metrics{}, metrics.Registry.(clientprometheus.Collector)) // those of policies are the registry's
	return names
}

// nameBook is a registerer that only notes names.
type nameBook []string

func (b *nameBook) Register(c clientprometheus.Collector) error {
	described := make(chan *clientprometheus.Desc, 1000)
	c.Describe(described)
	close(described)
	for desc := range described {
		name, _, _ := strings.Cut(strings.TrimPrefix(desc.String(), `Desc{fqName: "`), `"`)
		*b = append(*b, name)
	}
	return nil
}

func (b *nameBook) MustRegister(collectors ...clientprometheus.Collector) {
	for _, c := range collectors {
		_ = b.Register(c) // never fails
	}
}

func (b *nameBook) Unregister(clientprometheus.Collector) bool { return false }
