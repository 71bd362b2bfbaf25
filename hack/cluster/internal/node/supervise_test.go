//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/pki"
)

// TestMain lets the test program stand for the cluster program that the supervisor calls: it becomes the command without
// joining a control group.
func TestMain(m *testing.M) {
	if len(os.Args) > 5 && os.Args[1] == ExecVerb {
		fmt.Fprintln(os.Stderr, syscall.Exec(os.Args[5], os.Args[5:], os.Environ()))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// supervise runs components until the returned stop is called, which waits for their end.
func supervise(t *testing.T, components []Component) (events <-chan Event, stop func()) {
	t.Helper()
	c := config(t)
	for _, folder := range []string{c.PKI(), c.Logs()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := pki.Write(c.PKI(), pki.Request{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	reported := make(chan Event, 100)
	s, err := newSupervisor(c, components, func(event Event) { reported <- event })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.run(ctx, components)
	}()
	return reported, func() {
		cancel()
		<-ended
	}
}

// collect returns the events up to the wanted one.
func collect(t *testing.T, events <-chan Event, last Event) []Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seen []Event
	for {
		select {
		case event := <-events:
			seen = append(seen, event)
			if event.Kind == last.Kind && event.Component == last.Component {
				return seen
			}
		case <-ctx.Done():
			t.Fatalf("no event %+v, only %+v", last, seen)
		}
	}
}

func index(events []Event, kind, component string) int {
	return slices.IndexFunc(events, func(e Event) bool { return e.Kind == kind && e.Component == component })
}

func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

func listen(t *testing.T) Health {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return Health{Socket: socket}
}

func TestSupervisorKeepsOrder(t *testing.T) {
	components := []Component{
		{Name: "server", Command: shell("exec sleep 60"), After: []string{"image"}, Health: listen(t)},
		{Name: "image", Command: shell("exit 0"), Once: true},
		{Name: "client", Command: shell("exec sleep 60"), After: []string{"server"}, Health: listen(t)},
	}
	events, stop := supervise(t, components)
	seen := collect(t, events, Event{Kind: EventHealthy, Component: "client"})
	stop()
	order := []int{
		index(seen, EventStarted, "image"), index(seen, EventHealthy, "image"),
		index(seen, EventStarted, "server"), index(seen, EventHealthy, "server"),
		index(seen, EventStarted, "client"), index(seen, EventHealthy, "client"),
	}
	if order[0] < 0 || !slices.IsSorted(order) {
		t.Errorf("out of order: %+v", seen)
	}
}

func TestSupervisorStartsAgainWhatEnds(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	// The first time it fails, and then it stays.
	script := "if [ -e " + marker + " ]; then exec sleep 60; fi; touch " + marker + "; echo why it failed; exit 3"
	events, stop := supervise(t, []Component{{Name: "flaky", Command: shell(script), Health: Health{Socket: marker + ".absent"}}})
	defer stop()
	exited := collect(t, events, Event{Kind: EventExited, Component: "flaky"})
	if detail := exited[len(exited)-1].Detail; detail != "exit status 3" {
		t.Errorf("it ended with %q", detail)
	}
	collect(t, events, Event{Kind: EventStarted, Component: "flaky"})
}

func TestChecker(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	folder := t.TempDir()
	if err := pki.Write(folder, pki.Request{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	checker, err := NewChecker(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := checker.Check(t.Context(), Health{URL: server.URL}); err != nil {
		t.Error(err)
	}
	status = http.StatusInternalServerError
	if err := checker.Check(t.Context(), Health{URL: server.URL}); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("Check() = %v, want what the component answered", err)
	}
	if err := checker.Check(t.Context(), Health{Socket: filepath.Join(folder, "absent")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Check() = %v, want that there is no socket", err)
	}
}
