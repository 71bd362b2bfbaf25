package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

const (
	// reportTimeout is for the whole of one request.
	reportTimeout = 2 * time.Second
	// maxReport is the largest answer, headers and body each.
	maxReport = 4 << 10
)

// What a pod did instead of a report. These are shown in a status: the words are
// the same for the same trouble, and none of them is the pod's.
var (
	errSilent      = fmt.Errorf("did not answer within %s", reportTimeout)
	errRefused     = errors.New("refused the connection")
	errUnreachable = errors.New("could not be reached, or gave no answer that can be read")
	errTooLong     = fmt.Errorf("answered with more than %d bytes", maxReport)
	errNoReport    = errors.New("answered with something that is no report of a producer")
)

// reportTarget is a start of a container, and where it can be asked.
type reportTarget struct {
	// start is empty while it does not run.
	start string
	// url is empty while it is not ready.
	url string
}

// reportTargetOf finds out where to ask: the port of the container's readiness
// probe, else of its liveness probe, on which the kubelet asks as well.
func reportTargetOf(pod *corev1.Pod, container string) (reportTarget, error) {
	if pod.Spec.HostNetwork {
		return reportTarget{}, errHostNetwork
	}
	port, ok := probePort(pod.Spec, container)
	if !ok {
		return reportTarget{}, errNoProbe
	}
	statuses := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses)
	at := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == container })
	if at < 0 || statuses[at].State.Running == nil {
		return reportTarget{}, nil
	}
	target := reportTarget{start: statuses[at].ContainerID + "/" + strconv.Itoa(int(statuses[at].RestartCount))}
	if statuses[at].Ready && net.ParseIP(pod.Status.PodIP) != nil {
		target.url = "http://" + net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(port)) + workerconfig.ReportPath
	}
	return target, nil
}

// probePort is the port of the container's httpGet probe over HTTP.
func probePort(spec corev1.PodSpec, container string) (int, bool) {
	containers := slices.Concat(spec.Containers, spec.InitContainers)
	at := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == container })
	if at < 0 {
		return 0, false
	}
	c := containers[at]
	for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Scheme == corev1.URISchemeHTTPS {
			continue
		}
		if port, ok := portOf(c, probe.HTTPGet.Port); ok {
			return port, true
		}
	}
	return 0, false
}

func portOf(c corev1.Container, port intstr.IntOrString) (int, bool) {
	if port.Type == intstr.Int {
		return port.IntValue(), true
	}
	at := slices.IndexFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == port.StrVal })
	if at < 0 {
		return 0, false
	}
	return int(c.Ports[at].ContainerPort), true
}

// reportClient asks the pod and nobody else: by no proxy, and not where the pod
// sends it. Connections are not kept: a pod is asked once.
func reportClient() *http.Client {
	return &http.Client{
		Timeout: reportTimeout,
		Transport: &http.Transport{
			Proxy: nil, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxReport,
			DialContext: (&net.Dialer{Timeout: reportTimeout}).DialContext,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// askFor asks one pod.
func askFor(ctx context.Context, client *http.Client, address string) producerReport {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return producerReport{err: errUnreachable}
	}
	answer, err := client.Do(request)
	if err != nil {
		return producerReport{err: reportTrouble(err)}
	}
	defer func() { _ = answer.Body.Close() }() // what was read is enough
	if answer.StatusCode != http.StatusOK {
		return producerReport{err: fmt.Errorf("answers GET %s with status %d", workerconfig.ReportPath, answer.StatusCode)}
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxReport+1))
	switch {
	case err != nil:
		return producerReport{err: reportTrouble(err)}
	case len(raw) > maxReport:
		return producerReport{err: errTooLong}
	}
	return readReport(raw)
}

// Forms of what a report says: it is shown in a status, so that nothing else may be in it.
var (
	policyForm = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]{0,252}/[a-z0-9][a-z0-9.-]{0,252})?$`)
	hashForm   = regexp.MustCompile(`^([0-9a-f]{16}|` + workerconfig.HashNotInForce + `)?$`)
)

func readReport(raw []byte) producerReport {
	var said struct{ Policy, Hash *string }
	err := json.Unmarshal(raw, &said)
	if err != nil || said.Policy == nil || said.Hash == nil || !policyForm.MatchString(*said.Policy) || !hashForm.MatchString(*said.Hash) {
		return producerReport{err: errNoReport}
	}
	return producerReport{policy: *said.Policy, hash: *said.Hash}
}

func reportTrouble(err error) error {
	var waited net.Error
	switch {
	case errors.As(err, &waited) && waited.Timeout():
		return errSilent
	case errors.Is(err, syscall.ECONNREFUSED):
		return errRefused
	}
	return errUnreachable
}
