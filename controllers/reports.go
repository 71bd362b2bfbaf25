package controllers

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// Reports is what pods say of their producers. A process reads its settings once,
// at its start, so each container is asked once for each of its starts, over HTTP,
// when it is ready; one that did not answer is asked again, less and less often.
//
//	Of, ready ──> due ──> asked ──> answered: held until the container starts anew
//	                ^         └─ failed: due again in 1 s, 2 s, 4 s ... 5 min
//	                `──────────────┘
//	no Of for 2 min: not asked; for 10 min: forgotten
type Reports struct {
	// Clock tells the time; the real one if nil.
	Clock clock.WithTicker

	mu    sync.Mutex
	asked map[reportKey]*heldReport
	told  []func(reportOwner)
	wakes chan struct{}
}

// producerReport is what a container of a pod said: the policy and the hash of
// what its producers were made of, or why it said nothing.
type producerReport struct {
	policy, hash string
	err          error
}

// reportKey is a container of a pod.
type reportKey struct {
	pod       types.UID
	container string
}

// reportOwner is who a pod's answer is news to, by the pod's labels.
type reportOwner struct {
	namespace string
	labels    map[string]string
}

// heldReport is one start of a container.
type heldReport struct {
	// start is another one when the container has started anew.
	start string
	// url is where it answers.
	url   string
	owner reportOwner
	// report is what it said last, nil before that.
	report   *producerReport
	due      time.Time
	asking   bool
	failures int
	// wanted is when somebody asked for it last.
	wanted time.Time
}

const (
	// reportsAtOnce bounds the requests that are under way: of pods that never
	// answer these are 16 a second.
	reportsAtOnce = 32
	// firstReportRetry doubles up to longestReportRetry: 1,000 pods that never
	// answer are asked 3 times a second in sum.
	firstReportRetry   = time.Second
	longestReportRetry = 5 * time.Minute
	// reportsLook is how often what is due again is looked for.
	reportsLook = time.Second
	// reportUnwanted is after what time a pod of which nobody wants to know is
	// asked no more, reportForgotten when it is forgotten: policies look every 30 s.
	reportUnwanted  = 2 * time.Minute
	reportForgotten = 10 * time.Minute
)

// What keeps a pod from being asked, whatever it would say.
var (
	errHostNetwork = errors.New("is on the network of its node, where the address is not its own, and is not asked")
	errNoProbe     = errors.New("has no httpGet probe over HTTP, whose port is asked for what it runs")
)

// onReport registers who is told when the answer of a pod is another than before.
func (r *Reports) onReport(tell func(reportOwner)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, tell)
}

// Of is what the container of the pod said when it was asked; false while it has
// not been. To ask is to want: the pod is asked in the background, and whoever
// onReport has registered is told.
func (r *Reports) Of(pod *corev1.Pod, container string) (producerReport, bool) {
	target, err := reportTargetOf(pod, container)
	switch {
	case err != nil:
		return producerReport{err: err}, true
	case target.start == "":
		return producerReport{}, false // it does not run yet
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.hold(reportKey{pod.UID, container}, pod, target)
	if held.report == nil {
		return producerReport{}, false
	}
	return *held.report, true
}

// hold is what is held of this start of the container. The caller holds the lock.
func (r *Reports) hold(key reportKey, pod *corev1.Pod, target reportTarget) *heldReport {
	now := r.clock().Now()
	held := r.asked[key]
	if held == nil || held.start != target.start {
		held = &heldReport{start: target.start, due: now}
		if r.asked == nil {
			r.asked = map[reportKey]*heldReport{}
		}
		r.asked[key] = held
	}
	held.url, held.wanted, held.owner = target.url, now, reportOwner{pod.Namespace, pod.Labels}
	if held.ready() && !held.asking && !held.due.After(now) {
		r.wake()
	}
	return held
}

func (r *Reports) clock() clock.WithTicker {
	if r.Clock == nil {
		return clock.RealClock{}
	}
	return r.Clock
}

// wakeup is filled where something is due. The caller holds the lock.
func (r *Reports) wakeup() chan struct{} {
	if r.wakes == nil {
		r.wakes = make(chan struct{}, 1)
	}
	return r.wakes
}

func (r *Reports) wake() {
	select {
	case r.wakeup() <- struct{}{}:
	default: // it is awake
	}
}

// ready: the container was ready when it was wanted last, and has something to say.
func (h *heldReport) ready() bool {
	return h.url != "" && (h.report == nil || h.report.err != nil)
}

// Start asks who is due, until ctx is done.
func (r *Reports) Start(ctx context.Context) error {
	r.mu.Lock()
	wake := r.wakeup()
	r.mu.Unlock()
	tick := r.clock().NewTicker(reportsLook)
	defer tick.Stop()
	a := newAsker()
	defer a.asking.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C():
		case <-wake:
		}
		r.askDue(ctx, a)
	}
}

// asker is what asks, several at once.
type asker struct {
	client *http.Client
	slots  chan struct{}
	asking sync.WaitGroup
}

func newAsker() *asker {
	return &asker{client: reportClient(), slots: make(chan struct{}, reportsAtOnce)}
}

// askDue begins to ask those that are due. It waits for a slot, not for answers.
func (r *Reports) askDue(ctx context.Context, a *asker) {
	for _, due := range r.takeDue() {
		a.slots <- struct{}{}
		a.asking.Go(func() {
			defer func() { <-a.slots }()
			r.take(due, askFor(ctx, a.client, due.url))
		})
	}
}

// dueReport is one to be asked: the start that it was due for, and where.
type dueReport struct {
	*heldReport
	url string
}

// takeDue are those to be asked now, those that failed the least first, and
// forgets those that nobody wants.
func (r *Reports) takeDue() []dueReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock().Now()
	var due []dueReport
	for key, held := range r.asked {
		unwanted := now.Sub(held.wanted)
		switch {
		case unwanted > reportForgotten && !held.asking:
			delete(r.asked, key)
		case held.ready() && !held.asking && !held.due.After(now) && unwanted <= reportUnwanted:
			held.asking = true
			due = append(due, dueReport{held, held.url})
		}
	}
	slices.SortFunc(due, func(a, b dueReport) int { return cmp.Compare(a.failures, b.failures) })
	return due
}

// take holds an answer. That of a start that is over is of no use to anybody, and
// is not found any more.
func (r *Reports) take(of dueReport, said producerReport) {
	r.mu.Lock()
	held := of.heldReport
	before := held.report
	held.report, held.asking = &said, false
	if said.err != nil {
		held.due = r.clock().Now().Add(min(longestReportRetry, firstReportRetry<<min(held.failures, 20)))
		held.failures++
	}
	owner, told := held.owner, slices.Clone(r.told)
	r.mu.Unlock()
	if before == nil || !said.same(*before) {
		for _, tell := range told {
			tell(owner)
		}
	}
}

// same: it says nothing else.
func (p producerReport) same(other producerReport) bool {
	words := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	return p.policy == other.policy && p.hash == other.hash && words(p.err) == words(other.err)
}
