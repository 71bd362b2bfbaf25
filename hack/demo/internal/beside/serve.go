// Package beside is the process that a demo runs beside the cluster: the
// broker, and the tally of what the workers have handled. It is a process of
// its own so that it can stay when the demo ends.
package beside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
)

const headerTimeout = 5 * time.Second

// Options say where the process is reached.
type Options struct {
	Broker broker.Options
	// Apache runs Apache Kafka in place of the embedded broker.
	Apache bool
	// TallyListen is the host:port to which workers report.
	TallyListen string
}

// Serve runs until the context is done, the lifeline ends or it is told to
// stop. Once all works it writes one line to ready: the address on this host
// that answers to a Process.
func Serve(ctx context.Context, options Options, lifeline io.Reader, ready io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	end, err := options.startBroker(ctx)
	if err != nil {
		return err
	}
	defer end()
	counted := tally.New()
	workers, err := net.Listen("tcp", options.TallyListen)
	if err != nil {
		return fmt.Errorf("listen for the tally on %q: %w", options.TallyListen, err)
	}
	defer serve(workers, counted.Handler())()
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the demo: %w", err)
	}
	defer serve(control, controls(counted, stop))()
	if _, err := fmt.Fprintln(ready, control.Addr()); err != nil {
		return fmt.Errorf("tell that the broker is ready: %w", err)
	}
	if lifeline != nil {
		go func() { // ends with the process at the latest
			_, _ = io.Copy(io.Discard, lifeline) // its end is all that matters
			stop()
		}()
	}
	<-ctx.Done()
	return nil
}

// startBroker returns what ends the broker.
func (o Options) startBroker(ctx context.Context) (end func(), err error) {
	if !o.Apache {
		embedded, err := broker.Start(o.Broker)
		if err != nil {
			return nil, err
		}
		return embedded.Close, nil
	}
	listener := apache.Listener{Listen: []string{o.Broker.Listen}}
	if o.Broker.Advertise != "" {
		listener.Advertise = []string{o.Broker.Advertise}
	}
	real, err := apache.Start(ctx, apache.Options{Listeners: []apache.Listener{listener}, Topics: o.Broker.Topics})
	if err != nil {
		return nil, err
	}
	return func() { _ = real.Close() }, nil // what may be left is its temporary folder
}

func controls(counted *tally.Server, stop func()) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /counts", counted.Handler())
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		stop()
	})
	return mux
}

// serve answers until the result is called, which lets what is being answered end.
func serve(listener net.Listener, handler http.Handler) (end func()) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // the listener is ours and open
		}
	})
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // whoever still waits gets no answer
		}
		serving.Wait()
	}
}
