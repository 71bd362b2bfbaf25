// Probe is the program of the test's pod: it asks the API server by its Service address with the pod's own token, and
// then serves "ready". Called with arguments it answers them, for kubectl exec.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() {
	if len(os.Args) > 1 {
		if err := answer(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

// answer knows "get URL" and "status", the kernel's view of this process; it repeats anything else.
func answer(verb string, args []string) error {
	switch verb {
	case "get":
		response, err := http.Get(args[0])
		if err != nil {
			return err
		}
		defer response.Body.Close() //nolint:errcheck // nothing was written
		_, err = io.Copy(os.Stdout, response.Body)
		return err
	case "status":
		content, err := os.ReadFile("/proc/self/status")
		fmt.Print(string(content))
		return err
	default:
		fmt.Println(verb, strings.Join(args, " "))
		return nil
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for _, file := range []string{"/config/greeting", "/secret/password"} {
		if _, err := os.ReadFile(file); err != nil {
			return err
		}
	}
	version, err := askAPIServer()
	if err != nil {
		return err
	}
	fmt.Println("the API server answers as", version)
	if err := os.WriteFile("/tmp/scratch", nil, 0o600); err != nil {
		return err
	}
	return serve(ctx)
}

// serve answers until the pod is told to end.
func serve(ctx context.Context) error {
	server := &http.Server{Addr: ":8080", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ready")
	})}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func askAPIServer() (string, error) {
	config, err := rest.InClusterConfig() // KUBERNETES_SERVICE_HOST is the Service's address
	if err != nil {
		return "", err
	}
	config.Timeout = 10 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", err
	}
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return "", err
	}
	return version.GitVersion, nil
}
