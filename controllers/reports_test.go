package controllers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	testclock "k8s.io/utils/clock/testing"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

const reportedHash = "0123456789abcdef"

// saying is a pod's server that counts who asks for a report.
type saying struct {
	*httptest.Server
	asked atomic.Int32
}

func newSaying(t *testing.T, answer http.HandlerFunc) *saying {
	t.Helper()
	s := &saying{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+workerconfig.ReportPath, func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		answer(w, r)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func says(content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(content)) }
}

var inForceReport = says(`{"policy":"shop/orders","hash":"` + reportedHash + `"}`)

// podAt is a pod whose worker container is ready and answers at the address.
func podAt(t *testing.T, name, address string) *corev1.Pod {
	t.Helper()
	host, text, err := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{groupLabel: "orders"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "sidecar"},
			{Name: workerconfig.ContainerName, ReadinessProbe: httpProbe(intstr.FromInt(port))},
		}},
		Status: corev1.PodStatus{PodIP: host, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "sidecar", Ready: true, ContainerID: "c0"},
			{Name: workerconfig.ContainerName, Ready: true, ContainerID: "c1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}},
	}
}

func httpProbe(port intstr.IntOrString) *corev1.Probe {
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: port}}}
}

// asking is Reports whose requests the test starts and waits for.
type asking struct {
	*Reports
	clock *testclock.FakeClock
	told  atomic.Int32
}

func newAsking() *asking {
	a := &asking{clock: testclock.NewFakeClock(noon)}
	a.Reports = &Reports{Clock: a.clock}
	a.onReport(func(owner reportOwner) {
		if owner.namespace == "shop" && owner.labels[groupLabel] == "orders" {
			a.told.Add(1)
		}
	})
	return a
}

// step asks all that are due, and waits for them.
func (a *asking) step(ctx context.Context) {
	asker := newAsker()
	a.askDue(ctx, asker)
	asker.asking.Wait()
}

// answerOf is what a pod said, after it was asked if it was due.
func (a *asking) answerOf(pod *corev1.Pod) (producerReport, bool) {
	a.Of(pod, workerconfig.ContainerName)
	a.step(context.Background())
	return a.Of(pod, workerconfig.ContainerName)
}

// TestAPodIsAskedOnceForEachStart: its process has read its settings, once.
func TestAPodIsAskedOnceForEachStart(t *testing.T) {
	server, a := newSaying(t, inForceReport), newAsking()
	pod := podAt(t, "a", server.URL)
	if _, asked := a.Of(pod, workerconfig.ContainerName); asked {
		t.Error("it is said to have answered before it was asked")
	}
	for range 3 {
		if got, asked := a.answerOf(pod); !asked || got != (producerReport{policy: "shop/orders", hash: reportedHash}) {
			t.Errorf("answer %+v, %t", got, asked)
		}
		a.clock.Step(longestReportRetry)
	}
	if got := server.asked.Load(); got != 1 || a.told.Load() != 1 {
		t.Errorf("asked %d times, and told of %d answers, want one", got, a.told.Load())
	}
	pod.Status.ContainerStatuses[1].RestartCount++
	pod.Status.ContainerStatuses[1].ContainerID = "c2"
	if _, asked := a.Of(pod, workerconfig.ContainerName); asked {
		t.Error("the answer of the start before is taken for that of this one")
	}
	if got, asked := a.answerOf(pod); !asked || got.hash != reportedHash || server.asked.Load() != 2 {
		t.Errorf("after a restart: %+v, %t, asked %d times; want it asked once more", got, asked, server.asked.Load())
	}
}

