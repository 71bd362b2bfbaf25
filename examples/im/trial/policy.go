package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/examples/im/gateway"
	"github.com/lagrange-operator/lagrange/examples/im/policy"
)

// handOut does what Lagrange does in a pod: the policy's file is there, and the
// environment says where, for this program and the workers that it starts.
func handOut(out io.Writer) (report workerconfig.ProducerReport, withdraw func() error, err error) {
	manifest, err := policy.Load()
	if err != nil {
		return report, nil, err
	}
	folder, err := os.MkdirTemp("", "lagrange-im-policy-")
	if err != nil {
		return report, nil, fmt.Errorf("make a folder for the producer policy: %w", err)
	}
	file := policy.Render(manifest)
	path := filepath.Join(folder, file.Name)
	err = errors.Join(os.WriteFile(path, []byte(file.Content), 0o600), os.Setenv(workerconfig.EnvProducerConfig, path))
	withdraw = func() error { return errors.Join(os.Unsetenv(workerconfig.EnvProducerConfig), os.RemoveAll(folder)) }
	if err != nil {
		return report, nil, fmt.Errorf("hand out the producer policy: %w", errors.Join(err, withdraw()))
	}
	report = workerconfig.ProducerReport{Policy: manifest.Namespace + "/" + manifest.Name, Hash: file.Hash}
	_, _ = fmt.Fprintf(out, "producers get policy %s, durability %s, hash %s\n", report.Policy, manifest.Spec.Durability, report.Hash)
	return report, withdraw, nil
}

// inForce asks gateway and workers what the operator asks pods, and returns once
// all have the policy in force.
func (r *round) inForce(ctx context.Context, gateway *gateway.Gateway) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the gateway: %w", err)
	}
	server := &http.Server{Handler: gateway.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer func() { _ = server.Close() }()      // it has answered
	if err := r.reports(ctx, "the gateway", listener.Addr().String()); err != nil {
		return err
	}
	for _, m := range r.crew.members {
		if err := r.reports(ctx, m.name, m.port.Address); err != nil {
			return err
		}
	}
	r.tell("the gateway and %d workers report policy %s, hash %s", len(r.crew.members), r.policy.Policy, r.policy.Hash)
	return nil
}

// reports waits until a program answers. What it says stays so: it has read its
// policy once.
func (r *round) reports(ctx context.Context, name, address string) error {
	var got workerconfig.ProducerReport
	err := r.until(ctx, name+" says how it produces", func(ctx context.Context) (err error) {
		got, err = ask(ctx, "http://"+address+workerconfig.ReportPath)
		return err
	})
	if err == nil && got != r.policy {
		err = fmt.Errorf("%s reports policy %q, hash %q, want policy %q, hash %q", name, got.Policy, got.Hash, r.policy.Policy, r.policy.Hash)
	}
	return err
}

func ask(ctx context.Context, url string) (report workerconfig.ProducerReport, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return report, fmt.Errorf("ask %s: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return report, fmt.Errorf("ask %s: %w", url, err)
	}
	defer func() { _ = response.Body.Close() }() // it was read
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
		return report, fmt.Errorf("read what %s answers with status %s: %w", url, response.Status, err)
	}
	return report, nil
}
