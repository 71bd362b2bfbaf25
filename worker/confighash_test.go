package worker_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/worker"
)

// setting is a plain value in a configuration.
type setting struct {
	name string
	// change returns a configuration with the value set, and the path to it.
	change func() worker.Config
}

// settings are all plain values of a configuration, those in structs and behind
// pointers included. What has behaviour has no place in a hash.
func settings(t *testing.T, of reflect.Type, name string, at func(*worker.Config) reflect.Value) []setting {
	t.Helper()
	var all []setting
	for i := range of.NumField() {
		field := of.Field(i)
		path := name + field.Name
		if hasBehaviour(field.Type) {
			if field.Tag.Get("json") != "-" {
				t.Errorf("%s has no place in a hash", path)
			}
			continue
		}
		inner, reach := field.Type, func(config *worker.Config) reflect.Value { return at(config).Field(i) }
		if inner.Kind() == reflect.Pointer {
			inner, reach = inner.Elem(), func(config *worker.Config) reflect.Value {
				pointer := at(config).Field(i)
				if pointer.IsNil() {
					pointer.Set(reflect.New(pointer.Type().Elem()))
				}
				return pointer.Elem()
			}
		}
		if inner.Kind() == reflect.Struct {
			all = append(all, settings(t, inner, path+".", reach)...)
			continue
		}
		all = append(all, setting{path, func() worker.Config {
			var config worker.Config
			set(t, path, reach(&config))
			return config
		}})
	}
	return all
}

func hasBehaviour(of reflect.Type) bool {
	if of.Kind() == reflect.Func || of.Kind() == reflect.Interface {
		return true
	}
	library := of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct
	return library && !slices.Contains([]string{
		reflect.TypeFor[worker.Config]().PkgPath(), reflect.TypeFor[workerconfig.File]().PkgPath(),
	}, of.Elem().PkgPath())
}

func set(t *testing.T, name string, value reflect.Value) {
	t.Helper()
	switch {
	case value.Kind() == reflect.String:
		value.SetString("x")
	case value.CanInt():
		value.SetInt(7)
	case value.Kind() == reflect.Bool:
		value.SetBool(true)
	case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.String:
		value.Set(reflect.ValueOf([]string{"x"}))
	default:
		t.Fatalf("no value is known for %s of type %s", name, value.Type())
	}
}

// A field that is added is looked at here without further ado.
func TestTheHashCoversEverySetting(t *testing.T) {
	own := []string{"ClientID", "InstanceID", "ListenAddress"}
	left := func(name string) bool { // a policy's settings are in Producer
		return slices.Contains(own, name) || strings.HasPrefix(name, "ProducerPolicy.")
	}
	root := func(config *worker.Config) reflect.Value { return reflect.ValueOf(config).Elem() }
	seen := map[string]string{worker.Config{}.Hash(): "nothing"}
	all := settings(t, reflect.TypeFor[worker.Config](), "", root)
	for _, s := range all {
		hash := s.change().Hash()
		same, known := seen[hash]
		switch left := left(s.name); {
		case left && same != "nothing":
			t.Errorf("%s has members that run the same differ, and is in the hash", s.name)
		case !left && known:
			t.Errorf("the hash with %s set is that with %s set", s.name, same)
		case !left:
			seen[hash] = s.name
		}
	}
	for _, name := range append(own, "Retry.Attempts", "SASL.OAuth.Audience", "Producer.NotIdempotent", "ProducerPolicy.Hash", "Topics") {
		if !slices.ContainsFunc(all, func(s setting) bool { return s.name == name }) {
			t.Errorf("%s was not looked at", name)
		}
	}
}

func TestTheHashLeavesOutWhatCredentialFilesContain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	config := worker.Config{SASL: &workerconfig.SASL{Mechanism: "PLAIN", UsernameFile: path, PasswordFile: path},
		TLS: &workerconfig.TLS{CAFile: path, CertificateFile: path, KeyFile: path}}
	missing := config.Hash()
	for _, content := range []string{"old", "new"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := config.Hash(); got != missing {
			t.Errorf("hash %s with the content %q, and %s without the file", got, content, missing)
		}
	}
	if len(missing) != 16 {
		t.Errorf("hash %q has not 16 digits", missing)
	}
}

// The metric has the configuration in force: a default that is written out is
// no difference.
func TestTheMetricTellsConfigurationsApart(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	members := map[string]func(*worker.Config){
		"a":                func(c *worker.Config) { c.ClientID = "a" },
		"b":                func(c *worker.Config) { c.ClientID, c.InstanceID, c.ListenAddress = "b", "b-0", freeAddress(t) },
		"defaults spelled": func(c *worker.Config) { c.MaxInFlight, c.Ordering = worker.DefaultMaxInFlight, worker.OrderByPartition },
		"another":          func(c *worker.Config) { c.CommitInterval = time.Minute },
	}
	hashes := make(map[string]string)
	for name, change := range members {
		config := b.config()
		change(&config)
		start(t, config, newRecord().handle)
		await(t, "the hash of "+name, func() bool {
			hashes[name] = hashOf(t, config.Registry)
			return hashes[name] != ""
		})
	}
	if hashes["a"] != hashes["b"] || hashes["a"] != hashes["defaults spelled"] || hashes["a"] == hashes["another"] {
		t.Errorf("hashes %q", hashes)
	}
}

// hashOf is the hash that lagrange_worker_config_info exports, "" before that.
func hashOf(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "lagrange_worker_config_info" {
			return family.GetMetric()[0].GetLabel()[0].GetValue()
		}
	}
	return ""
}