// TestWhatPodsAnswer: what is no report is named in our own words, never in the pod's.
func TestWhatPodsAnswer(t *testing.T) {
	elsewhere := newSaying(t, inForceReport)
	cases := map[string]struct {
		reason string
		answer http.HandlerFunc
		want   producerReport
	}{
		"InForce":     {"the hash", inForceReport, producerReport{policy: "shop/orders", hash: reportedHash}},
		"NoFile":      {"a process that read no file", says(`{"policy":"","hash":""}`), producerReport{}},
		"NotInForce":  {"a program that set its own", says(`{"policy":"shop/orders","hash":"notInForce"}`), producerReport{policy: "shop/orders", hash: workerconfig.HashNotInForce}},
		"More":        {"what a newer one says besides is not ours to read", says(`{"policy":"","hash":"","more":1}`), producerReport{}},
		"NotJSON":     {"a page", says("<html>hello</html>"), producerReport{err: errNoReport}},
		"OtherJSON":   {"another program's JSON", says(`{"status":"up"}`), producerReport{err: errNoReport}},
		"List":        {"JSON of another kind", says(`["a"]`), producerReport{err: errNoReport}},
		"WrongHash":   {"words for people to read in the status", says(`{"policy":"shop/orders","hash":"call this number"}`), producerReport{err: errNoReport}},
		"WrongPolicy": {"the same", says(`{"policy":"shop/orders\nAll is well","hash":""}`), producerReport{err: errNoReport}},
		"Empty":       {"nothing", says(""), producerReport{err: errNoReport}},
		"Huge":        {"more than we read", says(`{"policy":"","hash":"` + strings.Repeat("0", maxReport) + `"}`), producerReport{err: errTooLong}},
		"Endless":     {"it never stops", endless, producerReport{err: errTooLong}},
		"HugeHeader":  {"the same in a header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 8*maxReport)) }, producerReport{err: errUnreachable}},
		"Missing":     {"no such path", http.NotFound, producerReport{err: fmt.Errorf("answers GET /producer with status 404")}},
		"Redirects":   {"it sends us to another host", http.RedirectHandler(elsewhere.URL+workerconfig.ReportPath, http.StatusFound).ServeHTTP, producerReport{err: fmt.Errorf("answers GET /producer with status 302")}},
		"HangsUp":     {"it ends the connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, producerReport{err: errUnreachable}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, asked := newAsking().answerOf(podAt(t, "a", newSaying(t, tc.answer).URL))
			if !asked || !got.same(tc.want) {
				t.Errorf("%s: %+v, %t; want %+v", tc.reason, got, asked, tc.want)
			}
		})
	}
	if elsewhere.asked.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := w.Write([]byte(strings.Repeat(" ", maxReport))); err != nil {
			return
		}
	}
}

// TestAPodThatDoesNotAnswerIsGivenUp, slow headers and slow body alike.
func TestAPodThatDoesNotAnswerIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	wait := func(begin bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if begin {
				_, _ = w.Write([]byte("{"))
				_ = http.NewResponseController(w).Flush()
			}
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	}
	a := newAsking()
	pods := []*corev1.Pod{podAt(t, "head", newSaying(t, wait(false)).URL), podAt(t, "body", newSaying(t, wait(true)).URL)}
	for _, pod := range pods {
		a.Of(pod, workerconfig.ContainerName)
	}
	a.step(context.Background())
	for _, pod := range pods {
		if got, _ := a.Of(pod, workerconfig.ContainerName); got.err != errSilent { //nolint:errorlint // the very same
			t.Errorf("%s: %v, want %v", pod.Name, got.err, errSilent)
		}
	}
}

