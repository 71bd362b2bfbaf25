package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// beWorker makes the test's own binary a worker, which is described by it.
const beWorker = "LAGRANGE_TEST_SCHEDULED_WORKER"

// described is what a worker process is given.
type described struct {
	Name     string
	Number   int
	Settings settings
	// Tell is where it tells what it does.
	Tell string
}

// report is what a worker process tells; each one is answered.
type report struct {
	Worker              string
	Begin               *seen       `json:",omitempty"`
	Done                []seen      `json:",omitempty"`
	Failed              *seen       `json:",omitempty"`
	Lines               string      `json:",omitempty"`
	Opened              []partition `json:",omitempty"`
	Counted, Rebalances int64
}

// workerProcess is main of a worker process. It ends with 1 when Run fails, and
// has logged why.
func workerProcess(raw string) int {
	var d described
	if err := json.Unmarshal([]byte(raw), &d); err != nil {
		panic(err)
	}
	conn, err := net.Dial("tcp", d.Tell)
	if err != nil {
		panic(err)
	}
	tell := &remote{answers: json.NewDecoder(conn), reports: json.NewEncoder(conn)}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	h := hand{d.Name, d.Number, d.Settings, tell}
	if err := h.run(ctx); err != nil {
		tell.logged(h.id(), fmt.Sprintf("Run: %v\n", err))
		return exitCode(err)
	}
	return 0
}

// remote tells the record through a connection.
type remote struct {
	mutex   sync.Mutex
	answers *json.Decoder
	reports *json.Encoder
}

// tell returns when the record has the report. Without the test there is
// nothing left to do for a worker.
func (r *remote) tell(is report) (answer content) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.reports.Encode(is) != nil || r.answers.Decode(&answer) != nil {
		os.Exit(3)
	}
	return answer
}

func (r *remote) begin(worker string, msg seen) content {
	return r.tell(report{Worker: worker, Begin: &msg})
}

func (r *remote) done(worker string, messages []seen) { r.tell(report{Worker: worker, Done: messages}) }

func (r *remote) failed(worker string, msg seen) { r.tell(report{Worker: worker, Failed: &msg}) }

func (r *remote) logged(worker, lines string) { r.tell(report{Worker: worker, Lines: lines}) }

func (r *remote) opened(worker string, partitions []partition, counted, rebalances int64) {
	r.tell(report{Worker: worker, Opened: partitions, Counted: counted, Rebalances: rebalances})
}

// listen lets worker processes tell the record, until the listener is closed.
func (r *record) listen(listener net.Listener, serving *sync.WaitGroup) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		serving.Go(func() { r.hear(conn) })
	}
}

// hear takes the reports of one worker until it ends.
func (r *record) hear(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	reports, answers := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var is report
		if reports.Decode(&is) != nil {
			return
		}
		if answers.Encode(r.take(is)) != nil {
			return
		}
	}
}

func (r *record) take(is report) (answer content) {
	switch {
	case is.Begin != nil:
		return r.begin(is.Worker, *is.Begin)
	case is.Done != nil:
		r.done(is.Worker, is.Done)
	case is.Failed != nil:
		r.failed(is.Worker, *is.Failed)
	case is.Opened != nil:
		r.opened(is.Worker, is.Opened, is.Counted, is.Rebalances)
	case is.Lines != "":
		r.logged(is.Worker, is.Lines)
	}
	return content{}
}
