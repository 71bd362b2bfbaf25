package main

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/hack/demo/internal/stack"
	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
)

func TestASecondDemoIsRefusedWhileOneRuns(t *testing.T) {
	running := httptest.NewServer(tally.New().Handler())
	t.Cleanup(running.Close)
	path := filepath.Join(t.TempDir(), "kept.json")
	if err := refuseSecond(t.Context(), path); err != nil {
		t.Errorf("refused without a first: %v", err)
	}
	want := kept{Control: strings.TrimPrefix(running.URL, "http://"), Stack: stack.Marks{Own: true, Cluster: "kind"}}
	if err := want.write(path); err != nil {
		t.Fatal(err)
	}
	got, err := readKept(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
	if err := refuseSecond(t.Context(), path); err == nil || !strings.Contains(err.Error(), "demo stop") {
		t.Errorf("got %v", err)
	}
	running.Close()
	if err := refuseSecond(t.Context(), path); err != nil {
		t.Errorf("refused after the first is gone: %v", err)
	}
}
