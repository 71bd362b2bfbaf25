package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// process is a program of ours that runs beside.
type process struct {
	*exec.Cmd
	ended chan struct{}
}

// startProcess builds a package and runs it until stop; its output goes to a file.
func startProcess(ctx context.Context, folder, pkg string, env []string, args ...string) (*process, error) {
	name := strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "-")
	binary := filepath.Join(folder, name)
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, pkg).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w: %s", pkg, err, out)
	}
	log, err := os.Create(filepath.Join(folder, name+".log"))
	if err != nil {
		return nil, err
	}
	p := &process{Cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = log, log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", pkg, err)
	}
	go func() {
		_ = p.Wait()
		_ = log.Close()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) stop() {
	_ = p.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		_ = p.Process.Kill()
	}
}

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the manager's processor time: %w", err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	user, userErr := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	const ticks = 100 // USER_HZ of Linux
	return time.Duration(user+system) * time.Second / ticks, errors.Join(userErr, systemErr)
}

// rssMB is the resident memory of a process.
func rssMB(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("read the resident memory: %w", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(raw))[1])
	return float64(pages*os.Getpagesize()) / (1 << 20), err
}

// scrape sums a metric of the manager over all label sets that match.
func scrape(ctx context.Context, address, name string, labels map[string]string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("scrape the manager: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, metric := range families[name].GetMetric() {
		matches := 0
		for _, label := range metric.GetLabel() {
			if want, asked := labels[label.GetName()]; asked && want == label.GetValue() {
				matches++
			}
		}
		if matches == len(labels) {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return sum, nil
}

// freeAddress is a loopback address that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