// TestAPodThatFailedIsAskedAgain after 1, 2, 4 ... seconds, 5 minutes at most, for
// as long as somebody wants to know; the same failure is told once.
func TestAPodThatFailedIsAskedAgain(t *testing.T) {
	var content atomic.Value
	content.Store("")
	server, a := newSaying(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(content.Load().(string))) }), newAsking()
	pod := podAt(t, "a", server.URL)
	asks := int32(0)
	for _, pause := range []time.Duration{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		if pause > 0 {
			a.clock.Step(pause*time.Second - time.Millisecond)
			if a.answerOf(pod); server.asked.Load() != asks {
				t.Fatalf("asked again before %d s were over", pause)
			}
			a.clock.Step(time.Millisecond)
		}
		asks++
		if got, _ := a.answerOf(pod); server.asked.Load() != asks || got.err == nil {
			t.Fatalf("asked %d times %d s after a failure, answer %+v; want %d", server.asked.Load(), pause, got, asks)
		}
	}
	if a.told.Load() != 1 {
		t.Errorf("told of %d answers, want one: it is the same", a.told.Load())
	}
	content.Store(`{"policy":"","hash":""}`)
	a.clock.Step(longestReportRetry)
	if got, asked := a.answerOf(pod); !asked || got.err != nil || a.told.Load() != 2 {
		t.Errorf("once it answers: %+v, %t, told of %d", got, asked, a.told.Load())
	}
}

// TestRefused is of a pod at whose port nobody listens.
func TestRefused(t *testing.T) {
	server := newSaying(t, inForceReport)
	pod := podAt(t, "a", server.URL)
	server.Close()
	if got, asked := newAsking().answerOf(pod); !asked || got.err != errRefused { //nolint:errorlint // the very same
		t.Errorf("answer %+v, %t; want %v", got, asked, errRefused)
	}
}

// TestWhereAPodIsAsked: at the port of the container's own probes, and some not at all.
func TestWhereAPodIsAsked(t *testing.T) {
	other := intstr.FromInt(1)
	cases := map[string]struct {
		reason string
		change func(*corev1.Pod, *corev1.Container)
		want   error
		silent bool
	}{
		"Readiness":   {reason: "the first choice", change: func(_ *corev1.Pod, c *corev1.Container) { c.LivenessProbe = httpProbe(other) }},
		"Liveness":    {reason: "the second", change: func(_ *corev1.Pod, c *corev1.Container) { c.ReadinessProbe, c.LivenessProbe = nil, c.ReadinessProbe }},
		"ByName":      {reason: "a port of the container by its name", change: nameThePort},
		"HostNetwork": {reason: "its address is the node's, where others listen", change: func(p *corev1.Pod, _ *corev1.Container) { p.Spec.HostNetwork = true }, want: errHostNetwork},
		"NoProbe":     {reason: "no port is known", change: func(_ *corev1.Pod, c *corev1.Container) { c.ReadinessProbe = nil }, want: errNoProbe},
		"Exec":        {reason: "a probe without a port", change: func(_ *corev1.Pod, c *corev1.Container) { c.ReadinessProbe = &corev1.Probe{} }, want: errNoProbe},
		"HTTPS":       {reason: "whose certificate nobody could check", change: func(_ *corev1.Pod, c *corev1.Container) { c.ReadinessProbe.HTTPGet.Scheme = corev1.URISchemeHTTPS }, want: errNoProbe},
		"NoSuchPort":  {reason: "a name that no port has", change: func(_ *corev1.Pod, c *corev1.Container) { c.ReadinessProbe = httpProbe(intstr.FromString("http")) }, want: errNoProbe},
		"NotReady":    {reason: "it would refuse", change: func(p *corev1.Pod, _ *corev1.Container) { p.Status.ContainerStatuses[1].Ready = false }, silent: true},
		"NotRunning":  {reason: "there is nobody", change: func(p *corev1.Pod, _ *corev1.Container) { p.Status.ContainerStatuses[1].State.Running = nil }, silent: true},
		"NoAddress":   {reason: "it has none yet", change: func(p *corev1.Pod, _ *corev1.Container) { p.Status.PodIP = "" }, silent: true},
		"NoIP":        {reason: "a pod's address is an IP address and nothing else", change: func(p *corev1.Pod, _ *corev1.Container) { p.Status.PodIP = "localhost" }, silent: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := newSaying(t, inForceReport)
			pod := podAt(t, "a", server.URL)
			tc.change(pod, &pod.Spec.Containers[1])
			got, asked := newAsking().answerOf(pod)
			reached := tc.want == nil && !tc.silent
			if asked == tc.silent || got.err != tc.want || (server.asked.Load() > 0) != reached || (got.hash != "") != reached { //nolint:errorlint // the very same
				t.Errorf("%s: %+v, %t, asked %d times", tc.reason, got, asked, server.asked.Load())
			}
		})
	}
}

