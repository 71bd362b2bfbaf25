package controllers

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

func seconds(n int) v1alpha1.Duration {
	return v1alpha1.Duration{Duration: time.Duration(n) * time.Second}
}

func everySetting() v1alpha1.ConsumerSpec {
	return v1alpha1.ConsumerSpec{
		InitialOffset: "latest", SeedOffsets: ptr.To(true), // which is nothing to workers
		OnOutOfRange: "fail", MaxMessageAge: metav1.Duration{Duration: time.Hour}, IsolationLevel: "read_committed",
		Assignment: v1alpha1.AssignStable, MaxProcessingTime: seconds(20), SessionTimeout: seconds(45), HeartbeatInterval: seconds(3),
		RebalanceTimeout: seconds(60), Commit: &v1alpha1.CommitSpec{Interval: seconds(5)}, Ordering: "key", Concurrency: 64,
		InFlight:   &v1alpha1.InFlightSpec{Messages: 1000, Bytes: 1 << 20},
		Retry:      &v1alpha1.RetrySpec{Attempts: 5, InitialBackoff: seconds(1), MaxBackoff: seconds(7), JitterPercent: ptr.To(int32(0))},
		DeadLetter: &v1alpha1.DeadLetterSpec{Topic: "dead"}, Dedup: &v1alpha1.DedupSpec{Namespace: "chat"},
	}
}

func TestWorkerConsumer(t *testing.T) {
	second := workerconfig.Duration(time.Second)
	want := workerconfig.Consumer{
		InitialOffset: "latest", OnOutOfRange: "fail", MaxMessageAge: 3600 * second, IsolationLevel: "read_committed",
		Assignment: "stable", MaxProcessingTime: 20 * second, SessionTimeout: 45 * second, HeartbeatInterval: 3 * second,
		RebalanceTimeout: 60 * second, Commit: workerconfig.Commit{Interval: 5 * second}, Ordering: "key", Concurrency: 64,
		InFlight:   workerconfig.InFlight{Messages: 1000, Bytes: 1 << 20},
		Retry:      workerconfig.Retry{Attempts: 5, InitialBackoff: second, MaxBackoff: 7 * second, JitterPercent: ptr.To(0)},
		DeadLetter: &workerconfig.DeadLetter{Topic: "dead"}, Dedup: &workerconfig.Dedup{Namespace: "chat"},
	}
	if diff := cmp.Diff(want, workerConsumer(everySetting()).WithoutDefaults()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestEverySettingIsEvery: a field that is added to the spec is added to the test above.
func TestEverySettingIsEvery(t *testing.T) {
	spec := everySetting()
	for _, part := range []any{spec, *spec.Commit, *spec.InFlight, *spec.Retry, *spec.DeadLetter, *spec.Dedup} {
		value := reflect.ValueOf(part)
		for i := range value.NumField() {
			if value.Field(i).IsZero() {
				t.Errorf("%s.%s is not set", value.Type(), value.Type().Field(i).Name)
			}
		}
	}
}

// TestLagOptions: how long workers may be silent goes into the verdicts.
func TestLagOptions(t *testing.T) {
	for interval, want := range map[*v1alpha1.CommitSpec]time.Duration{nil: time.Second, {}: time.Second, {Interval: seconds(60)}: time.Minute} {
		spec := everySetting()
		spec.Commit = interval
		want := lag.Options{Initial: kafka.InitialLatest, MaxProcessingTime: 20 * time.Second, CommitInterval: want}
		if got := lagOptions(spec); got != want {
			t.Errorf("%+v: %+v, want %+v", interval, got, want)
		}
	}
}
