//go:build linux

package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// checkTimeout bounds one question to a component.
const checkTimeout = 2 * time.Second

// Checker asks components for their health, from inside the node or from the host.
type Checker struct {
	client *http.Client
}

// NewChecker trusts the authority of the cluster whose certificates are in the folder pki.
func NewChecker(pki string) (*Checker, error) {
	authority, err := os.ReadFile(filepath.Join(pki, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("read the cluster's authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("no certificate in %q", filepath.Join(pki, "ca.crt"))
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	return &Checker{client: &http.Client{Transport: transport, Timeout: checkTimeout}}, nil
}

// Check returns nil when the component works.
func (c *Checker) Check(ctx context.Context, health Health) error {
	if health.Socket != "" {
		connection, err := (&net.Dialer{Timeout: checkTimeout}).DialContext(ctx, "unix", health.Socket)
		if err != nil {
			return err
		}
		return connection.Close()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, health.URL, nil)
	if err != nil {
		return err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", health.URL, response.Status)
	}
	return nil
}