func nameThePort(_ *corev1.Pod, c *corev1.Container) {
	port := c.ReadinessProbe.HTTPGet.Port
	c.Ports = []corev1.ContainerPort{{Name: "other", ContainerPort: 1}, {Name: "probes", ContainerPort: port.IntVal}}
	c.ReadinessProbe = httpProbe(intstr.FromString("probes"))
}

// TestPodsThatNobodyWantsAreForgotten, and before that not asked again.
func TestPodsThatNobodyWantsAreForgotten(t *testing.T) {
	failing, good, a := newSaying(t, http.NotFound), newSaying(t, inForceReport), newAsking()
	gone, there := podAt(t, "gone", failing.URL), podAt(t, "there", good.URL)
	a.answerOf(gone)
	for range int(reportForgotten/time.Minute) + 1 {
		a.answerOf(there)
		a.clock.Step(time.Minute)
	}
	a.step(context.Background())
	if asked := failing.asked.Load(); asked > 3 {
		t.Errorf("a pod that is gone was asked %d times", asked)
	}
	if held := len(a.asked); held != 1 || a.asked[reportKey{"there", workerconfig.ContainerName}] == nil {
		t.Errorf("%d pods are held, want the one that is there: %v", held, a.asked)
	}
	if good.asked.Load() != 1 {
		t.Errorf("the pod that is there was asked %d times", good.asked.Load())
	}
}

// TestFewAreAskedAtOnce: as many as there are slots, one more for each that is
// answered, and all in the end.
func TestFewAreAskedAtOnce(t *testing.T) {
	const pods = 3 * reportsAtOnce
	var now, most atomic.Int32
	arrived, answer := make(chan struct{}, pods), make(chan struct{})
	server := newSaying(t, func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		arrived <- struct{}{}
		<-answer
		now.Add(-1)
		inForceReport(w, r)
	})
	a := newAsking()
	for i := range pods {
		a.Of(podAt(t, strconv.Itoa(i), server.URL), workerconfig.ContainerName)
	}
	var asking sync.WaitGroup
	asking.Go(func() { a.step(context.Background()) })
	for range reportsAtOnce {
		<-arrived
	}
	for range pods - reportsAtOnce {
		answer <- struct{}{}
		<-arrived
	}
	close(answer)
	asking.Wait()
	if most.Load() != reportsAtOnce || server.asked.Load() != pods || a.told.Load() != pods {
		t.Errorf("%d at once, %d in all, %d told; want %d and %d", most.Load(), server.asked.Load(), a.told.Load(), reportsAtOnce, pods)
	}
}

// TestReportsRun: in the manager a pod is asked by itself once somebody wants to
// know, and when it is due again; and nothing is left when it ends.
func TestReportsRun(t *testing.T) {
	first := make(chan struct{}, 1)
	server, a := newSaying(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case first <- struct{}{}:
			http.NotFound(w, r)
		default:
			inForceReport(w, r)
		}
	}), newAsking()
	told := make(chan struct{}, 10)
	a.onReport(func(reportOwner) { told <- struct{}{} })
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- a.Start(ctx) }()
	pod := podAt(t, "a", server.URL)
	a.Of(pod, workerconfig.ContainerName)
	<-told // by then the ticker is there
	a.clock.Step(reportsLook)
	<-told
	if got, _ := a.Of(pod, workerconfig.ContainerName); got.hash != reportedHash {
		t.Errorf("answer %+v", got)
	}
	end()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}
