package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
)

// lagBrokers is the brokers' process.
type lagBrokers struct {
	process *exec.Cmd
	ready   lagBrokerReady
}

func startLagBrokers(ctx context.Context, shape lagShape) (*lagBrokers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	process := exec.CommandContext(ctx, self, append([]string{lagBrokerName}, shape.args()...)...)
	process.Stderr = os.Stderr
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if _, err := process.StdinPipe(); err != nil { // open until we end
		return nil, fmt.Errorf("open the brokers' input: %w", err)
	}
	output, err := process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open the brokers' output: %w", err)
	}
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("start the brokers: %w", err)
	}
	b := &lagBrokers{process: process}
	if err := json.NewDecoder(output).Decode(&b.ready); err != nil {
		b.stop()
		return nil, fmt.Errorf("wait for the brokers: %w", err)
	}
	return b, nil
}

func (b *lagBrokers) stop() {
	_ = b.process.Process.Kill() // it keeps nothing
	_ = b.process.Wait()
}

func (b *lagBrokers) reading(ctx context.Context) (meterReading, error) {
	var reading meterReading
	response, err := b.call(ctx, http.MethodGet, "/reading")
	if err != nil {
		return reading, err
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&reading); err != nil {
		return reading, fmt.Errorf("read the meter: %w", err)
	}
	return reading, nil
}

func (b *lagBrokers) move(ctx context.Context) error {
	response, err := b.call(ctx, http.MethodPost, "/move")
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (b *lagBrokers) call(ctx context.Context, method, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, b.ready.Control+path, nil)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return response, nil
}
