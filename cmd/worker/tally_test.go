package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
	"github.com/lagrange-operator/lagrange/worker"
)

var quiet = slog.New(slog.NewJSONHandler(io.Discard, nil))

func handled(context.Context, worker.Message) error { return nil }

func newTestTally(t *testing.T, handler http.Handler) *tallyClient {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client := newTally(strings.TrimPrefix(server.URL, "http://"), "pod", quiet)
	t.Cleanup(client.close)
	return client
}

// The first request gets lost, then an answer after the server has counted: the
// request comes again each time and is counted once.
func TestALostAcknowledgementIsNotARedelivery(t *testing.T) {
	counted := tally.New()
	var requests atomic.Int32
	client := newTestTally(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch requests.Add(1) {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			counted.Handler().ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusBadGateway)
		default:
			counted.Handler().ServeHTTP(w, r)
		}
	}))
	handle := client.after(handled)
	for offset := range int64(3) {
		if err := handle(t.Context(), worker.Message{Topic: "t", Offset: offset}); err != nil {
			t.Fatal(err)
		}
	}
	if got := counted.Counts(); got.Distinct != 3 || got.Redelivered != 0 {
		t.Errorf("counted %+v, want 3 distinct and none redelivered", got)
	}
}

func TestMessagesOfAllPartitionsAreCounted(t *testing.T) {
	counted := tally.New()
	client := newTestTally(t, counted.Handler())
	handle := client.after(handled)
	var partitions sync.WaitGroup
	for partition := range int32(8) {
		partitions.Go(func() {
			for offset := range int64(50) {
				if err := handle(t.Context(), worker.Message{Topic: "t", Partition: partition, Offset: offset}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	partitions.Wait()
	if got := counted.Counts(); got.Distinct != 400 || got.Redelivered != 0 || got.OutOfOrder != 0 {
		t.Errorf("counted %+v, want 400 distinct ones in order", got)
	}
}

func TestWithoutAnAcknowledgementAMessageIsNotFinished(t *testing.T) {
	asked := make(chan struct{}, 100)
	client := newTestTally(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- client.after(handled)(ctx, worker.Message{Topic: "t"}) }()
	<-asked
	<-asked // the same again
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler returned %v", err)
	}
}

func TestAFailedMessageIsNotCounted(t *testing.T) {
	counted := tally.New()
	client := newTestTally(t, counted.Handler())
	boom := errors.New("boom")
	handle := client.after(func(context.Context, worker.Message) error { return boom })
	if err := handle(t.Context(), worker.Message{Topic: "t"}); !errors.Is(err, boom) {
		t.Errorf("the handler returned %v", err)
	}
	if got := counted.Counts(); got.Distinct != 0 {
		t.Errorf("counted %+v", got)
	}
}
