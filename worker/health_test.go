package worker

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestProbes(t *testing.T) {
	const rejoin = time.Minute
	cases := map[string]struct {
		reason       string
		live         func(h *health, clock *time.Time)
		alive, ready int
	}{
		"Starting": {
			reason: "Alive from the start, not ready before the first session.",
			live:   func(*health, *time.Time) {},
			alive:  http.StatusOK, ready: http.StatusServiceUnavailable,
		},
		"Joined": {
			reason: "A session is all it takes; partitions are not asked for.",
			live:   func(h *health, _ *time.Time) { h.sessionStarted() },
			alive:  http.StatusOK, ready: http.StatusOK,
		},
		"Rebalancing": {
			reason: "Between two sessions a member stays ready.",
			live: func(h *health, clock *time.Time) {
				h.sessionStarted()
				h.sessionEnded()
				*clock = clock.Add(rejoin)
			},
			alive: http.StatusOK, ready: http.StatusOK,
		},
		"Lost": {
			reason: "Longer without a session than a rebalance may take.",
			live: func(h *health, clock *time.Time) {
				h.sessionStarted()
				h.sessionEnded()
				h.failed(errors.New("no broker"))
				*clock = clock.Add(rejoin + 1)
			},
			alive: http.StatusOK, ready: http.StatusServiceUnavailable,
		},
		"LostThenBack": {
			reason: "A new session heals.",
			live: func(h *health, clock *time.Time) {
				h.sessionStarted()
				h.sessionEnded()
				*clock = clock.Add(rejoin + 1)
				h.sessionStarted()
			},
			alive: http.StatusOK, ready: http.StatusOK,
		},
		"Waiting": {
			reason: "A member that can't go on without a topic is of no use.",
			live: func(h *health, _ *time.Time) {
				h.sessionStarted()
				h.waits(errors.New("no topic"))
			},
			alive: http.StatusOK, ready: http.StatusServiceUnavailable,
		},
		"WaitedFor": {
			reason: "Once it is there all is well.",
			live: func(h *health, _ *time.Time) {
				h.sessionStarted()
				h.waits(errors.New("no topic"))
				h.waits(nil)
			},
			alive: http.StatusOK, ready: http.StatusOK,
		},
		"Stopping": {
			reason: "A pod that drains must not be killed, nor counted.",
			live: func(h *health, _ *time.Time) {
				h.sessionStarted()
				h.stop()
			},
			alive: http.StatusOK, ready: http.StatusServiceUnavailable,
		},
		"Stuck": {
			reason: "Only a restart takes a handler back that never returns.",
			live: func(h *health, _ *time.Time) {
				h.sessionStarted()
				h.stuck = func() error { return errors.New("stuck") }
			},
			alive: http.StatusServiceUnavailable, ready: http.StatusOK,
		},
		"Ended": {
			reason: "Nothing consumes any more.",
			live: func(h *health, _ *time.Time) {
				h.sessionStarted()
				h.end()
			},
			alive: http.StatusServiceUnavailable, ready: http.StatusServiceUnavailable,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			clock := time.Unix(0, 0)
			h := &health{now: func() time.Time { return clock }, rejoin: rejoin, stuck: func() error { return nil }, produces: Config{}.ServeProducerReport}
			tc.live(h, &clock)
			routes := h.routes(prometheus.NewRegistry())
			for path, want := range map[string]int{"/healthz": tc.alive, "/readyz": tc.ready, "/metrics": http.StatusOK} {
				answer := httptest.NewRecorder()
				routes.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
				if answer.Code != want {
					t.Errorf("%s\nGET %s: %d %s, want %d", tc.reason, path, answer.Code, answer.Body, want)
				}
			}
		})
	}
}
