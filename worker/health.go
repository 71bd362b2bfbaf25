package worker

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// health is what the probes ask for.
type health struct {
	now func() time.Time
	// rejoin is how long a member may be without a session and still count as
	// one: a rebalance is no reason to take every pod of a group out of service.
	rejoin time.Duration
	// stuck is not nil when a handler has run for too long.
	stuck func() error
	// produces answers how this process produces.
	produces http.HandlerFunc

	mutex     sync.Mutex
	ended     bool
	stopping  bool
	inSession bool
	joined    bool
	leftAt    time.Time
	lastError error
	// waitsFor is what a member can't go on without.
	waitsFor error
}

func (h *health) sessionStarted() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.inSession, h.joined, h.lastError, h.waitsFor = true, true, nil, nil
}

func (h *health) sessionEnded() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.inSession {
		h.inSession, h.leftAt = false, h.now()
	}
}

func (h *health) failed(err error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.lastError = err
}

// waits notes that a member can't go on without something, nil that it can.
func (h *health) waits(reason error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.waitsFor = reason
}

func (h *health) stop() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.stopping = true
}

func (h *health) end() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.ended = true
}

// alive is nil until the consume loop has ended, or while a handler is stuck.
func (h *health) alive() error {
	h.mutex.Lock()
	ended := h.ended
	h.mutex.Unlock()
	if ended {
		return errors.New("the consume loop has ended")
	}
	return h.stuck()
}

// ready is nil for a member of the group, with or without partitions, and
// through a rebalance, unless it waits for something that it can't go on without.
func (h *health) ready() error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	switch {
	case h.ended || h.stopping:
		return errors.New("stopping")
	case h.inSession:
		return h.waitsFor
	case h.joined && h.now().Sub(h.leftAt) <= h.rejoin:
		return nil
	case h.lastError != nil:
		return fmt.Errorf("not a member of the group: %w", h.lastError)
	default:
		return errors.New("not a member of the group yet")
	}
}

func (h *health) sessionUp() bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.inSession
}

// serve answers probes and scrapes until the function it returns is called.
func (h *health) serve(address string, registry *prometheus.Registry) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for probes on %q: %w", address, err)
	}
	server := &http.Server{Handler: h.routes(registry), ReadHeaderTimeout: 5 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // always ErrServerClosed after Close
	return func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}

func (h *health) routes(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", probe(h.alive))
	mux.Handle("GET /readyz", probe(h.ready))
	mux.Handle("GET "+workerconfig.ReportPath, h.produces)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

func probe(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok") // the prober is gone if this fails
	}
}
